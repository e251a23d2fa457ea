"""Subclasses through all steps: beside a plain walk, and as filter and page kind."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.run.job import run_job
from pipeline.wikidata.config import WikidataConfig
from pipeline.wikidata.job import JOB
from pipeline.wikidata.subclasses import ClassGraph
from schemas import ENTITIES, Manifest, read_shard
from schemas.errors import InputMissing
from tests.pipeline.wikidata.entity_lines import line_of, statement

ONE_PROCESS = ["--runner=FnApiRunner", "--direct_running_mode=in_memory"]


@given(
    st.lists(st.tuples(st.integers(1, 12), st.integers(1, 12)), max_size=30), st.sets(st.integers(1, 14), max_size=3)
)
def test_the_walk_finds_what_a_plain_one_finds(edges: list[tuple[int, int]], roots: set[int]) -> None:
    wanted = set(roots)
    while more := {lower for lower, upper in edges if upper in wanted} - wanted:
        wanted |= more
    lower, upper = (np.array([edge[side] for edge in edges], np.int64) for side in (0, 1))
    assert ClassGraph(lower, upper).below(np.array(sorted(roots), np.uint32)).tolist() == sorted(wanted)


def run(folder: Path, lines: list[bytes], output: str, **settings: object) -> tuple[Manifest, list[dict[str, object]]]:
    dump = folder / f"{output}.json"
    dump.write_bytes(b"[\n" + b",\n".join(lines) + b"\n]\n")
    config = WikidataConfig(dumps=(str(dump),), output=str(folder / output), **settings)  # type: ignore[arg-type]
    manifest = run_job(JOB, config, ONE_PROCESS)
    shards = manifest.of(ENTITIES)
    return manifest, [row for shard in shards for row in read_shard(folder / output / shard.path, ENTITIES).to_pylist()]


@pytest.mark.parametrize("scan_from", [0, 1 << 60], ids=["scanned", "decoded"])
def test_filters_and_page_kinds_take_subclasses_in(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, scan_from: int
) -> None:
    monkeypatch.setattr("pipeline.wikidata.job.LEAST_SCANNED_BYTES", scan_from)
    monkeypatch.setattr("pipeline.wikidata.job.LEAST_COMPILED_BYTES", 0)
    city, big_city, capital, odd_list = 515, 1549591, 5119, 900
    edges = {big_city: city, capital: big_city, odd_list: 13406463, 4167410: 13406463}
    classes = [
        line_of(id=f"Q{lower}", claims={"P279": [statement(f"Q{upper}")], "P31": [statement("Q24017414")]})
        for lower, upper in edges.items()
    ]
    run(tmp_path, classes, "classes", relations=("P279",))
    of_class = {1: capital, 2: city, 3: 6256, 4: odd_list, 5: 4167410, 6: 13406463}
    lines = [line_of(id=f"Q{n}", claims={"P31": [statement(f"Q{entity}")]}) for n, entity in of_class.items()]
    folder = str(tmp_path / "classes")

    _, rows = run(tmp_path, lines, "kinds", subclasses=folder)
    kinds = {row["entity"]: row["page_kind"] for row in rows}
    assert kinds == {"Q1": None, "Q2": None, "Q3": None, "Q4": "list", "Q5": "disambiguation", "Q6": "list"}

    manifest, rows = run(tmp_path, lines, "cities", subclasses=folder, instance_of=("Q515", "Q7"))
    assert [row["entity"] for row in rows] == ["Q1", "Q2"]
    assert manifest.accounts[0].dropped == {"other_class": 4} and "subclasses" in manifest.inputs
    with pytest.raises(InputMissing, match="has no triples of P279"):
        run(tmp_path, lines, "wrong", subclasses=str(tmp_path / "kinds"))
