"""What entities are called most often in running text, by language: `python examples/read_mentions.py data/sample`."""

import sys
from pathlib import Path

import polars

build = Path(sys.argv[1])
contexts = polars.scan_parquet(build / "link" / "mentions" / "*" / "train-*.parquet")
mention = polars.col("mentions").struct
surfaces = (
    contexts.select("language", "text", "mentions")
    .explode("mentions")
    .select(
        "language",
        entity=mention.field("entity"),
        # Offsets count code points, as Polars and Python do.
        surface=polars.col("text").str.slice(mention.field("start"), mention.field("end") - mention.field("start")),
    )
    .group_by("language", "entity", "surface")
    .len("times")
    .sort("times", "language", "entity", "surface", descending=[True, False, False, False])
)
with polars.Config(tbl_rows=-1):
    print(surfaces.head(20).collect())
