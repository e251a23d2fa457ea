"""The scripts in examples/ run as docs/python.md says, on the sample build."""

from __future__ import annotations

import os
import pkgutil
import re
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest

from schemas import MENTIONS, TRAIN, iter_shard, read_manifest
from tests.conftest import REPOSITORY

DOCUMENT = REPOSITORY / "docs" / "python.md"


def run(script: str, *arguments: str, text: str = "") -> str:
    """What an example prints; it must end well."""
    done = subprocess.run(
        [sys.executable, str(REPOSITORY / "examples" / script), *arguments],
        input=text,
        env=os.environ | {"PYTHONPATH": str(REPOSITORY), "OMP_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_mentions_are_counted_as_the_tables_have_them(sample_build: Path) -> None:
    counts: Counter[tuple[str, str, str]] = Counter()
    folder = sample_build / "link"
    for shard in read_manifest(folder).of(MENTIONS, split=TRAIN):
        for batch in iter_shard(folder / shard.path, MENTIONS):
            for row in batch.to_pylist():
                for mention in row["mentions"]:
                    surface = row["text"][mention["start"] : mention["end"]]
                    counts[row["language"], mention["entity"], surface] += 1
    lines = [re.findall(r"[^│┆]+", line) for line in run("read_mentions.py", str(sample_build)).splitlines()]
    told = [[cell.strip() for cell in line] for line in lines if len(line) == 4][3:]
    assert len(told) == 20
    for language, entity, surface, times in told:
        assert counts[language, entity, surface] == int(times)
    assert [int(times) for *_, times in told] == sorted(counts.values(), reverse=True)[:20]


def test_a_loop_of_ones_own_lowers_the_loss(sample_build: Path) -> None:
    lines = run("train_loop.py", str(sample_build / "tokens"), "30").splitlines()
    losses = [float(re.findall(r"mlm/loss (\S+)", line)[0]) for line in lines]
    assert len(losses) == 30 and sum(losses[-5:]) < sum(losses[:5])


def test_a_page_is_read_from_wikitext() -> None:
    page = "'''Mto''' ni mto mrefu wa nchi ya [[Kenya#Mito|Kenya]].<ref>[[Uganda]]</ref>\n\n== Mwisho ==\n[[Nairobi]]\n"
    assert run("parse_page.py", "swwiki", "Mto", text=page).splitlines() == [
        "Mto ni mto mrefu wa nchi ya Kenya.",
        "'Kenya' leads to 'Kenya', section 'Mito'",
        "'Nairobi' leads to 'Nairobi'",
    ]
    assert run("parse_page.py", "enwiki", "Empty", text="== Nothing ==\n") == "no lead: empty\n"


@pytest.mark.parametrize("path", sorted(REPOSITORY.glob("examples/*.py")), ids=lambda path: path.name)
def test_every_example_is_told_of_and_short(path: Path) -> None:
    assert f"[{path.name}](../examples/{path.name})" in DOCUMENT.read_text(encoding="utf-8")
    assert len(path.read_text(encoding="utf-8").splitlines()) <= 50


def test_names_in_the_document_exist() -> None:
    names = re.findall(r"`((?:model|schemas|pipeline)\.[\w.]+)`", DOCUMENT.read_text(encoding="utf-8"))
    assert len(names) > 5 and all(pkgutil.resolve_name(name) for name in names)
