"""The rules of the design that a machine can hold: who imports whom, nothing unpickled, no long modules."""

from __future__ import annotations

import ast
import re
import subprocess
from collections.abc import Iterator
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import pytest

from tests.conftest import REPOSITORY

PACKAGES = ("schemas", "pipeline", "model")
FORBIDDEN_NAMES = {"utils", "util", "common", "helpers", "helper", "base", "misc"}
LONGEST_MODULE = 300


def modules(*folders: str) -> list[Path]:
    return sorted(path for folder in folders for path in (REPOSITORY / folder).rglob("*.py"))


def imported(path: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            for alias in node.names:
                inner = f"{node.module}.{alias.name}"
                yield inner if is_module(inner) else node.module


def is_module(name: str) -> bool:
    path = REPOSITORY.joinpath(*name.split("."))
    return path.with_suffix(".py").is_file() or (path / "__init__.py").is_file()


def module_name(path: Path) -> str:
    parts = path.relative_to(REPOSITORY).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


RULES = [
    ("schemas", {"pipeline", "model", "apache_beam", "torch", "transformers"}),
    ("pipeline", {"model", "torch", "transformers"}),
    ("model", {"pipeline", "apache_beam"}),
]

FLOORS = {
    "pipeline": (
        ("run", "sample_world"),
        ("wikis",),
        ("dumps",),
        ("fetch", "wikidata", "wikipedia", "link", "tokens"),
        ("build", "doctor", "publish", "report", "verify"),
        ("cli",),
    ),
    "model": (
        ("addresses", "distributed", "batch"),
        ("data",),
        ("config",),
        ("recipes", "method"),
        ("training",),
        ("evaluation", "measuring"),
        ("entities", "reporting"),
        ("commands",),
        ("cli",),
    ),
    "model/data": (("draws", "special_tokens", "stream_config"), ("stores",), ("examples",), ("stream",), ("loading",)),
    "pipeline/wikipedia": (
        ("config", "pages", "siteinfo", "wikitext", "left_out"),
        ("articles", "templates"),
        ("columns",),
        ("rows",),
        ("reading", "html"),
        ("job",),
        ("quality",),
    ),
}
"""Rooms of a folder from the ground up: each may import those of lower floors, and none of its own floor but itself."""


@pytest.mark.parametrize(("folder", "forbidden"), RULES, ids=[rule[0] for rule in RULES])
def test_imports_flow_one_way(folder: str, forbidden: set[str]) -> None:
    broken = [
        f"{path.relative_to(REPOSITORY)} imports {name}"
        for path in modules(folder)
        for name in imported(path)
        if any(name == word or name.startswith(f"{word}.") for word in forbidden)
    ]
    assert broken == []


@pytest.mark.parametrize("folder", FLOORS)
def test_no_room_imports_one_above_it(folder: str) -> None:
    floors = FLOORS[folder]
    floor_of = {room: number for number, rooms in enumerate(floors) for room in rooms}
    package = folder.replace("/", ".")
    broken = []
    for path in modules(folder):
        parts = path.relative_to(REPOSITORY / folder).with_suffix("").parts
        room = parts[0]
        if room in ("__init__", "__main__"):
            continue
        assert room in floor_of, f"{folder}/{room} has no floor yet: give it one in FLOORS"
        for name in imported(path):
            other = name.removeprefix(f"{package}.").split(".")[0] if name.startswith(f"{package}.") else room
            if other != room and floor_of[other] >= floor_of[room]:
                broken.append(f"{path.relative_to(REPOSITORY)} imports {name}")
    assert broken == []


def test_beam_is_imported_by_the_runner_alone() -> None:
    found = [
        str(path.relative_to(REPOSITORY))
        for path in modules("pipeline")
        if path.relative_to(REPOSITORY / "pipeline").parts[0] not in ("run", "doctor.py")
        and any(name.split(".")[0] == "apache_beam" for name in imported(path))
    ]
    assert found == []


def test_no_circle_of_imports() -> None:
    """Also not through imports inside functions or for types alone: who reads one module of a circle has to read all."""
    names = {module_name(path): path for path in modules(*PACKAGES)}
    graph = {
        name: {other for other in imported(path) if other in names and other != name} for name, path in names.items()
    }
    try:
        list(TopologicalSorter(graph).static_order())
    except CycleError as error:
        pytest.fail(f"a circle: {' -> '.join(error.args[1])}")


def test_nothing_is_unpickled() -> None:
    calls = []
    for path in modules(*PACKAGES):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Import) and any(alias.name in ("pickle", "dill", "joblib") for alias in node.names):
                calls.append(f"{path.relative_to(REPOSITORY)}:{node.lineno} imports a pickling module")
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
                owner = node.func.value.id if isinstance(node.func.value, ast.Name) else ""
                pickled = any(
                    word.arg == "allow_pickle" and getattr(word.value, "value", None) is True for word in node.keywords
                )
                if (owner, node.func.attr) in {("torch", "load"), ("pickle", "load"), ("pickle", "loads")} or pickled:
                    calls.append(f"{path.relative_to(REPOSITORY)}:{node.lineno}")
    assert calls == []


def test_no_module_is_named_for_nothing() -> None:
    assert [path for path in modules(*PACKAGES) if path.stem in FORBIDDEN_NAMES] == []


def test_modules_can_be_read_in_one_sitting() -> None:
    lengths = {
        str(p.relative_to(REPOSITORY)): len(p.read_text(encoding="utf-8").splitlines()) for p in modules(*PACKAGES)
    }
    assert {name: n for name, n in lengths.items() if n > LONGEST_MODULE} == {}


def test_every_module_says_what_it_is_for() -> None:
    silent = [p for p in modules(*PACKAGES) if not ast.get_docstring(ast.parse(p.read_text(encoding="utf-8")))]
    assert silent == []


def test_builtin_hash_and_global_randomness_are_not_used() -> None:
    """The builtin `hash` differs between processes; a global generator makes results depend on the order of calls."""
    found = []
    for path in modules(*PACKAGES):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if not isinstance(node, ast.Call):
                continue
            name = ast.unparse(node.func)
            is_global = name.startswith(("random.", "np.random.", "numpy.random.")) and name.split(".")[-1] in {
                "random", "randint", "choice", "shuffle", "seed", "rand", "randn", "uniform", "sample", "permutation",
            }  # fmt: skip
            if name == "hash" or is_global:
                found.append(f"{path.relative_to(REPOSITORY)}:{node.lineno} {name}")
    assert found == []


def test_tracked_files_are_small_and_free_of_machine_paths() -> None:
    listing = subprocess.run(
        ["git", "ls-files", "-z"], cwd=REPOSITORY, capture_output=True, check=False
    ).stdout.decode()
    names = [name for name in listing.split("\0") if name]
    if not names:
        pytest.skip("not a git checkout")
    paths = [REPOSITORY / name for name in names if (REPOSITORY / name).is_file()]
    assert [path for path in paths if path.stat().st_size > 4_000_000] == []


def test_the_drawing_of_the_floors_is_true() -> None:
    page = (REPOSITORY / "docs" / "architecture.md").read_text(encoding="utf-8")
    drawn = [re.sub(r"\s+", " ", line) for line in page.split("```text")[2].split("```")[0].splitlines()]
    for folder in ("pipeline", "model", "model/data"):
        for number, rooms in enumerate(FLOORS[folder]):
            assert any(f" {number} {' '.join(rooms)}" in line for line in drawn), (folder, number, rooms)
