"""How functions are compiled, and where their code is kept: those of the scan of items (`wikidata/scan`) and of `dumps/bzip2`.

Numba counts references to arrays at every call, which would take five times as long as what these functions do. They make
no arrays, so it can be told not to (`_nrt`).

Its own cache asks whether the file of a function has changed, not whether one has that the function calls. Here code is
kept in a folder named after all sources of a package, so that no change is missed.

It is compiled for any processor of its kind, not for the one at hand: wide vectors gain nothing on strings of ten bytes (they
cost a tenth), and code that is kept serves other machines too, as those that start an image.

Numba is imported only where something is compiled: it takes a third of a second and 60 MB.
"""

from __future__ import annotations

import functools
import importlib
import logging
import os
import stat
from collections.abc import Callable, Iterable
from hashlib import blake2b
from pathlib import Path
from typing import Any

log = logging.getLogger(__name__)
_WRITABLE_BY_OTHERS = stat.S_IWGRP | stat.S_IWOTH
_ANY_PROCESSOR = {"CPU_NAME": "generic", "CPU_FEATURES": ""}


def _numba() -> Any:
    """Import Numba, and have it compile for any processor where the environment does not name one."""
    import numba

    for name, value in _ANY_PROCESSOR.items():
        if f"NUMBA_{name}" not in os.environ:
            setattr(numba.config, name, value)
    return numba


def compiled(function: Callable[..., Any]) -> Any:
    """Compile a function that other compiled functions call."""
    return _numba().njit(_nrt=False)(function)


def inlined(function: Callable[..., Any]) -> Any:
    """Compile a function into the one that calls it."""
    return _numba().njit(_nrt=False, forceinline=True)(function)


def compiled_once(function: Callable[..., Any]) -> Any:
    """Compile a function that Python calls, with all that it calls, when that first happens; keep the code on disk."""
    numba = _numba()
    folder, settings = _cache_folder(Path(function.__code__.co_filename).parent), vars(numba.config)
    if folder is None:
        return compiled(function)
    before = settings["CACHE_DIR"]
    settings["CACHE_DIR"] = str(folder)
    try:
        return numba.njit(_nrt=False, cache=True)(function)
    finally:
        settings["CACHE_DIR"] = before


def get_ready(warm_ups: Iterable[str]) -> None:
    """Compile what these functions load where that has not been done, before workers do it each for itself, and say so.

    Args:
        warm_ups: as `Job.warm_ups`.
    """
    for name in warm_ups:
        module, _, function = name.partition(":")
        loaded = importlib.import_module(module)
        if not is_compiled(Path(str(loaded.__file__)).parent):
            log.warning("compiling %s, which takes up to half a minute and is done once", loaded.__package__)
            getattr(loaded, function)()


def is_compiled(package: Path) -> bool:
    """Whether code of a package is on disk. Numba looks whether it suits the processor."""
    folder = _cache_folder(package)
    return folder is not None and any(folder.rglob("*.nbi"))


@functools.cache
def has_code(package: Path) -> bool:
    """Whether code of a package was on disk when this process first asked: then it may serve small inputs too."""
    return is_compiled(package)


def _cache_folder(package: Path) -> Path | None:
    """Find this user's folder for compiled code: in Numba's own if one is set, beside the sources, or in the user's cache."""
    name = f"{package.name}-{_fingerprint(package)}"
    chosen = os.environ.get("NUMBA_CACHE_DIR")
    parents = [Path(chosen)] if chosen else [package / "__pycache__", Path.home() / ".cache" / "xlm-k"]
    for parent in parents:
        folder = parent / name
        try:
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            if os.access(folder, os.W_OK) and _is_guarded(folder, package):
                return folder
        except OSError:
            continue
    return None


def _is_guarded(folder: Path, package: Path) -> bool:
    """Whether nobody but this user can have put code into a folder, which is run, or a folder in its place.

    Those above it may also be the system's, or of whoever owns the sources.
    """
    state, user = os.lstat(folder), os.getuid()
    if not stat.S_ISDIR(state.st_mode) or state.st_uid != user or state.st_mode & _WRITABLE_BY_OTHERS:
        return False
    trusted = {0, user, package.stat().st_uid}
    above = [parent.stat() for parent in Path(os.path.realpath(folder)).parents]
    return all(
        parent.st_uid in trusted and (not parent.st_mode & _WRITABLE_BY_OTHERS or parent.st_mode & stat.S_ISVTX)
        for parent in above
    )


def _fingerprint(package: Path) -> str:
    """Return a number over all sources of a package, and this one."""
    digest = blake2b(digest_size=8)
    for path in (Path(__file__), *sorted(package.glob("*.py"))):
        digest.update(path.read_bytes())
    return digest.hexdigest()
