"""`python -m model bench`: what a training step costs, and what it would cost if only the arithmetic did.

Medians over steps. Tokens are real ones. MFU is the needed operations (forward and backward, no padding, head on masked
rows) over the data sheet's rate of the GPU, or over the measured rate of matrix products where there is no data sheet.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from statistics import median

import torch

from model.batch import Batch
from model.config import EncoderConfig, PretrainConfig
from model.data.loading.loader import StreamLoader
from model.data.special_tokens import SpecialTokens
from model.data.stores.token_dataset import TokenDataset
from model.data.stream.stream import TrainingStream
from model.distributed import choose_device
from model.measuring.config import BenchConfig
from model.measuring.figures import Figures
from model.measuring.flops import flops_by_counter, peak_memory, state_bytes
from model.measuring.synthetic import synthetic_batch
from model.method.encoder import load_encoder
from model.method.flops import flops_by_hand, matmul_rate, peak_of, synchronise, timed
from model.method.joint import JointModel
from model.recipes import RECIPES
from model.training.step import TrainingStep
from model.training.tokenizer_source import find_tokenizer, open_tokenizer
from schemas.errors import UsageError

SIZES = {
    "base": EncoderConfig(layers=12, width=768, attention_heads=12, intermediate_width=3072, max_length=512),
    "large": EncoderConfig(layers=24, width=1024, attention_heads=16, intermediate_width=4096, max_length=512),
}
"""XLM-R's sizes."""
XLMR_PIECES = 250_002


class Bench:
    """A model, its batches and its training step, made ready first and measured when the time has come."""

    def __init__(self, config: BenchConfig) -> None:
        """Make the model and its batches.

        Raises:
            UsageError: an unknown recipe, or no GPU where one was asked for.
        """
        if config.recipe not in RECIPES:
            raise UsageError(f"there is no recipe {config.recipe!r}; there are {', '.join(RECIPES)}")
        self.config, self.device = config, choose_device(config.device)
        run, joint, self._batches = _prepare(config, self.device)
        self.training = TrainingStep(joint, run, self.device)
        self._number = 0

    def warm_up(self) -> None:
        """Run the steps that are not measured, the first of which compiles."""
        for _ in range(self.config.warmup):
            self._step()

    def measure(self) -> Figures:
        """Run the steps that are, and return the figures."""
        if self.device.type == "cuda":
            torch.cuda.reset_peak_memory_stats(self.device)
        times, tokens, fills, waited = [], [], [], 0.0
        for _ in range(self.config.steps):
            batch, wait, seconds = self._step()
            times.append(seconds)
            tokens.append(batch.num_tokens)
            fills.append(batch.num_tokens / len(batch.token_ids))
            waited += wait
        return _figures(self.training, batch, times, tokens=median(tokens), fill=median(fills), waited=waited)

    def profile(self, path: Path) -> None:
        """Write where the time of three more steps goes, by operation or kernel."""
        batch, _ = next(self._batches)
        profile(lambda: self.training([batch], 0), self.device, path)

    def _step(self) -> tuple[Batch, float, float]:
        """One step: its batch, the seconds it was waited for, and those of the step."""
        batch, wait = next(self._batches)
        seconds = timed(lambda: self.training([batch], self._number), self.device)
        self._number += 1
        return batch, wait, seconds


def measure(config: BenchConfig) -> Figures:
    """Make everything, warm up, and return the figures; write a profile where asked to.

    Raises:
        UsageError: an unknown recipe, or no GPU where one was asked for.
    """
    bench = Bench(config)
    bench.warm_up()
    figures = bench.measure()
    if config.profile:
        bench.profile(Path(config.profile))
    return figures


def profile(step: Callable[[], object], device: torch.device, path: Path) -> None:
    """Write where the time of three steps goes, by operation or kernel."""
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
        optim=replace(recipe.optim, warmup_steps=0),
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
        data = TokenDataset(config.data, special)
        batches = TrainingStream(data, run.stream, seed=run.seed, rank=0, world_size=1)
        loader = StreamLoader(batches, num_workers=run.workers, pin_memory=device.type == "cuda")
        return run, joint, _streamed(loader)
    special = SpecialTokens(
        begin=0, end=2, pad=1, mask=pieces - 1, vocab_size=pieces, reserved=(0, 1, 2, 3, pieces - 1), position_offset=2
    )
    return run, joint, _synthetic(run, special, pinned=device.type == "cuda")


def _streamed(loader: StreamLoader) -> Iterator[tuple[Batch, float]]:
    while True:
        batches, waited = loader.take(1)
        yield batches[0], waited


def _synthetic(run: PretrainConfig, special: SpecialTokens, *, pinned: bool) -> Iterator[tuple[Batch, float]]:
    """Eight batches in turn, made before any is measured."""
    batches = [synthetic_batch(run.stream, special, position=number) for number in range(8)]
    batches = [batch.pin_memory() for batch in batches] if pinned else batches
    while True:
        for batch in batches:
            yield batch, 0.0


def _figures(
    training: TrainingStep, batch: Batch, times: list[float], *, tokens: float, fill: float, waited: float
) -> Figures:
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
        flops_by_counter=_counted(training, batch),
        attention_flops=needed.attention,
        matmul_rate=rate,
        floor_seconds=needed.total / rate,
        sheet_rate=peak_of(device),
        mfu=needed.total / seconds / (peak_of(device) or rate),
    )


def _counted(training: TrainingStep, batch: Batch) -> float | None:
    """Return what PyTorch counts in a step; None where memory did not hold it uncompiled."""
    try:
        return flops_by_counter(training.joint, batch.to(training.device), mixed=training.mixed)
    except torch.OutOfMemoryError:
        return None
