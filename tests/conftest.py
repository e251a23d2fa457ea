"""Fixtures that all tests share."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from model.cli import sleep_while_waiting

sleep_while_waiting()

REPOSITORY = Path(__file__).resolve().parent.parent


@pytest.fixture(scope="session")
def real_data() -> Path:
    """Folder of real dumps, tokenizer and evaluation sets; skips the test where it is absent."""
    folder = Path(os.environ.get("XLMK_DATA", REPOSITORY.parent / "shared" / "data"))
    if not folder.is_dir():
        pytest.skip("needs the real data: set XLMK_DATA to its folder")
    return folder


@pytest.fixture(scope="session")
def sample_build(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A small build of the sample world, made once: folders wikidata, wikipedia, link, tokenizer, tokens."""
    from pipeline.build import job as build
    from pipeline.sample_world import SampleWorldConfig
    from pipeline.sample_world import run as write_world

    folder = tmp_path_factory.mktemp("sample-build")
    wikis = ("enwiki", "hywiki", "zhwiki")
    write_world(SampleWorldConfig(output=str(folder / "dumps"), wikis=wikis, entities=90))
    config = build.BuildConfig(
        dumps=str(folder / "dumps"), output=str(folder), vocab_size=1_200, validation_per_mille=150
    )
    build.run(config, ["--direct_num_workers=1"])
    return folder
