"""The correctness parts of the GPU benchmark: the fused attention, bf16 and resuming against what is known to be right."""

from __future__ import annotations

import tempfile
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from benchmarks.curves import WINDOW, differences, window_means
from benchmarks.gpu_part import CPU, SMALL_VOCAB, Part
from benchmarks.training import SMALL, VOCAB
from benchmarks.training_rows import make_rows, packed
from benchmarks.training_ways import PackedWay, PlainWay, configuration, new_model
from model.batch import Batch
from model.training.checkpoint import Checkpoint, load_model, load_optimizer, model_tensors, optimizer_tensors, save
from model.training.step import TrainingStep

TOLERANCE = {"states": 0.03, "leak": 0.03, "mlm": 0.005, "contrast": 0.05, "curve": 0.05, "resume": 1e-3}
"""Largest differences, in parts of the reference: bf16 keeps 8 bits, and BatchNorm heads spread states that lie close
together, and with them their rounding, so the contrast of one step, and later the curve, may move by some per cent."""


def losses(part: Part) -> None:
    """One step of base size: states and losses on the GPU in bf16 against the CPU in float32, and no leak in a stream."""
    encoder, vocab = part.base_size
    rows = make_rows(8, vocab, step=0)
    states, measures = [], []
    for device, precision in ((CPU, "fp32"), (part.device, part.precision)):
        run = configuration(encoder, "best", 64, ("mlm", "mep"), precision)
        training = TrainingStep(new_model(run, vocab, device), run, device)
        batch = packed(rows)
        states.append(hidden(training, batch))
        if device == part.device:
            alone = torch.cat([hidden(training, single(batch, n)) for n in range(6)])
        measures.append({name: float(value) for name, value in training([batch], 0).measures.items()})
    right, found = states
    part.check("states, bf16 against float32", apart(found, right), TOLERANCE["states"])
    part.check("states, packed against alone", apart(found[: len(alone)], alone), TOLERANCE["leak"])
    part.record("control: a document against its neighbour", apart(found[1 : len(alone)], alone[:-1]))
    for name, most in (("mlm/loss", "mlm"), ("mep/loss", "contrast")):
        part.check(name, relative(measures[1][name], measures[0][name]), TOLERANCE[most])
    part.record("measures", {"cpu, float32": measures[0], "device": measures[1]})


@torch.no_grad()
def hidden(training: TrainingStep, batch: Batch) -> Tensor:
    """States of the last layer in float32 on the CPU."""
    batch, encoder = batch.to(training.device), training.joint.encoder.eval()
    with torch.autocast(training.device.type, dtype=training.dtype, enabled=training.mixed):
        last, _ = encoder(batch.token_ids, batch.position_ids, batch.cu_seqlens, batch.max_seqlen)
    return last.float().cpu()


def single(batch: Batch, number: int) -> Batch:
    """A stream of one of the batch's documents."""
    start, end = batch.cu_seqlens[number : number + 2].tolist()
    bounds = torch.tensor([0, end - start], dtype=torch.int32)
    ids, positions = batch.token_ids[start:end], batch.position_ids[start:end]
    return replace(batch, token_ids=ids, position_ids=positions, cu_seqlens=bounds)


def curves(part: Part) -> None:
    """Loss curves over 300 steps, side by side: bf16, float32, and the plain way in float32."""
    steps, pool = 30 if part.small else 300, [make_rows(16, SMALL_VOCAB, step=step) for step in range(50)]
    encoder = replace(SMALL, layers=1, width=64) if part.small else SMALL
    torch.set_float32_matmul_precision("highest")
    ways: dict[str, PlainWay | PackedWay] = {}
    for name, precision in (("bf16", part.precision), ("fp32", "fp32"), ("plain fp32", "fp32")):
        run = configuration(encoder, "paper", 512, ("mlm", "mep"), precision)
        joint = new_model(run, SMALL_VOCAB, part.device)
        plain = name.startswith("plain")
        ways[name] = PlainWay(joint, run, part.device, bf16=False) if plain else PackedWay(joint, run, part.device)
    lines: dict[str, list[Any]] = {name: [] for name in ways}
    for number in range(steps):
        for name, way in ways.items():
            prepared: Any = way.prepare(pool[number % len(pool)])
            lines[name].append(way.step(prepared))
        if (number + 1) % (steps // 6) == 0:  # what there is so far, should time not suffice for all of it
            compare_curves(part, {name: _curve(line) for name, line in lines.items()})


def compare_curves(part: Part, lines: dict[str, Tensor]) -> None:
    """Records the curves, and how far they lie apart, by window and by step, in parts of the one that is right."""
    part.record("steps", len(lines["fp32"]))
    size = min(WINDOW, len(lines["fp32"]))
    means = {name: window_means(line) for name, line in lines.items()}
    for name, line in means.items():
        part.record(f"{name}, mean losses of {size} steps", [round(value, 4) for value in line.tolist()])
    for name, right in (("bf16", "fp32"), ("fp32", "plain fp32")):
        what = f"{name} against {right}"
        part.check(f"{what}, windows", float(differences(means[name], means[right]).max()), TOLERANCE["curve"])
        steps = differences(lines[name], lines[right])
        part.record(f"{what}, steps", {"largest": float(steps.max()), "mean": float(steps.mean())})


def _curve(losses: list[Any]) -> Tensor:
    return torch.stack([torch.as_tensor(loss, dtype=torch.float32).cpu() for loss in losses])


def resume(part: Part) -> None:
    """Three steps, a checkpoint, three more; against three more from the checkpoint in a new model."""
    vocab = SMALL_VOCAB if part.small else VOCAB
    pool = [make_rows(8, vocab, step=step) for step in range(6)]
    run = configuration(SMALL, "best", 64, ("mlm", "mep"), part.precision)
    whole = PackedWay(new_model(run, vocab, part.device), run, part.device)
    batches = [whole.prepare(rows) for rows in pool]
    for batch in batches[:3]:
        whole.step(batch)
    tensors = model_tensors(whole.training.joint), optimizer_tensors(whole.training.joint, whole.training.optimizer)
    with tempfile.TemporaryDirectory() as folder:
        saved = save(Path(folder), 3, *tensors, {}, keep=2)
        expected = torch.stack([whole.step(batch) for batch in batches[3:]])
        again = PackedWay(new_model(replace(run, seed=1), vocab, part.device), run, part.device)
        first = again.step(batches[3])
        load_model(Checkpoint(folder=saved, state={}), again.training.joint)
        load_optimizer(Checkpoint(folder=saved, state={}), again.training.joint, again.training.optimizer)
    continued = torch.stack([again.step(batch) for batch in batches[3:]])
    part.record("control: before loading", relative(float(first), float(expected[0])))
    part.check("losses after resuming", float(((continued - expected) / expected).abs().max()), TOLERANCE["resume"])


def apart(found: Tensor, right: Tensor) -> float:
    """Length of the difference in parts of the reference's length."""
    return float((found - right).norm() / right.norm())


def relative(value: float, reference: float) -> float:
    """Distance in parts of the reference."""
    return abs(value - reference) / max(abs(reference), 1e-9)
