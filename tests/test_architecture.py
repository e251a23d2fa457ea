"""The rules of the design that a machine can hold: who imports whom, nothing unpickled, no long modules."""

from __future__ import annotations

import ast
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.conftest import REPOSITORY

PACKAGES = ("schemas", "pipeline", "model")
FORBIDDEN_NAMES = {"utils", "util", "common", "helpers", "helper", "base", "misc"}
LONGEST_MODULE = 400


def modules(*folders: str) -> list[Path]:
    return sorted(path for folder in folders for path in (REPOSITORY / folder).rglob("*.py"))


def imported(path: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield node.module


RULES = [
    ("schemas", {"pipeline", "model", "apache_beam", "torch", "transformers"}),
    ("pipeline", {"model", "torch", "transformers"}),
    ("pipeline/parsing", {"apache_beam", "pipeline.run.job", "pipeline.run.beam"}),
    ("model", {"pipeline", "apache_beam"}),
]


@pytest.mark.parametrize(("folder", "forbidden"), RULES, ids=[rule[0] for rule in RULES])
def test_imports_flow_one_way(folder: str, forbidden: set[str]) -> None:
    broken = [
        f"{path.relative_to(REPOSITORY)} imports {name}"
        for path in modules(folder)
        for name in imported(path)
        if any(name == word or name.startswith(f"{word}.") for word in forbidden)
    ]
    assert broken == []


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
