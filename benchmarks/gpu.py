"""Everything that needs a GPU, in one run of at most eight minutes: correctness first, then speed, then a profile.

    python -m benchmarks.gpu --output FOLDER [--minutes 8] [--parts losses curves …] [--small]

Parts, in order; each is skipped when too little time is left, and what it finds is written to FOLDER at once:

1. `losses`: base size, one step: CUDA in bf16 with the fused attention against the CPU in float32, and no leak.
2. `curves`: a smaller encoder, 300 steps: bf16 and float32 against the authors' way in float32.
3. `resume`: saved, loaded into another model, continued; against the run that was not interrupted.
4. `speed`: base and large at several batch sizes, compiled, beside their floor; the first with a profile by kernel.
5. `ways`: the authors' way, the Hugging Face Trainer and ours, base size, same rows.
6. `head`: the vocabulary head alone, plain and compiled, by size of its chunks.

What an earlier run into the same FOLDER found is kept, and sizes it has measured are not measured again.
`--small` runs the same on a CPU with tiny sizes, to test the script itself.
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from statistics import median

import torch

from benchmarks.gpu_checks import base_size, curves, losses, resume
from benchmarks.gpu_session import Part, earlier, run_again, run_part, tidy
from benchmarks.training import BANK, Sizes, compare, table
from model.measuring.bench import measure, report
from model.measuring.bench_config import BenchConfig
from model.measuring.flops import timed
from model.method import mlm_head
from model.method.packed_attention import register_packed_attention

SPEEDS = (("base", 65_536), ("large", 32_768), ("base", 16_384), ("large", 65_536), ("base", 131_072), ("large", 16_384))
"""Sizes and tokens a step, most wanted first."""
SECONDS_OF_SPEED = 60
"""Time to make, compile and measure one size."""


def speed(part: Part) -> None:
    """Step time, tokens/s, MFU and floor of both sizes at several batch sizes."""
    for number, (size, tokens) in enumerate((("recipe", 512), ("recipe", 1_024)) if part.small else SPEEDS):
        name = f"{size} {tokens}"
        if isinstance(part.found.get(name), dict):
            continue  # measured by an earlier run
        if part.seconds_left < SECONDS_OF_SPEED and not part.small:
            part.record(name, "no time left")
            continue
        config = BenchConfig(
            recipe="tiny" if part.small else "base",
            size=size,  # type: ignore[arg-type]
            tokens_per_step=tokens,
            vocab_size=base_size(part)[1],
            steps=4 if part.small else 20,
            compile=not part.small,
            profile="" if number else str(part.folder / "profile.txt"),
        )
        try:
            figures = measure(config)
        except RuntimeError as error:  # one size that does not fit, or does not compile, leaves the others
            part.record(name, f"failed: {type(error).__name__}: {str(error)[:500]}")
        else:
            part.record(name, asdict(figures))
            print(report(figures), flush=True)
        tidy(part.device)


def ways(part: Part) -> None:
    """The three ways at base size; the Trainer where its package is there."""
    encoder, vocab = base_size(part)
    sizes = Sizes(
        encoder=encoder,
        vocab=vocab,
        bank=BANK if part.small else 32_768,
        pairs=8 if part.small else 256,
        steps=2 if part.small else 10,
        precision=part.precision,
        compiled=(False,) if part.small else (True,),
        trainer=not part.small,
    )
    found, facts = compare(sizes, part.device, note=lambda name, way: part.record(name, asdict(way)))
    part.record("facts", facts)
    (part.folder / "ways.md").write_text(table(found, facts), encoding="utf-8")
    print(table(found, facts), flush=True)


def head(part: Part) -> None:
    """Milliseconds of the head's forward and backward pass, for 8,192 masked rows of base size."""
    encoder, vocab = base_size(part)
    number = 256 if part.small else 8_192
    dtype = torch.bfloat16 if part.precision == "bf16" else torch.float32
    make = torch.Generator(part.device).manual_seed(0)
    shape = {"device": part.device, "generator": make}
    rows = torch.randn(number, encoder.width, dtype=dtype, **shape).requires_grad_()  # type: ignore[call-overload]
    weight = (torch.randn(vocab, encoder.width, **shape) * 0.02).requires_grad_()  # type: ignore[call-overload]
    bias = torch.zeros(vocab, device=part.device, requires_grad=True)
    labels = torch.randint(0, vocab, (number,), device=part.device, generator=make)
    for megabytes in (1,) if part.small else (1_024, 512, 2_048, 4_096, 256):
        chunk = max(1, megabytes * 2**20 // (4 * vocab))
        for compiled in (False,) if part.small else (True, False):
            torch._dynamo.reset()

            def once(chunk: int = chunk, compiled: bool = compiled) -> None:
                mlm_head.masked_word_loss(rows, weight, bias, labels, chunk, compiled=compiled)[0].backward()

            times = [timed(once, part.device) for _ in range(8)]
            part.record(f"{'compiled' if compiled else 'plain'}, chunks of {megabytes} MiB", median(times[3:]) * 1e3)


PARTS: dict[str, tuple[Callable[[Part], None], float, float]] = {
    "losses": (losses, 30, 90),
    "curves": (curves, 30, 90),
    "resume": (resume, 15, 40),
    "speed": (speed, 70, 220),
    "ways": (ways, 90, 200),
    "head": (head, 30, 60),
}
"""Each part, the least seconds it is begun with, and the most it may take."""


def main() -> None:
    """Runs the parts in order."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--output", type=Path, required=True)
    parser.add_argument("--minutes", type=float, default=8.0)
    parser.add_argument("--small", action="store_true")
    parser.add_argument("--parts", nargs="*", default=list(PARTS), choices=list(PARTS))
    arguments = parser.parse_args()
    end = time.monotonic() + 60 * arguments.minutes
    if not arguments.small and not torch.cuda.is_available():
        raise SystemExit("no GPU here; pass --small to test the script on the CPU")
    arguments.output.mkdir(parents=True, exist_ok=True)
    register_packed_attention()
    torch.set_float32_matmul_precision("high")
    device = "CPU" if arguments.small else torch.cuda.get_device_name()
    facts = {"device": device, "torch": torch.__version__, "cuda": torch.version.cuda}
    (arguments.output / "device.json").write_text(json.dumps(facts), encoding="utf-8")
    print(json.dumps(facts), flush=True)
    for number, name in enumerate(arguments.parts):
        work, least, most = PARTS[name]
        left = end - time.monotonic()
        if left < least and not arguments.small:
            print(f"== {name}: skipped, {left:.0f} s left, {least:.0f} needed", flush=True)
            continue
        until = time.monotonic() + min(left, most)
        part = Part(name=name, folder=arguments.output, small=arguments.small, end=until)
        part.found |= earlier(part)
        run_part(part, work)
        rest = arguments.parts[number + 1 :]
        if not tidy(part.device) and rest:
            minutes = str((end - time.monotonic()) / 60)
            run_again(["--output", str(arguments.output), "--minutes", minutes, "--parts", *rest])


if __name__ == "__main__":
    main()
