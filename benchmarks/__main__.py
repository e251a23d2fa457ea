"""`python -m benchmarks`: the benchmarks that need neither data nor a GPU, in a short form of some two minutes.

The figures of `benchmarks/README.md` come from the long forms, which each script's own docstring shows.
"""

from __future__ import annotations

import subprocess
import sys

SHORT = (
    ("benchmarks.linking", "titles", "--titles", "200000"),
    ("benchmarks.linking", "mentions", "--mentions", "200000"),
    ("benchmarks.training", "--pairs", "8", "--steps", "3"),
    ("model", "bench", "--steps", "5"),
)
"""Modules with their arguments."""


def main() -> int:
    """Runs them one after the other, each in a process of its own; returns how many failed."""
    failed = 0
    for command in SHORT:
        print(f"\n== python -m {' '.join(command)}", flush=True)
        failed += subprocess.run([sys.executable, "-m", *command], check=False).returncode != 0
    if failed:
        print(f"{failed} of {len(SHORT)} failed", file=sys.stderr)
    return failed


if __name__ == "__main__":
    sys.exit(main())
