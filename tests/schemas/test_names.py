"""Lists of names are understood in every way they are written, by every command."""

from __future__ import annotations

import dataclasses
import importlib
import pkgutil
import typing
from typing import Any

import pytest
import tyro

import model
import pipeline
from model.commands import pretrain
from pipeline.build.job import BuildConfig
from pipeline.fetch.job import DownloadConfig
from pipeline.link.config import LinkConfig
from pipeline.wikidata.config import WikidataConfig
from schemas.errors import UsageError
from schemas.names import Names, split_names

WAYS = [["sw,yo,tr"], ["sw", "yo", "tr"], ["sw yo tr"], ["sw,yo", "tr"], ["sw,", "yo", ",tr"], ["sw,yo tr", "sw"]]
"""Ways to write three languages behind `--languages`."""


@pytest.mark.parametrize("words", WAYS, ids=" | ".join)
@pytest.mark.parametrize("config", [WikidataConfig, LinkConfig, BuildConfig, DownloadConfig])
def test_the_pipelines_commands_take_every_way(config: type, words: list[str]) -> None:
    needed = [f"--{field.name}=x" for field in dataclasses.fields(config) if field.default is dataclasses.MISSING]
    parsed: Any = tyro.cli(config, args=[*needed, "--languages", *words])
    assert parsed.languages == ("sw", "yo", "tr")


@pytest.mark.parametrize("words", WAYS, ids=" | ".join)
def test_the_trainer_takes_every_way(words: list[str]) -> None:
    config = pretrain.parse(["tiny", "--data=x", "--output=y", "--stream.languages", *words, "--objectives", "oe,mlm"])
    assert config.stream.languages == ("sw", "yo", "tr")
    assert config.resolved().objectives == ("mlm", "oe")


def test_every_configuration_has_languages_of_one_type() -> None:
    """One type, so that the next command cannot bring a way of its own."""
    others = []
    for package in (pipeline, model):
        for module in pkgutil.walk_packages(package.__path__, f"{package.__name__}."):
            if module.name.endswith("__main__"):
                continue
            for name, kind in vars(importlib.import_module(module.name)).items():
                if name.endswith("Config") and dataclasses.is_dataclass(kind):
                    hints = typing.get_type_hints(kind, include_extras=True)
                    others += [f"{module.name}.{name}.{word}" for word in ("languages", "wikis", "objectives")
                               if word in hints and hints[word] != Names]  # fmt: skip
    assert others == []


def test_what_is_no_text_is_told() -> None:
    with pytest.raises(UsageError, match="names are text, found 3"):
        split_names(["sw", 3])  # type: ignore[list-item]
