"""What the job `wikidata` reads once for all of its tasks: merged items, and subclasses. It lies below `_shared/`."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path

import numpy as np

from pipeline.run import storage
from pipeline.run.task import SHARED_FOLDER
from pipeline.wikidata.columns import ItemOptions
from pipeline.wikidata.config import WikidataConfig, item_options, merged_dumps
from pipeline.wikidata.merged import read_merged
from pipeline.wikidata.subclasses import kinds_below, read_class_graph
from pipeline.wikis.merged_items import MergedItems
from pipeline.wikis.numbers import open_array, save_array
from schemas.errors import UsageError

_MERGED, _CLASSES, _KINDS = "merged.npy", "classes.npy", "kinds.json"


def prepare(config: WikidataConfig, built: str) -> None:
    """Read both, where they are asked for; what is there from a stopped run is taken over.

    Raises:
        UsageError: the output is not on a local disk.
        InputMissing, InputCorrupt: a dump or dataset is not there, or is none.
    """
    if not (config.merged or config.subclasses):
        return
    if not storage.is_local(built):
        raise UsageError(
            f"merged and subclasses are mapped from files: {config.output} must be on a local or mounted disk"
        )
    folder = Path(built, SHARED_FOLDER)
    if config.merged and not (folder / _MERGED).exists():
        items = read_merged(*merged_dumps(config))
        save_array(folder / _MERGED, np.stack([items.merged, items.entity]))
    if config.subclasses and not (folder / _KINDS).exists():
        graph, wanted = read_class_graph(Path(config.subclasses)), item_options(config).rows.classes
        if wanted is not None:
            save_array(folder / _CLASSES, graph.below(wanted))
        storage.write_text(str(folder / _KINDS), json.dumps(kinds_below(graph)))


def merged_items(config: WikidataConfig, built: str) -> MergedItems | None:
    """Read the items that lead to others; None where they are not asked for."""
    return MergedItems(*open_array(Path(built, SHARED_FOLDER, _MERGED))) if config.merged else None


def options_of_task(config: WikidataConfig, built: str) -> ItemOptions:
    """Say what is kept of each entity, with what was prepared."""
    options, folder = item_options(config), Path(built, SHARED_FOLDER)
    options = dataclasses.replace(options, merged=merged_items(config, built))
    if not config.subclasses:
        return options
    rows = options.rows
    if rows.classes is not None:
        rows = dataclasses.replace(rows, classes=open_array(folder / _CLASSES))
    return dataclasses.replace(options, rows=rows, kinds=json.loads((folder / _KINDS).read_text("utf-8")))
