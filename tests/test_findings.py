"""Findings keep to their form: they can be run, are pinned, clean up, and stand in the list."""

from __future__ import annotations

import os
import re
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.conftest import REPOSITORY

FOLDER = REPOSITORY / "findings"

GOOD = """#!/usr/bin/env bash
# One would guess that one and one is three. It is two. It matters here because pairs are counted.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
pip install --quiet --target "$folder" numpy==2.4.6
"""


def faults(path: Path, listed: str) -> list[str]:
    """What is wrong with the form of a script."""
    text = path.read_text(encoding="utf-8")
    commands = "\n".join(line for line in text.splitlines() if not line.lstrip().startswith("#"))
    header = re.match(r"#!/usr/bin/env bash\n((?:#.*\n)+|set -euo pipefail\n(?:\n?#.*\n)+)", text)
    checks = {
        "does not begin with #!/usr/bin/env bash": text.startswith("#!/usr/bin/env bash\n"),
        "has no comment that says what it shows": header is not None,
        "does not stop at errors": re.search(r"^set -euo pipefail$", commands, re.M) is not None,
        "has no folder of its own": "mktemp -d" in commands,
        "does not clean up": "trap" in commands,
        "pins nothing": "==" in commands,
        "speaks of this project's code": re.search(r"(\bimport|\bfrom|-m) (pipeline|model|schemas)\b", commands)
        is None,
        "is not executable": os.access(path, os.X_OK),
        "is no bash": subprocess.run(["bash", "-n", str(path)], check=False, capture_output=True).returncode == 0,
        "does not stand in findings/README.md once": listed.count(f"[{path.name}]({path.name})") == 1,
    }
    return [fault for fault, holds in checks.items() if not holds]


@pytest.mark.parametrize("path", sorted(FOLDER.glob("*.sh")), ids=lambda path: path.name)
def test_every_finding_keeps_to_the_form(path: Path) -> None:
    assert faults(path, (FOLDER / "README.md").read_text(encoding="utf-8")) == []


def test_the_list_names_scripts_that_exist() -> None:
    named = re.findall(r"\[([\w-]+\.sh)\]\(\1\)", (FOLDER / "README.md").read_text(encoding="utf-8"))
    assert sorted(named) == sorted(path.name for path in FOLDER.glob("*.sh"))
    assert [path.name for path in FOLDER.iterdir() if path.suffix not in (".sh", ".md")] == []


SPOILT: dict[str, Callable[[str], str]] = {
    "does not begin with #!/usr/bin/env bash": lambda text: text.replace("/usr/bin/env bash", "/bin/sh"),
    "has no comment that says what it shows": lambda text: re.sub(r"# One.*\n", "", text),
    "does not stop at errors": lambda text: text.replace("set -euo pipefail", "set -e"),
    "has no folder of its own": lambda text: text.replace("$(mktemp -d)", "/tmp/here"),
    "does not clean up": lambda text: re.sub(r"trap.*\n", "", text),
    "pins nothing": lambda text: text.replace("==2.4.6", ""),
    "speaks of this project's code": lambda text: text + "python -m pipeline doctor\n",
    "is no bash": lambda text: text + "if true; then\n",
}


@pytest.mark.parametrize("fault", SPOILT)
def test_a_script_out_of_form_is_found(fault: str, tmp_path: Path) -> None:
    path, listed = tmp_path / "one.sh", "[one.sh](one.sh)"
    path.write_text(GOOD, encoding="utf-8")
    assert faults(path, listed) == ["is not executable"]
    path.chmod(0o755)
    assert faults(path, listed) == [] and faults(path, "") == ["does not stand in findings/README.md once"]
    path.write_text(SPOILT[fault](GOOD), encoding="utf-8")
    assert fault in faults(path, listed)
