"""`python -m model bench`: what a training step costs, and what it would cost if only the arithmetic did.

Medians over steps. Tokens are real ones. MFU is the needed operations (forward and backward, no padding, head on masked
rows) over the data sheet's rate of the GPU, or over the measured rate of matrix products where there is no data sheet.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from statistics import median

import torch

from model.batch import Batch
from model.config import EncoderConfig, PretrainConfig
from model.data.special_tokens import SpecialTokens
from model.data.token_dataset import TokenDataset
from model.measuring.bench_config import BenchConfig
from model.measuring.flops import (
    flops_by_counter,
    flops_by_hand,
    matmul_rate,
    peak_memory,
    peak_of,
    state_bytes,
    synchronise,
    timed,
)
from model.measuring.synthetic import synthetic_batch
from model.method.encoder import load_encoder
from model.method.joint import JointModel
from model.recipes import RECIPES
from model.training.distributed import choose_device
from model.training.feed import Feed
from model.training.step import TrainingStep
from model.training.tokenizer_source import find_tokenizer, open_tokenizer
from schemas.errors import UsageError

SIZES = {
    "base": EncoderConfig(layers=12, width=768, attention_heads=12, intermediate_width=3072, max_length=512),
    "large": EncoderConfig(layers=24, width=1024, attention_heads=16, intermediate_width=4096, max_length=512),
}
"""XLM-R's sizes."""
XLMR_PIECES = 250_002


@dataclass(frozen=True, kw_only=True)
class Figures:
    """What was measured."""

    device: str
    """Name of the device."""
    torch: str
    """Version of PyTorch."""
    parameters: int
    """Trained parameters."""
    seconds_per_step: float
    """Median time of a step, in seconds, without the wait for data."""
    tokens_per_second: float
    """Real tokens per second in the median step."""
    fill: float
    """Share of the stream that is text."""
    data_wait: float
    """Share of the time spent waiting for batches."""
    peak_memory: float
    """Most bytes held: on a GPU by tensors, on a CPU by this process, its program included."""
    state_memory: float
    """Bytes of weights, gradients, moments and buffers, by hand."""
    flops_by_hand: float
    """Operations a step needs."""
    flops_by_counter: float
    """Matrix products PyTorch counts in a step, attention apart, unused slots included."""
    attention_flops: float
    """The part of `flops_by_hand` the counter does not see."""
    matmul_rate: float
    """Operations per second of large matrix products, measured."""
    floor_seconds: float
    """Time of a step if it ran at that rate."""
    sheet_rate: float | None
    """Operations per second by the data sheet; None for devices that have none here."""
    mfu: float
    """Share of the data sheet's rate that the needed operations come to; of `matmul_rate` without one."""


def measure(config: BenchConfig) -> Figures:
    """Runs the steps and returns the figures.

    Raises:
        UsageError: an unknown recipe, or no GPU where one was asked for.
    """
    if config.recipe not in RECIPES:
        raise UsageError(f"there is no recipe {config.recipe!r}; there are {', '.join(RECIPES)}")
    device = choose_device(config.device)
    run, joint, batches = _prepare(config, device)
    training = TrainingStep(joint, run, device)
    times, tokens, fills, waited = [], [], [], 0.0
    for number in range(config.warmup + config.steps):
        batch, wait = next(batches)
        seconds = timed(lambda batch=batch, number=number: training([batch], number), device)
        if number >= config.warmup:
            times.append(seconds)
            tokens.append(batch.num_tokens)
            fills.append(batch.num_tokens / len(batch.token_ids))
            waited += wait
    if config.profile:
        profile(lambda: training([batch], 0), device, Path(config.profile))
    return _figures(training, batch, times, (median(tokens), median(fills), waited))


def profile(step: Callable[[], object], device: torch.device, path: Path) -> None:
    """Writes where the time of three steps goes, by operation or kernel."""
    kinds = [torch.profiler.ProfilerActivity.CPU]
    kinds += [torch.profiler.ProfilerActivity.CUDA] if device.type == "cuda" else []
    with torch.profiler.profile(activities=kinds) as profiler:
        for _ in range(3):
            step()
        synchronise(device)
    order = f"self_{'device' if device.type == 'cuda' else 'cpu'}_time_total"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(
        profiler.key_averages().table(sort_by=order, row_limit=30, max_name_column_width=70), encoding="utf-8"
    )


def report(figures: Figures) -> str:
    """The figures for people."""
    f = figures
    whose = "of the whole process" if f.device.startswith("CPU") else "of tensors"
    rate = f"the data sheet's {f.sheet_rate / 1e12:,.0f} TFLOP/s" if f.sheet_rate else "the measured matmul rate"
    rows = [
        ("device", f"{f.device}, torch {f.torch}"),
        ("parameters", f"{f.parameters / 1e6:,.1f} M"),
        ("step time, median", f"{f.seconds_per_step * 1e3:,.1f} ms"),
        ("real tokens/s", f"{f.tokens_per_second:,.0f}"),
        ("packing fill", f"{f.fill:.2%}"),
        ("data wait", f"{f.data_wait:.2%}"),
        ("peak memory", f"{f.peak_memory / 2**30:,.2f} GiB {whose}"),
        ("state by hand", f"{f.state_memory / 2**30:,.2f} GiB of weights, gradients, moments, buffers"),
        ("needed, by hand", f"{f.flops_by_hand / 1e9:,.1f} GFLOP a step, of which attention {f.attention_flops / 1e9:,.1f}"),
        ("needed, by counter", f"{f.flops_by_counter / 1e9:,.1f} GFLOP a step, without attention"),
        ("matmul rate", f"{f.matmul_rate / 1e12:,.2f} TFLOP/s measured"),
        ("floor", f"{f.floor_seconds * 1e3:,.1f} ms a step at that rate; the step takes "
                  f"{f.seconds_per_step / f.floor_seconds:.2f} times as long"),
        ("MFU", f"{f.mfu:.1%} of {rate}"),
    ]  # fmt: skip
    width = max(len(name) for name, _ in rows)
    return "\n".join(f"{name:<{width}}  {value}" for name, value in rows)


def write(figures: Figures, path: Path) -> None:
    """Writes the figures as JSON."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(asdict(figures), indent=1), encoding="utf-8")


def _prepare(
    config: BenchConfig, device: torch.device
) -> tuple[PretrainConfig, JointModel, Iterator[tuple[Batch, float]]]:
    recipe = RECIPES[config.recipe]
    size = SIZES.get(config.size, replace(recipe.encoder, source=""))
    stream = replace(recipe.stream, tokens_per_step=config.tokens_per_step or recipe.stream.tokens_per_step)
    run = replace(
        recipe,
        data=config.data,
        encoder=replace(size, compile=config.compile),
        stream=stream,
        precision=config.precision,
        workers=config.workers,
        steps=config.steps + config.warmup + 1,
    ).resolved()
    if config.data:
        tokenizer = open_tokenizer(find_tokenizer(config.tokenizer, "", config.data))
        pieces, pad = len(tokenizer), tokenizer.pad_token_id
    else:
        pieces, pad = config.vocab_size or (8_000 if config.size == "recipe" else XLMR_PIECES), 1
    encoder = load_encoder(run.encoder, vocab_size=pieces, pad_id=pad)
    joint = JointModel(encoder, run).to(device)
    if config.data:
        special = SpecialTokens.from_tokenizer(tokenizer, position_offset=encoder.position_offset)
        return run, joint, _streamed(Feed(TokenDataset(config.data, special), run, 0, 1, device))
    special = SpecialTokens(
        begin=0, end=2, pad=1, mask=pieces - 1, vocab_size=pieces, reserved=(0, 1, 2, 3, pieces - 1), position_offset=2
    )
    return run, joint, _synthetic(run, special, pinned=device.type == "cuda")


def _streamed(feed: Feed) -> Iterator[tuple[Batch, float]]:
    while True:
        batches, waited = feed.take(1)
        yield batches[0], waited


def _synthetic(run: PretrainConfig, special: SpecialTokens, *, pinned: bool) -> Iterator[tuple[Batch, float]]:
    """Eight batches in turn, made before any is measured."""
    batches = [synthetic_batch(run.stream, special, position=number) for number in range(8)]
    batches = [batch.pin_memory() for batch in batches] if pinned else batches
    while True:
        for batch in batches:
            yield batch, 0.0


def _figures(training: TrainingStep, batch: Batch, times: list[float], middle: tuple[float, float, float]) -> Figures:
    tokens, fill, waited = middle
    device, joint = training.device, training.joint
    rate = matmul_rate(device, torch.bfloat16 if training.mixed else torch.float32)
    needed = flops_by_hand(joint, batch)
    seconds = median(times)
    return Figures(
        device=torch.cuda.get_device_name(device)
        if device.type == "cuda"
        else f"CPU, {torch.get_num_threads()} threads",
        torch=torch.__version__,
        parameters=sum(p.numel() for p in joint.parameters() if p.requires_grad),
        seconds_per_step=seconds,
        tokens_per_second=tokens / seconds,
        fill=fill,
        data_wait=waited / (waited + sum(times)),
        peak_memory=peak_memory(device),
        state_memory=float(state_bytes(joint)),
        flops_by_hand=needed.total,
        flops_by_counter=flops_by_counter(joint, batch.to(device), mixed=training.mixed),
        attention_flops=needed.attention,
        matmul_rate=rate,
        floor_seconds=needed.total / rate,
        sheet_rate=peak_of(device),
        mfu=needed.total / seconds / (peak_of(device) or rate),
    )
