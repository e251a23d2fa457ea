"""`python -m pipeline doctor`: says in words what this machine has, what is missing, and what follows from it."""

from __future__ import annotations

import importlib.metadata
import importlib.util
import locale
import os
import pyexpat
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from pipeline.run.storage import in_words
from schemas.errors import XlmkError

if TYPE_CHECKING:  # what is missing must be said, not stumbled over: these are imported where they are used
    from packaging.requirements import Requirement

    from pipeline.fetch.server import DumpServer

PYTHONS = ((3, 11), (3, 13))
"""Oldest and newest Python that the packages exist for."""
SAFE_EXPAT = (2, 6, 0)
"""Older ones take time quadratic in the length of one token, so that one hostile comment costs minutes."""
MEMORY_BYTES = 4 << 30
"""What the sample world and the tiny recipe need."""
DISK_BYTES = 5 << 30
"""Room for a small wiki's dump and its tables. English and Wikidata together need about 400 GB."""
EXTRAS = ("", "pipeline", "model", "report", "dev")

Verdict = Literal["ok", "note", "missing"]


@dataclass(frozen=True)
class Line:
    """What was found about one thing."""

    verdict: Verdict
    """`missing` is what the project cannot do without."""
    subject: str
    """What was looked at."""
    words: str
    """What was found, and what to do about it."""


@dataclass(frozen=True, kw_only=True)
class DoctorConfig:
    """What to look at."""

    folder: str = "."
    """Where dumps and datasets are to be written."""
    network: bool = True
    """Whether to ask the dump server for its front page."""


CONFIG = DoctorConfig
"""What the command line is made from."""


def run(config: DoctorConfig) -> int:
    """Print what was found; returns 0, or 2 where something is missing."""
    lines = list(examine(config))
    for line in lines:
        print(f"{line.verdict:<8} {line.subject:<9} {line.words}")
    missing = sum(line.verdict == "missing" for line in lines)
    notes = sum(line.verdict == "note" for line in lines)
    print(f"\n{missing} missing, {notes} worth a note." if missing or notes else "\nEverything is there.")
    return 2 if missing else 0


def examine(config: DoctorConfig) -> Iterator[Line]:
    """Yield one line per thing that the project depends on."""
    yield python_line(sys.version_info[:3])
    yield expat_line(pyexpat.version_info)
    yield from packages()
    yield memory_line(memory_bytes())
    yield from folder_lines(Path(config.folder))
    yield gpu_line(nvidia_gpus())
    yield locale_line(locale.getpreferredencoding(False), sys.getfilesystemencoding())
    if config.network:
        yield network_line()


def python_line(found: tuple[int, ...]) -> Line:
    """Judge the version of Python."""
    name = ".".join(map(str, found))
    low, high = PYTHONS
    if low <= found[:2] <= high:
        return Line("ok", "Python", f"{name}, {os.cpu_count()} cores")
    return Line("missing", "Python", f"{name}; use {low[0]}.{low[1]} to {high[0]}.{high[1]}, where all packages exist")


def expat_line(found: tuple[int, ...]) -> Line:
    """Judge the XML parser that Python was built with."""
    name = ".".join(map(str, found))
    if found >= SAFE_EXPAT:
        return Line("ok", "expat", name)
    wanted = ".".join(map(str, SAFE_EXPAT))
    return Line(
        "note",
        "expat",
        f"{name} is older than {wanted} and slow on hostile XML; a newer build of Python brings a newer one",
    )


def packages() -> Iterator[Line]:
    """Judge the installed packages against what this project asks for."""
    try:
        from packaging.requirements import Requirement

        wanted = importlib.metadata.requires("xlm-k") or []
        version = importlib.metadata.version("xlm-k")
    except (importlib.metadata.PackageNotFoundError, ImportError):
        yield Line("missing", "project", "xlm-k is not installed in this Python; run `make setup`")
        return
    yield Line("ok", "project", f"xlm-k {version}")
    requirements = [Requirement(text) for text in wanted]
    for extra in EXTRAS:
        yield package_line(extra, [need for need in requirements if _belongs(need, extra)])


def _belongs(need: Requirement, extra: str) -> bool:
    if need.marker is None:
        return not extra
    return bool(extra) and need.marker.evaluate({"extra": extra}) and not need.marker.evaluate({"extra": ""})


def package_line(extra: str, needs: list[Requirement]) -> Line:
    """Judge the packages of one extra."""
    problems = [problem for need in needs if (problem := _package_problem(need))]
    subject = extra or "contract"
    if not problems:
        return Line("ok", subject, f"{len(needs)} packages")
    verdict: Verdict = "missing" if len(problems) < len(needs) or not extra else "note"
    install = f"`pip install -c constraints.txt -e .[{extra}]`" if extra else "`make setup`"
    return Line(verdict, subject, f"{', '.join(problems)}; {install} installs them")


def _package_problem(need: Requirement) -> str:
    try:
        found = importlib.metadata.version(need.name)
    except importlib.metadata.PackageNotFoundError:
        return f"{need.name} absent"
    return "" if need.specifier.contains(found, prereleases=True) else f"{need.name} {found} is not {need.specifier}"


def memory_bytes() -> int:
    """Return the memory this process may use: the machine's, or its container's where that is less; 0 if unknown."""
    try:
        total = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    except (ValueError, OSError):
        return 0
    limit = Path("/sys/fs/cgroup/memory.max")
    text = limit.read_text().strip() if limit.exists() else "max"
    return min(total, int(text)) if text.isdigit() else total


def memory_line(found: int) -> Line:
    """Judge the memory."""
    if found == 0:
        return Line("note", "memory", "unknown on this system")
    if found < MEMORY_BYTES:
        return Line(
            "note", "memory", f"{in_words(found)}; the sample needs about {in_words(MEMORY_BYTES)}, close others"
        )
    return Line("ok", "memory", in_words(found))


def folder_lines(folder: Path) -> Iterator[Line]:
    """Judge the disk below the folder, by its free space and by writing a file."""
    place = folder.absolute()
    while not place.exists():
        place = place.parent
    try:
        with tempfile.NamedTemporaryFile(dir=place) as file:
            file.write(b"x")
            file.flush()
    except OSError as error:
        yield Line("missing", "folder", f"{place} cannot be written: {error.strerror}; name another with --folder")
    free = shutil.disk_usage(place).free
    words = f"{in_words(free)} free in {place}"
    if free < DISK_BYTES:
        yield Line("note", "disk", f"{words}; a small wiki and its tables need about {in_words(DISK_BYTES)}")
    else:
        yield Line("ok", "disk", words)


def nvidia_gpus() -> list[str]:
    """Return the names and memory of the NVIDIA GPUs that the driver lists."""
    program = shutil.which("nvidia-smi")
    if program is None:
        return []
    query = [program, "--query-gpu=name,memory.total", "--format=csv,noheader"]
    try:
        answer = subprocess.run(query, capture_output=True, text=True, timeout=20, check=True)
    except (OSError, subprocess.SubprocessError):
        return []
    return [line.strip() for line in answer.stdout.splitlines() if line.strip()]


def gpu_line(found: list[str]) -> Line:
    """Judge the accelerators."""
    if not found:
        return Line("note", "GPU", "none; the recipe `tiny` trains on the CPU, `base` and `large` want one")
    torch = "" if importlib.util.find_spec("torch") else ", but torch is not installed"
    return Line("ok", "GPU", "; ".join(found) + torch)


def locale_line(preferred: str, files: str) -> Line:
    """Judge the text encoding of the environment."""
    if {preferred.lower().replace("-", ""), files.lower().replace("-", "")} == {"utf8"}:
        return Line("ok", "locale", "UTF-8")
    return Line("note", "locale", f"{preferred}, files {files}; set LC_ALL=C.UTF-8 so that names print right")


def network_line(server: DumpServer | None = None) -> Line:
    """Judge whether dumps can be fetched from here. Tests pass their own server."""
    try:
        from pipeline.fetch.server import PRIMARY, DumpServer

        (server or DumpServer(retries=1, timeout_seconds=10)).read("")
    except (XlmkError, ImportError) as error:
        return Line(
            "note", "network", f"{error}\n{'':<19}without it `make download` cannot fetch dumps; all else works"
        )
    return Line("ok", "network", f"{PRIMARY.removeprefix('https://')} answers")
