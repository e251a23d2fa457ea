"""The process of one part of the GPU benchmark: `python -m benchmarks.gpu_work PART --output FOLDER --seconds N`.

`benchmarks.gpu` starts it. Some parts run from beginning to end; those of a size (`base-65536`) get ready, say so, and
then measure and profile when they are told to on their standard input, so that nothing else runs beside them.
"""

from __future__ import annotations

import argparse
import json
import platform
import signal
import traceback
from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path

import torch

from benchmarks.gpu_checks import curves, losses, resume
from benchmarks.gpu_part import Part
from benchmarks.gpu_speed import head, size, ways
from model.method.packed_attention import register_packed_attention

PARTS: dict[str, Callable[[Part], None]] = {
    "losses": losses,
    "curves": curves,
    "resume": resume,
    "ways": ways,
    "head": head,
}
"""Parts by name; any other name is a size and its tokens a step."""


def main() -> None:
    """Runs one part; whatever happens in it is recorded."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("part")
    parser.add_argument("--output", type=Path, required=True)
    parser.add_argument("--seconds", type=float, required=True, help="after these the system ends the process")
    parser.add_argument("--small", action="store_true")
    parser.add_argument("--eager", action="store_true", help="do not compile")
    arguments = parser.parse_args()
    # Should the process that counts the time be gone, this one must not stay.
    signal.signal(signal.SIGALRM, signal.SIG_DFL)
    signal.setitimer(signal.ITIMER_REAL, max(1.0, arguments.seconds + 2))
    part = Part(
        name=arguments.part,
        folder=arguments.output,
        small=arguments.small,
        compiled=not (arguments.eager or arguments.small),
    )
    part.read()
    note_device(part)
    register_packed_attention()
    torch.set_float32_matmul_precision("high")
    try:
        PARTS.get(part.name, size)(part)
    except Exception as error:
        lines = traceback.format_exc().splitlines()
        part.record("where", [line.strip() for line in lines if line.strip().startswith("File")][-6:])
        part.record("failed", f"{type(error).__name__}: {error}"[:2_000])
    part.record("seconds", part.seconds)


def note_device(part: Part) -> None:
    """Writes what the figures were measured on, once."""
    path = part.folder / "device.json"
    if not path.exists():
        device = "CPU" if part.small else torch.cuda.get_device_name()
        facts = {"device": device, "torch": torch.__version__, "cuda": torch.version.cuda}
        facts |= {"transformers": version("transformers"), "python": platform.python_version()}
        path.write_text(json.dumps(facts), encoding="utf-8")


if __name__ == "__main__":
    main()
