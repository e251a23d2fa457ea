"""Every setting changes something: it is read by the code, and a test sets it."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

from tests.conftest import REPOSITORY

NOT_SET = {
    "DownloadConfig": {"wikidata_date", "wikidata_compression", "contact"},
    "TokenizeConfig": {"max_document_bytes"},
    "WikipediaConfig": {"lead_characters", "zh_variant", "max_page_bytes"},
    "FinetuneConfig": {"train_language", "adam_epsilon"},
    "ScoreConfig": {"gold"},
}
"""Settings that no test sets by name yet (`gold` is given by position): the list may only become shorter."""


def trees(*folders: str) -> Iterator[tuple[Path, ast.Module]]:
    for folder in folders:
        for path in sorted((REPOSITORY / folder).rglob("*.py")):
            yield path, ast.parse(path.read_text(encoding="utf-8"))


@cache
def settings() -> dict[str, list[str]]:
    """Fields of every configuration, by its name."""
    found = {}
    for _, tree in trees("pipeline", "model"):
        for node in ast.walk(tree):
            if isinstance(node, ast.ClassDef) and node.name.endswith("Config"):
                found[node.name] = [
                    item.target.id
                    for item in node.body
                    if isinstance(item, ast.AnnAssign) and isinstance(item.target, ast.Name)
                ]
    return found


@cache
def names_read() -> frozenset[str]:
    """Attributes that are read somewhere but in the checks of the configuration itself, and names that are asked for as text."""
    found = set()
    for _, tree in trees("schemas", "pipeline", "model"):
        own = {
            id(inner)
            for node in ast.walk(tree)
            if isinstance(node, ast.FunctionDef) and node.name == "__post_init__"
            for inner in ast.walk(node)
        }
        for node in ast.walk(tree):
            if isinstance(node, ast.Attribute) and isinstance(node.ctx, ast.Load) and id(node) not in own:
                found.add(node.attr)
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "getattr":
                found |= {f"{objective}{end}" for objective in ("mlm", "mep", "oe") for end in _ends(node)}
    return frozenset(found)


def _ends(call: ast.Call) -> list[str]:
    """What stands behind an objective's name in `getattr(config, f"{objective}_share")`."""
    name = call.args[1]
    if not isinstance(name, ast.JoinedStr) or not isinstance(name.values[-1], ast.Constant):
        return []
    return [str(name.values[-1].value)]


@cache
def names_set_by_tests() -> frozenset[str]:
    """Names of arguments, keys and flags in the tests."""
    found = set()
    for path, tree in trees("tests"):
        for node in ast.walk(tree) if path != Path(__file__) else ():
            if isinstance(node, ast.keyword) and node.arg:
                found.add(node.arg)
            if isinstance(node, ast.Constant) and isinstance(node.value, str):
                found |= {flag.replace("-", "_") for flag in re.findall(r"--(?:[\w-]+\.)?([\w-]+)", node.value)}
                found |= {node.value} if node.value.isidentifier() else set()
    for name in ("Makefile", ".ci/run"):
        text = (REPOSITORY / name).read_text(encoding="utf-8")
        found |= {flag.replace("-", "_") for flag in re.findall(r"--(?:[\w-]+\.)?([\w-]+)", text)}
    return frozenset(found)


def test_configurations_are_found() -> None:
    found = settings()
    assert len(found) > 15 and "max_line_bytes" in found["WikidataConfig"] and "mlm_alpha" in found["StreamConfig"]


@pytest.mark.parametrize("name", settings())
def test_every_setting_is_read(name: str) -> None:
    assert [field for field in settings()[name] if field not in names_read()] == []


@pytest.mark.parametrize("name", settings())
def test_every_setting_is_set_by_a_test(name: str) -> None:
    unset = {field for field in settings()[name] if field not in names_set_by_tests()}
    assert unset == NOT_SET.get(name, set()), "set it in a test, or take it off the list where one does now"
