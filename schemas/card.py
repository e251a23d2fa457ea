"""The card of a dataset folder: a README.md that people read, with a head that Hugging Face's `datasets` reads.

With it `load_dataset(FOLDER, "mentions")` opens a table; without, the library takes all files of a folder for one table.

Source: https://huggingface.co/docs/hub/datasets-manual-configuration
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator

from schemas.manifest import Manifest
from schemas.shards import Shard
from schemas.splits import TRAIN, UNSPLIT
from schemas.tables import Table

CARD_NAME = "README.md"
CC0, CC_BY_SA = "cc0-1.0", "cc-by-sa-4.0"
ATTRIBUTION = ("wiki", "title", "page_id", "revision_id")
"""Columns that name the page a text is from, and so its authors."""
_MOST_LANGUAGES = 400
_SHOWN_INPUTS = 40


def dataset_card(manifest: Manifest, tables: Iterable[Table]) -> str:
    """Render the card of a dataset.

    Args:
        manifest: of the dataset.
        tables: those it may have rows of.
    """
    held = [table for table in tables if manifest.rows.get(table.name)]
    return "\n".join([*_head(manifest, held), "", *_body(manifest, held)]) + "\n"


def licence_of(table: Table) -> str:
    """Return the licence of a table's texts: Wikidata's, or Wikipedia's where a column or the page's text is from there."""
    from_wikipedia = {"text", "lead", "contexts", "token_ids"} & set(table.columns.names)
    return CC_BY_SA if from_wikipedia else CC0


def _head(manifest: Manifest, tables: list[Table]) -> Iterator[str]:
    """YAML, every text of which is quoted as JSON quotes it: a bare `no` would be False to YAML, not Norwegian."""
    yield "---"
    yield f"license: {json.dumps(CC_BY_SA if any(licence_of(table) == CC_BY_SA for table in tables) else CC0)}"
    languages = sorted({shard.partition for table in tables for shard in manifest.of(table)} - {""})
    if languages and all(table.partitioned_by in ("", "language") for table in tables):
        yield f"language: {json.dumps(languages[:_MOST_LANGUAGES])}"
    if tables:
        yield "configs:"
    for table in tables:
        yield f"- config_name: {json.dumps(table.folder)}"
        yield "  data_files:"
        for split in sorted({shard.split for shard in manifest.of(table)}):
            yield f"  - split: {json.dumps(TRAIN if split == UNSPLIT else split)}"
            yield f"    path: {json.dumps(_pattern(table, split))}"
    yield "---"


def _pattern(table: Table, split: str) -> str:
    middle = "*/" if table.partitioned_by else ""
    return f"{table.folder}/{middle}{split}-*.parquet"


def _body(manifest: Manifest, tables: list[Table]) -> Iterator[str]:
    yield f"# `{manifest.job}`: {', '.join(table.folder for table in tables) or 'no rows'}"
    yield ""
    yield f"Made by xlm-k {manifest.code_version}, whose data dictionary says what each column is."
    yield f"Fingerprint: `{manifest.fingerprint}`."
    yield ""
    yield "| table | rows | files | MB | languages or wikis | licence |"
    yield "|---|--:|--:|--:|--:|---|"
    for table in tables:
        yield _row(table, list(manifest.of(table)))
    attributed = [table.folder for table in tables if set(ATTRIBUTION) <= set(table.columns.names)]
    if attributed:
        yield ""
        yield (
            f"Texts of {', '.join(f'`{name}`' for name in attributed)} are by the authors of Wikipedia's pages: each row names "
            f"its page by {', '.join(f'`{name}`' for name in ATTRIBUTION)}, and whoever passes it on has to pass that on."
        )
    yield ""
    yield "Made from:"
    yield ""
    for name, what in list(manifest.inputs.items())[:_SHOWN_INPUTS]:
        yield f"- `{name}`: {what}"
    if len(manifest.inputs) > _SHOWN_INPUTS:
        yield f"- and {len(manifest.inputs) - _SHOWN_INPUTS} more, listed in `manifest.json`"
    if tables:
        yield ""
        yield "```python"
        yield "from datasets import load_dataset"
        yield f'load_dataset("FOLDER", {json.dumps(tables[0].folder)})'
        yield "```"


def _row(table: Table, shards: list[Shard]) -> str:
    rows, size = sum(shard.rows for shard in shards), sum(shard.bytes for shard in shards)
    partitions = len({shard.partition for shard in shards}) if table.partitioned_by else ""
    return f"| `{table.folder}` | {rows:,} | {len(shards)} | {size / 1e6:.1f} | {partitions} | {licence_of(table)} |"
