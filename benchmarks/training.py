"""Side by side: the authors' way of computing a step, the Hugging Face Trainer, and ours; on this machine, in one run.

    python -m benchmarks.training [--steps 7] [--pairs 32] [--compile] [--output FILE]

The Trainer needs the package accelerate (`pip install -e .[benchmark]`); without it its rows are left out.

All start from the same weights and take the same rows in turn, so that a busy machine slows all alike. Every way first
takes the widest rows, unmeasured, and freed memory is kept, as it is on GPUs: else new pages would be most of what the
larger ways cost. On a CPU the figures are CPU-seconds, and the sizes are small: what carries over is the ratio.
`benchmarks.gpu` is the same on a GPU.
"""

from __future__ import annotations

import argparse
import ctypes
import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from importlib.util import find_spec
from pathlib import Path
from statistics import median
from time import perf_counter, process_time
from typing import Any

import torch
from torch.utils.flop_counter import FlopCounterMode

from benchmarks.training_rows import LONGEST, Rows, fill_of, make_rows
from benchmarks.training_ways import PackedWay, PlainWay, configuration, new_model, trainer_seconds
from model.config import EncoderConfig, PretrainConfig
from model.measuring.flops import counted
from model.method.flops import flops_by_hand

SMALL = EncoderConfig(layers=4, width=256, attention_heads=4, intermediate_width=1024, max_length=LONGEST)
"""The encoder of the CPU form; with 32,000 pieces the head has the share of a step it has in XLM-R base."""
VOCAB, BANK = 32_000, 4_096
WARMUP = 2
"""Steps of each way that are not measured."""
Way = PlainWay | PackedWay


@dataclass(frozen=True, kw_only=True)
class Sizes:
    """What is compared."""

    encoder: EncoderConfig
    vocab: int
    bank: int
    pairs: int
    steps: int
    precision: str = "fp32"
    compiled: tuple[bool, ...] = (False,)
    """With which settings of the compiler `best` mode and the Trainer run."""
    trainer: bool = True

    @property
    def bf16(self) -> bool:
        """Whether the forward passes run in half precision."""
        return self.precision == "bf16"

    def run(self, mode: str, objectives: tuple[str, ...], *, compiled: bool = False) -> PretrainConfig:
        """The configuration of one way."""
        run = configuration(self.encoder, mode, self.bank if "mep" in objectives else 0, objectives, self.precision)
        return replace(run, encoder=replace(run.encoder, compile=compiled))


@dataclass(frozen=True, kw_only=True)
class Measured:
    """One way's figures."""

    seconds: float
    """Median of a step, in seconds."""
    tokens: float
    """Real tokens of a step."""
    flops: float = 0.0
    """Operations of the matrix products in a step, forward and backward; 0 where they were not counted (compiled)."""


def compare(
    sizes: Sizes, device: torch.device, note: Callable[[str, Measured], None] = lambda name, way: None
) -> tuple[dict[str, Measured], dict[str, float]]:
    """Each way's figures by its name, told to `note` as soon as they are there; and facts about the comparison."""
    rows = [make_rows(sizes.pairs, sizes.vocab, step=step) for step in range(sizes.steps)]
    paper = sizes.run("paper", ("mlm", "mep"))
    ways: dict[str, Way] = {
        "authors": PlainWay(new_model(paper, sizes.vocab, device), paper, device, bf16=sizes.bf16),
        "ours, paper mode": PackedWay(new_model(paper, sizes.vocab, device), paper, device),
    }
    for compiled in sizes.compiled:
        run = sizes.run("best", ("mlm", "mep"), compiled=compiled)
        ways["ours, best mode" + mark(compiled)] = PackedWay(new_model(run, sizes.vocab, device), run, device)
    facts = {"fill of padded contexts": median(fill_of(step.contexts) for step in rows)}
    facts["fill of padded descriptions"] = median(fill_of(step.descriptions) for step in rows)
    times, losses = race(ways, rows, device)
    apart = [abs(a - b) / a for a, b in zip(losses["authors"], losses["ours, paper mode"], strict=True)]
    facts["largest relative difference of losses, authors and paper mode"] = max(apart)
    tokens = median(float(step.num_tokens) for step in rows)
    found: dict[str, Measured] = {}
    for name, way in ways.items():
        flops = 0.0 if "compiled" in name else operations(way, rows[-1])
        found[name] = Measured(seconds=median(times[name]), tokens=tokens, flops=flops)
        note(name, found[name])
    ways.clear()
    for name, measured in _words_alone(sizes, rows, device):
        found[name] = measured
        note(name, measured)
    return found, facts


def mark(compiled: bool) -> str:
    """What a way's name says of the compiler."""
    return ", compiled" if compiled else ""


def race(
    ways: dict[str, Way], rows: list[Rows], device: torch.device
) -> tuple[dict[str, list[float]], dict[str, list[float]]]:
    """Seconds of each step, and the losses of all steps, those that warmed up included."""
    times: dict[str, list[float]] = {name: [] for name in ways}
    losses: dict[str, list[float]] = {name: [] for name in ways}
    for number, step in enumerate([*widest(rows), *rows]):
        for name, way in ways.items():
            prepared: Any = way.prepare(step)
            started = clock(device)
            loss = way.step(prepared)
            if number >= WARMUP:
                times[name].append(clock(device) - started)
            losses[name].append(float(loss))
    return times, losses


def widest(rows: list[Rows]) -> list[Rows]:
    """The steps to warm up with: those with the longest contexts and descriptions, which need most memory padded."""
    by_context = max(rows, key=lambda step: max(map(len, step.contexts)))
    by_description = max(rows, key=lambda step: max(map(len, step.descriptions)))
    return [by_context, by_description]


def operations(way: Way, rows: Rows) -> float:
    """Operations of a step's matrix products: counted by PyTorch, packed attention by hand, which it does not see."""
    prepared: Any = way.prepare(rows)
    with FlopCounterMode(display=False) as counter:
        way.step(prepared)
    unseen = flops_by_hand(way.joint, prepared).attention if isinstance(way, PackedWay) else 0.0
    return counted(counter) + unseen


def _words_alone(sizes: Sizes, rows: list[Rows], device: torch.device) -> Iterator[tuple[str, Measured]]:
    """MLM alone on the contexts: the packed form, and the Trainer."""
    tokens = median(float(sum(map(len, step.contexts))) for step in rows)
    for compiled in sizes.compiled:
        torch._dynamo.reset()
        run = sizes.run("best", ("mlm",), compiled=compiled)
        way = PackedWay(new_model(run, sizes.vocab, device), run, device, descriptions=False)
        times, _ = race({"ours": way}, rows, device)
        yield "ours, MLM alone" + mark(compiled), Measured(seconds=median(times["ours"]), tokens=tokens)
    with_trainer = sizes.trainer and find_spec("accelerate") is not None
    if sizes.trainer and not with_trainer:
        print("without the package accelerate, which the Hugging Face Trainer needs, its rows are left out")
    for compiled in sizes.compiled if with_trainer else ():
        torch._dynamo.reset()
        run = sizes.run("best", ("mlm",), compiled=compiled)
        theirs = trainer_seconds(run, sizes.vocab, [*widest(rows), *rows], device, bf16=sizes.bf16, compiled=compiled)
        measured = Measured(seconds=median(theirs[-len(rows) :]), tokens=tokens)
        yield "Trainer, MLM alone" + mark(compiled), measured


def clock(device: torch.device) -> float:
    """Seconds: of this process's CPU time, or on a GPU of the wall with its queue drained."""
    if device.type == "cuda":
        torch.cuda.synchronize(device)
        return perf_counter()
    return process_time()


def keep_freed_memory() -> None:
    """Lets the C library keep what is freed instead of giving it back; does nothing where it is not glibc."""
    mallopt: Callable[[int, int], int] | None = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is not None:
        no_mapped_blocks, no_trimming = (-4, 0), (-1, -1)
        mallopt(*no_mapped_blocks)
        mallopt(*no_trimming)


def table(found: dict[str, Measured], facts: dict[str, float]) -> str:
    """The figures as Markdown, ratios beside them."""
    lines = ["| way | seconds a step | real tokens/s | GFLOP a step | speed against it |"]
    lines.append("| --- | ---: | ---: | ---: | ---: |")
    for reference in ("authors", "Trainer, MLM alone", "Trainer, MLM alone, compiled"):
        alone = "alone" in reference
        group = [name for name in found if ("alone" in name) == alone and not name.startswith("Trainer")]
        first = found.get(reference)
        for name in dict.fromkeys([reference, *group]) if first else ():
            way = found[name]
            flops = f"{way.flops / 1e9:,.0f}" if way.flops else ""
            ratio = first.seconds / way.seconds if first else 0.0
            lines.append(f"| {name} | {way.seconds:.3f} | {way.tokens / way.seconds:,.0f} | {flops} | {ratio:.2f} |")
    return "\n".join([*lines, "", *(f"{name}: {value:.3g}" for name, value in facts.items())])


def main() -> None:
    """Runs the CPU form and prints the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--steps", type=int, default=7)
    parser.add_argument("--pairs", type=int, default=32)
    parser.add_argument("--compile", action="store_true", help="measure best mode and the Trainer compiled too")
    parser.add_argument("--output", type=Path)
    arguments = parser.parse_args()
    torch.manual_seed(0)
    keep_freed_memory()
    compiled = (False, True) if arguments.compile else (False,)
    sizes = Sizes(
        encoder=SMALL, vocab=VOCAB, bank=BANK, pairs=arguments.pairs, steps=arguments.steps, compiled=compiled
    )
    found, facts = compare(sizes, torch.device("cpu"))
    print(table(found, facts))
    if arguments.output:
        text = json.dumps({name: vars(way) for name, way in found.items()} | facts, indent=1)
        arguments.output.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
