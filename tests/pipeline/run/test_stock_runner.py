"""The same graph on Beam's own local runner, without anything of ours in it, gives the same bytes."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

from pipeline.run.beam import graph
from pipeline.run.job import run_job
from pipeline.sample_world import SampleWorldConfig
from pipeline.sample_world import run as write_world
from pipeline.wikipedia.config import WikipediaConfig
from pipeline.wikipedia.job import JOB
from tests.conftest import REPOSITORY

TWO_PROCESSES = ["--runner=FnApiRunner", "--direct_running_mode=multi_processing", "--direct_num_workers=2"]


def test_beams_own_local_runner_gives_the_same_bytes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its workers are processes that it starts itself; each is dealt its share of the tasks before the first begins."""
    write_world(SampleWorldConfig(output=str(tmp_path / "dumps"), wikis=("enwiki", "hywiki", "zhwiki"), entities=30))

    def checksums(output: str) -> dict[str, str]:
        config = WikipediaConfig(dumps=(f"{tmp_path}/dumps/*wiki-*.xml.bz2",), output=str(tmp_path / output))
        return {shard.path: shard.sha256 for shard in run_job(JOB, config, TWO_PROCESSES).shards}

    ours = checksums("ours")
    kinds: list[type] = []
    true = graph.beam.Pipeline

    def noted(runner: object, options: object) -> object:
        made = true(runner, options)
        kinds.append(type(made.runner))
        return made

    monkeypatch.setattr(graph, "_runner", lambda *given: None)
    monkeypatch.setattr(graph.beam, "Pipeline", noted)
    assert checksums("stock") == ours
    assert len(ours) >= 6
    assert [kind.__module__ for kind in kinds] == ["apache_beam.runners.portability.fn_api_runner.fn_runner"]


def test_the_page_on_beam_names_everything_private() -> None:
    """What is imported from Beam's runners, and every name of Beam's with an underscore, stands in docs/beam.md."""
    page = (REPOSITORY / "docs" / "beam.md").read_text(encoding="utf-8")
    names: set[str] = set()
    for path in sorted((REPOSITORY / "pipeline" / "run" / "beam").glob("*.py")):
        tree = ast.parse(path.read_text(encoding="utf-8"))
        own = {node.name for node in ast.walk(tree) if isinstance(node, ast.FunctionDef | ast.ClassDef)}
        for node in ast.walk(tree):
            if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("apache_beam.runners"):
                names |= {alias.name for alias in node.names}
            if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("apache_beam"):
                names |= {alias.name for alias in node.names if alias.name.startswith("_")}
            if isinstance(node, ast.Attribute) and node.attr.startswith("_") and not node.attr.startswith("__"):
                mine = isinstance(node.value, ast.Name) and node.value.id in ("self", "os", "cls")
                overridden = isinstance(node.value, ast.Call)  # of super()
                names |= set() if mine or (node.attr in own and not overridden) else {node.attr}
    assert {"_get_bundle_manager", "_worker_handlers", "ParallelBundleManager"} <= names
    assert sorted(name for name in names if name not in page) == []
