"""Compiled code is kept on disk, by what all its sources say."""

from __future__ import annotations

import bz2
import os
import random
import subprocess
import sys
from pathlib import Path

import pytest

from pipeline.dumps import bzip2
from pipeline.dumps.ranges import blocks
from pipeline.run import compiling
from pipeline.wikidata import job as wikidata
from pipeline.wikidata import scan
from pipeline.wikidata.config import WikidataConfig

PACKAGES = [Path(module.__file__).parent for module in (scan, bzip2)]


@pytest.mark.parametrize("package", PACKAGES, ids=lambda path: path.name)
def test_code_is_kept_by_what_all_sources_say(tmp_path: Path, package: Path) -> None:
    copy = tmp_path / package.name
    copy.mkdir()
    for source in package.glob("*.py"):
        (copy / source.name).write_bytes(source.read_bytes())
    before, same = compiling._cache_folder(package), compiling._cache_folder(copy)
    (copy / "__init__.py").write_text("# changed\n")
    changed = compiling._cache_folder(copy)
    assert before and same and changed and before.name == same.name != changed.name
    assert changed.parent == copy / "__pycache__"


def test_code_that_somebody_else_keeps_is_not_used(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NUMBA_CACHE_DIR", str(tmp_path))
    mine = compiling._cache_folder(PACKAGES[0])
    assert mine is not None and mine.parent == tmp_path and mine.stat().st_mode & 0o777 == 0o700
    monkeypatch.setattr(os, "getuid", lambda: mine.stat().st_uid + 1)
    assert compiling._cache_folder(PACKAGES[0]) is None and not compiling.is_compiled(PACKAGES[0])


def test_what_is_compiled_already_is_not_told(caplog: pytest.LogCaptureFixture) -> None:
    names = ["pipeline.dumps.bzip2.decoder:compile_now"]
    compiling.get_ready(names)
    caplog.clear()
    compiling.get_ready(names)
    assert not caplog.records
    assert compiling.is_compiled(PACKAGES[1])


@pytest.mark.parametrize("size", ["small", "large"])
def test_a_small_dump_is_not_worth_compiling(size: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where nothing is compiled yet; a large dump has its code compiled before the first task."""
    compiled: list[str] = []
    monkeypatch.setattr(compiling, "has_code", lambda package: False)
    monkeypatch.setattr(compiling, "get_ready", compiled.extend)
    monkeypatch.setattr(wikidata, "LEAST_COMPILED_BYTES", 3_000_000 if size == "small" else 1_000_000)
    monkeypatch.setattr(blocks, "_LEAST_COMPILED", 3_000_000 if size == "small" else 1_000_000)
    noise = random.Random(1).randbytes(1_700_000).hex()  # packs to half its length
    dump = tmp_path / "wikidata-20261101-all.json.bz2"
    dump.write_bytes(bz2.compress(f'[\n{{"id":"Q1","type":"item","noise":"{noise}"}}\n]\n'.encode()))
    assert 1_000_000 < dump.stat().st_size < 3_000_000
    tasks = wikidata.plan(WikidataConfig(dumps=(str(dump),), output=str(tmp_path / "out"), languages=("en",)))
    expected = ["pipeline.wikidata.scan.scanner:compile_now", "pipeline.dumps.bzip2.decoder:compile_now"]
    assert compiled == wikidata.JOB.warm_ups(WikidataConfig(dumps=(), output="", languages=("en",)), tasks)
    assert compiled == ([] if size == "small" else expected)


def test_importing_leaves_the_environment_alone_and_code_suits_any_processor() -> None:
    """In a process of its own: every module of `pipeline`, then how Numba was told to compile."""
    script = (
        "import importlib, os, pkgutil, pipeline; before = dict(os.environ)\n"
        "for module in pkgutil.walk_packages(pipeline.__path__, 'pipeline.'):\n"
        "    module.name.endswith('__main__') or importlib.import_module(module.name)\n"
        "assert dict(os.environ) == before, set(os.environ.items()) ^ set(before.items())\n"
        "from pipeline.dumps.bzip2 import transform\n"
        "print(transform.link.targetctx.codegen().magic_tuple()[1:])\n"
    )
    environment = {name: text for name, text in os.environ.items() if not name.startswith("NUMBA_CPU")}
    done = subprocess.run([sys.executable, "-c", script], env=environment, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (0, "('generic', '')\n"), done.stderr
