"""What is installed: commands, types, data; and what importing does not do."""

from __future__ import annotations

import importlib
import subprocess
import sys
import tomllib

import pytest
from packaging.version import Version

from tests.conftest import REPOSITORY

PROJECT = tomllib.loads((REPOSITORY / "pyproject.toml").read_text(encoding="utf-8"))["project"]


@pytest.mark.parametrize("name", PROJECT["scripts"])
def test_console_commands_are_those_of_the_modules(name: str) -> None:
    module, _, function = PROJECT["scripts"][name].partition(":")
    package = module.partition(".")[0]
    started = importlib.import_module(f"{package}.__main__").main  # type: ignore[attr-defined]
    assert getattr(importlib.import_module(module), function) is started


@pytest.mark.parametrize("package", ["schemas", "pipeline", "model"])
def test_packages_say_that_they_are_typed(package: str) -> None:
    assert (REPOSITORY / package / "py.typed").is_file()


def test_importing_the_trainer_leaves_the_environment_alone() -> None:
    """Its commands let waiting threads sleep; a program that imports it decides for itself."""
    code = (
        "import os; before = dict(os.environ); import importlib, pkgutil, model\n"
        "for name in ['model', 'model.cli', 'model.config', 'model.data.stream.stream', 'model.training.trainer']:\n"
        "    importlib.import_module(name)\n"
        "assert {k: v for k, v in os.environ.items() if before.get(k) != v} == {}, set(os.environ) - set(before)\n"
    )
    environment = {"PATH": "/usr/bin:/bin", "PYTHONPATH": str(REPOSITORY)}
    done = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def test_the_trainers_commands_let_waiting_threads_sleep() -> None:
    code = (
        "import os, sys; from model.cli import main\ntry: main(['help'])\nfinally: print(os.environ['OMP_WAIT_POLICY'])"
    )
    environment = {"PATH": "/usr/bin:/bin", "PYTHONPATH": str(REPOSITORY)}
    said = {}
    for policy in ("", "ACTIVE"):
        done = subprocess.run(
            [sys.executable, "-c", code],
            env=environment | ({"OMP_WAIT_POLICY": policy} if policy else {}),
            capture_output=True, text=True, check=True,
        )  # fmt: skip
        said[policy] = done.stdout.split()[-1]
    assert said == {"": "PASSIVE", "ACTIVE": "ACTIVE"}


def test_version_is_told_once() -> None:
    """The citation, the changelog and the package speak of the same version; the changelog may be one ahead."""
    yaml = (REPOSITORY / "CITATION.cff").read_text(encoding="utf-8")
    assert f"\nversion: {PROJECT['version']}\n" in yaml
    changelog = (REPOSITORY / "CHANGELOG.md").read_text(encoding="utf-8")
    versions = [line.split()[1].rstrip(",") for line in changelog.splitlines() if line.startswith("## ")]
    assert PROJECT["version"] in versions and versions == sorted(versions, key=Version, reverse=True)


def test_the_changelog_keeps_to_its_form() -> None:
    lines = (REPOSITORY / "CHANGELOG.md").read_text(encoding="utf-8").splitlines()
    headings = [line for line in lines if line.startswith("### ")]
    assert {line for line in headings} <= {f"### {name}" for name in ("Added", "Changed", "Fixed", "Removed")}
    assert all(line.startswith(("#", "- ", "  ")) or not line for line in lines[5:])
