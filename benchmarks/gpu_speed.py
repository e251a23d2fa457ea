"""The speed parts of the GPU benchmark: one size of the encoder, the three ways of a step, the vocabulary head alone."""

from __future__ import annotations

import sys
from dataclasses import asdict
from statistics import median

import torch

from benchmarks.gpu_part import Part
from benchmarks.training import BANK, Sizes, compare, table
from model.measuring.bench import Bench
from model.measuring.config import BenchConfig
from model.measuring.figures import report
from model.method import mlm_head
from model.method.flops import timed


def size(part: Part) -> None:
    """Gets one size ready, named like `base-65536`; then measures or profiles it whenever a line on standard input says so."""
    encoder, tokens = part.name.split("-")
    config = BenchConfig(
        recipe="tiny" if part.small else "base",
        size="recipe" if part.small else encoder,  # type: ignore[arg-type]
        tokens_per_step=int(tokens),
        vocab_size=part.base_size[1],
        device="cpu" if part.small else "cuda",
        steps=4 if part.small else 20,
        compile=part.compiled,
    )
    bench = Bench(config)
    ready = _warm_up(part, bench)
    for order in sys.stdin:
        if not ready:
            bench.warm_up()
        ready = True
        if order.strip() == "measure":
            figures = bench.measure()
            part.record("compiled", part.compiled)
            part.record("figures", asdict(figures))
            print(report(figures), flush=True)
        else:
            bench.profile(part.folder / "profile.txt")
            part.record("profile", "profile.txt")


def _warm_up(part: Part, bench: Bench) -> bool:
    """The first steps; False where memory, shared with the other sizes that get ready, did not hold them."""
    try:
        bench.warm_up()
    except torch.OutOfMemoryError:
        bench.training.optimizer.zero_grad(set_to_none=True)
        ready = False
    else:
        ready = True
    _give_back(part.device)  # the others need it
    part.record("prepared", part.seconds if ready else "memory did not hold it beside others; it is warmed up alone")
    return ready


def _give_back(device: torch.device) -> None:
    """Gives unused memory back."""
    if device.type == "cuda":
        torch.cuda.empty_cache()


def ways(part: Part) -> None:
    """The three ways at base size; the Trainer where its package is there."""
    encoder, vocab = part.base_size
    sizes = Sizes(
        encoder=encoder,
        vocab=vocab,
        bank=BANK if part.small else 32_768,
        pairs=8 if part.small else 256,
        steps=2 if part.small else 10,
        precision=part.precision,
        compiled=(part.compiled,),
        trainer=not part.small,
    )
    found, facts = compare(sizes, part.device, note=lambda name, way: part.record(name, asdict(way)))
    part.record("facts", facts)
    (part.folder / "ways.md").write_text(table(found, facts), encoding="utf-8")
    print(table(found, facts), flush=True)


def head(part: Part) -> None:
    """Milliseconds of the head's forward and backward pass, for 8,192 masked rows of base size."""
    encoder, vocab = part.base_size
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
            _give_back(part.device)

            def once(chunk: int = chunk, compiled: bool = compiled) -> None:
                mlm_head.masked_word_loss(rows, weight, bias, labels, chunk, compiled=compiled)[0].backward()

            times = [timed(once, part.device) for _ in range(8)]
            part.record(f"{'compiled' if compiled else 'plain'}, chunks of {megabytes} MiB", median(times[3:]) * 1e3)
