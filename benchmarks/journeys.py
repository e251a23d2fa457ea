"""How many files a statement, a link and a batch pass: a command run with every call of ours watched.

    python -m pipeline sample-world --output /tmp/world && python -m pipeline build --dumps /tmp/world --output /tmp/build
    python benchmarks/journeys.py statement --dumps /tmp/world --build /tmp/build
    python benchmarks/journeys.py link --dumps /tmp/world --build /tmp/build
    python benchmarks/journeys.py batch --dumps /tmp/world --build /tmp/build

A file is *passed* where a function in it takes or gives back the datum, by itself or within bytes, arrays, tables, lists and
plain structures; the types in which it was found are its *forms*. A file is *entered* where any function in it is called
between the first and the last such call. Calls within compiled code are not seen: its files are those of the scan with a compiled
function that are imported on a statement's way. A statement is the object of one of Q1490's; a link is known by its title, the
key of that and the item it leads to; a batch by four tokens in a row. The script runs on any version of the repository:
start it from there.
"""

from __future__ import annotations

import argparse
import dataclasses
import re
import runpy
import sys
import tempfile
import threading
from collections.abc import Iterable
from pathlib import Path
from types import FrameType
from typing import Any

import numpy as np
import pyarrow as pa

PACKAGES = ("pipeline", "model", "schemas")
DEEPEST, LONGEST = 5, 3_000


class Watch:
    """Notes the files of calls, and those of calls that have the datum."""

    def __init__(self, root: Path, marks: list[Any]) -> None:
        """Args:
        root: where the repository lies.
        marks: what the datum is known by: strings, numbers, or tuples of numbers that follow each other.
        """
        self._folders = tuple(f"{root / package}/" for package in PACKAGES)
        self._root, self._marks = root, marks
        self.passed: dict[str, None] = {}
        self.entered: dict[str, None] = {}
        self.forms: dict[str, None] = {}
        self._since: dict[str, None] = {}
        """Files entered since the last call that had the datum."""

    def __call__(self, frame: FrameType, event: str, given: Any) -> None:
        """Look at one call or return."""
        name = frame.f_code.co_filename
        if event not in ("call", "return") or not name.startswith(self._folders):
            return
        path = str(Path(name).relative_to(self._root))
        if self.passed:
            self._since[path] = None
        code = frame.f_code
        values = [given] if event == "return" else [
            frame.f_locals.get(name) for name in code.co_varnames[: code.co_argcount + code.co_kwonlyargcount]
        ]  # fmt: skip
        found = [value for value in values if self.holds(value)]
        if found:
            self.passed[path] = None
            self.entered |= self._since | {path: None}
            self._since = {}
            self.forms |= dict.fromkeys(form(value) for value in found)

    def holds(self, value: Any, depth: int = 0) -> bool:
        """Whether the datum is in a value."""
        if value is None or depth > DEEPEST or isinstance(value, type | bool | float):
            return False
        if isinstance(value, str | int):
            return value in self._marks
        if isinstance(value, np.integer):
            return int(value) in self._marks
        if isinstance(value, bytes):
            return any(isinstance(mark, str) and mark.encode() in value for mark in self._marks)
        if isinstance(value, np.ndarray):
            return self._in_array(value)
        if isinstance(value, pa.ChunkedArray | pa.Array | pa.RecordBatch | pa.Table):
            return value.nbytes < 2_000_000 and self._in_text(str(value.to_pylist()))
        if type(value).__module__.startswith("torch") and hasattr(value, "numpy"):
            return value.dtype.is_floating_point is False and self._in_array(value.detach().numpy())
        return any(self.holds(part, depth + 1) for part in parts(value))

    def _in_text(self, text: str) -> bool:
        words = [f"'{mark}'" if isinstance(mark, str) else ", ".join(map(str, mark)) if isinstance(mark, tuple) else str(mark)
                 for mark in self._marks]  # fmt: skip
        return any(word in text for word in words)

    def _in_array(self, array: np.ndarray[Any, Any]) -> bool:
        if array.dtype.names:
            return any(self._in_array(array[name]) for name in array.dtype.names)
        flat = array.reshape(-1)[:2_000_000]
        if array.dtype == np.uint8 and any(isinstance(m, str) and m.encode() in flat.tobytes() for m in self._marks):
            return True
        for mark in self._marks if array.dtype.kind in "iu" else ():
            if isinstance(mark, int) and mark > 255 and (flat == mark).any():
                return True
            if isinstance(mark, tuple) and len(flat) >= len(mark):
                windows = np.lib.stride_tricks.sliding_window_view(flat, len(mark))
                if (windows == np.array(mark)).all(1).any():
                    return True
        return False


def parts(value: Any) -> Iterable[Any]:
    """What a plain structure is made of; nothing of objects that do more than hold values."""
    if isinstance(value, dict):
        return list(value.values())[:LONGEST] + list(value)[:LONGEST]
    if isinstance(value, list | tuple):
        return value[:LONGEST]
    if dataclasses.is_dataclass(value):
        return [getattr(value, field.name) for field in dataclasses.fields(value)]
    if hasattr(value, "__struct_fields__"):
        return [getattr(value, name) for name in value.__struct_fields__]
    if type(value).__name__ == "Slices":
        return [value.values]
    return []


def form(value: Any) -> str:
    """The name of a value's type; that of what is in it, where it is a list or a dictionary."""
    name, inside = type(value).__name__, []
    if isinstance(value, list | dict):
        inside = list(value.values() if isinstance(value, dict) else value)[:1]
    return f"{name} of {type(inside[0]).__name__}" if inside else name


def compiled_files(root: Path) -> list[str]:
    """Files of the compiled scan that a statement passes."""
    scan = next(root.glob("pipeline/**/scan/items.py")).parent
    names, todo = [], ["items"]
    for name in todo:
        text = (scan / f"{name}.py").read_text("utf-8")
        if "@compiled" in text or "@inlined" in text:
            names.append(str((scan / f"{name}.py").relative_to(root)))
        imported = re.findall(r"scan\.(\w+) import", text)
        todo += [other for other in imported if other not in ("sitelinks", "texts", *todo)]
    return names


def statement(dumps: Path, build: Path, output: str) -> tuple[list[Any], list[str]]:
    """A dump of one item with one statement that is sought."""
    import bz2

    lines = bz2.decompress(next(dumps.glob("wikidata-*.json.bz2")).read_bytes()).splitlines()
    line = next(line for line in lines if b'"id":"Q1490"' in line[:60])
    dump = Path(output).with_suffix(".json")
    dump.write_bytes(b"[\n" + line.rstrip(b",") + b"\n]\n")
    import pyarrow.parquet as pq

    rows = pq.read_table(next((build / "wikidata" / "triples").glob("*.parquet"))).to_pylist()
    mark = next(row["object"] for row in rows if row["subject"] == "Q1490" and len(row["object"]) > 4)
    return [mark], ["wikidata", "--dumps", str(dump), "--output", output, "--check-keys-every", "0"]


def link(dumps: Path, build: Path, output: str) -> tuple[list[Any], list[str]]:
    """The link whose item has the highest number, of the first wiki with mentions."""
    from hashlib import blake2b

    import pyarrow.parquet as pq

    rows = pq.read_table(next((build / "link" / "mentions" / "en").glob("train*.parquet"))).to_pylist()
    spans = [
        (int(one["entity"][1:]), row["text"][one["start"] : one["end"]]) for row in rows for one in row["mentions"]
    ]
    number, title = max(spans)
    key = int.from_bytes(blake2b(title.encode(), digest_size=8).digest(), "little")
    command = ["link", "--wikidata", str(build / "wikidata"), "--wikipedia", str(build / "wikipedia")]
    return [title, key, number, f"Q{number}"], [*command, "--output", output, "--languages", "en"]


def batch(dumps: Path, build: Path, output: str) -> tuple[list[Any], list[str]]:
    """Four tokens in a row of the first description."""
    import pyarrow.parquet as pq

    shard = next((build / "tokens" / "mentions" / "en").glob("train*.parquet"))
    tokens = next(row for row in pq.read_table(shard).column("token_ids").to_pylist() if len(row) > 12)
    command = ["pretrain", "tiny", "--data", str(build / "tokens"), "--tokenizer", str(build / "tokenizer")]
    return [tuple(tokens[4:8])], [
        *command,
        "--output",
        output,
        "--steps",
        "3",
        "--workers",
        "0",
        "--device",
        "cpu",
        "--optim.warmup-steps",
        "0",
        "--validation-queries",  # a side path: what a validation measures beside the losses
        "0",
    ]


JOURNEYS = {"statement": statement, "link": link, "batch": batch}


def main() -> None:
    """Run one journey and print what was counted."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("journey", choices=tuple(JOURNEYS))
    parser.add_argument("--dumps", type=Path, required=True)
    parser.add_argument("--build", type=Path, required=True)
    arguments = parser.parse_args()
    root = Path.cwd()
    sys.path.insert(0, str(root))
    with tempfile.TemporaryDirectory() as folder:
        marks, command = JOURNEYS[arguments.journey](arguments.dumps, arguments.build, f"{folder}/out")
        _scan_small_ranges()
        watch = Watch(root, marks)
        package = "model" if arguments.journey == "batch" else "pipeline"
        sys.argv = [package, *command] + (["--", "--direct_num_workers=1"] if package == "pipeline" else [])
        threading.setprofile(watch)
        sys.setprofile(watch)
        try:
            runpy.run_module(package, run_name="__main__")
        except SystemExit as end:
            print(f"ended with {end.code}")
        finally:
            sys.setprofile(None)
            threading.setprofile(None)  # type: ignore[arg-type]
    if arguments.journey == "statement":
        watch.passed |= dict.fromkeys(compiled_files(root))
        watch.entered |= watch.passed
    print(
        f"{arguments.journey}: {len(watch.passed)} files passed, {len(watch.entered)} entered, {len(watch.forms)} forms"
    )
    print("passed:", *watch.passed, sep="\n  ")
    print("forms:", ", ".join(watch.forms))


def _scan_small_ranges() -> None:
    """Let the wikidata job scan a dump of one item too, whichever module says from which size on it does."""
    import importlib

    for name in ("pipeline.wikidata.job", "pipeline.wikidata"):
        try:
            module = importlib.import_module(name)
        except ImportError:
            continue
        if hasattr(module, "LEAST_SCANNED_BYTES"):
            module.LEAST_SCANNED_BYTES = 0  # type: ignore[attr-defined]
            module.LEAST_COMPILED_BYTES = 0  # type: ignore[attr-defined]


if __name__ == "__main__":
    main()
