"""The figures of a measured step, for people and as JSON."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from pathlib import Path


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
    flops_by_counter: float | None
    """Matrix products PyTorch counts in a step, attention apart, unused slots included; None where memory did not hold
    the uncompiled step that is counted."""
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


def report(figures: Figures) -> str:
    """Return the figures for people."""
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
        ("needed, by counter", f"{f.flops_by_counter / 1e9:,.1f} GFLOP a step, without attention"
                               if f.flops_by_counter else "not counted: memory did not hold the uncompiled step"),
        ("matmul rate", f"{f.matmul_rate / 1e12:,.2f} TFLOP/s measured"),
        ("floor", f"{f.floor_seconds * 1e3:,.1f} ms a step at that rate; the step takes "
                  f"{f.seconds_per_step / f.floor_seconds:.2f} times as long"),
        ("MFU", f"{f.mfu:.1%} of {rate}"),
    ]  # fmt: skip
    width = max(len(name) for name, _ in rows)
    return "\n".join(f"{name:<{width}}  {value}" for name, value in rows)


def write(figures: Figures, path: Path) -> None:
    """Write the figures as JSON."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(asdict(figures), indent=1), encoding="utf-8")
