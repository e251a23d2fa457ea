"""What a run tells: a JSONL log, TensorBoard, and a progress line. Tensors are read here, every few steps, and nowhere else.

The one throughput reported is real tokens per second: tokens of text, neither padding nor the unused end of a stream. Beside it
stand the operations those tokens need, on GPUs as the model's use of the machine (mfu): over what it could make in that time.
"""

from __future__ import annotations

import importlib
import json
import math
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any, TextIO

import torch
from torch import Tensor

from model.distributed import global_sum, is_main, world_size
from schemas.errors import UsageError

LOG = "log.jsonl"
"""Name of the log in a run's folder."""
STEERED_BY = "retrieval/mrr"
"""The measure of a validation by which a run is steered: the mean reciprocal rank of its retrieval, over the objectives."""
SHOWN = (
    ("mlm/loss", "mlm"),
    ("mep/loss", "mep"),
    ("oe/loss", "oe"),
    ("mep/accuracy", "mep@1"),
    ("oe/accuracy", "oe@1"),
)
"""Measures on the progress line and their short names."""


class RunLog:
    """The log of one run; only the main rank writes."""

    def __init__(self, folder: Path, *, steps: int, step: int = 0, tensorboard: bool = True) -> None:
        """Open `log.jsonl` (appending) and `tensorboard/` in the run's folder; `step` is where the run goes on."""
        self.steps = steps
        self.file: TextIO | None = None
        self.board: Any = None
        self.tracker: Any = None
        self.name = folder.resolve().name
        self.best = (0.0, step)
        """Highest mean reciprocal rank of a validation's retrieval so far, and after which step."""
        if is_main():
            self.best = max([self.best, *_retrieved(folder / LOG, step)])
            folder.mkdir(parents=True, exist_ok=True)
            self.file = (folder / LOG).open("a", encoding="utf-8")
            if tensorboard:
                from torch.utils.tensorboard import SummaryWriter

                self.board = SummaryWriter(str(folder / "tensorboard"), purge_step=step)

    def follow(self, tracker: str, config: dict[str, Any]) -> None:
        """Send what comes to a tracker too, in a run named after the folder.

        Args:
            tracker: name of its package, which has the interface of wandb; empty sends nothing.
            config: of the run, for the tracker's page.

        Raises:
            UsageError: the package is not installed.
        """
        if not tracker or not is_main():
            return
        try:
            self.tracker = importlib.import_module(tracker)
        except ImportError as error:
            raise UsageError(
                f"--track {tracker} needs its package: pip install {tracker}, or leave --track out"
            ) from error
        self.tracker.init(project="xlm-k", name=self.name, config=config)

    def event(self, name: str, **details: Any) -> None:
        """Write something that happened: a start, a checkpoint, a skipped step."""
        self._write({"event": name, "time": round(time.time(), 3)} | details)

    def step(self, step: int, values: Mapping[str, float]) -> None:
        """Write the measures of an optimizer step and show its progress line.

        Args:
            step: number of steps done.
            values: measures by name.
        """
        if not is_main():
            return
        self._write({"step": step} | _finite(values))
        if self.board is not None:
            for name, value in values.items():
                self.board.add_scalar(name, value, step)
        if self.tracker is not None:
            self.tracker.log(dict(values), step=step)
        print(progress_line(step, self.steps, values), flush=True)

    def validation(self, step: int, scores: Mapping[str, float]) -> None:
        """Write and show the scores on the validation split after some steps; there are none if it was cut short."""
        if not is_main() or not scores:
            return
        self._write({"validated": step} | _finite(scores))
        if self.board is not None:
            for name, value in scores.items():
                self.board.add_scalar(f"validation/{name}", value, step)
        if self.tracker is not None:
            self.tracker.log({f"validation/{name}": value for name, value in scores.items()}, step=step)
        parts = (f"{short} {_shown(name, scores[name])}" for name, short in SHOWN if name in scores)
        print(f"validation after step {step}: {'  '.join(parts)}", flush=True)
        if STEERED_BY in scores:
            self.best = max(self.best, (scores[STEERED_BY], step))
            print(retrieval_line(scores, *self.best), flush=True)

    def rows(self, step: int, counts: Mapping[str, int], *, show: bool) -> None:
        """Write how many rows of the windows begun so far were left out, by objective and reason; show it where asked."""
        self.event("rows", step=step, **counts)
        if show and is_main():
            print(left_out_line(counts), flush=True)

    def close(self) -> None:
        """Flush and close what is open."""
        if self.tracker is not None:
            self.tracker.finish()
        if self.board is not None:
            self.board.close()
        if self.file is not None:
            self.file.close()

    def _write(self, row: dict[str, Any]) -> None:
        if self.file is not None:
            self.file.write(json.dumps(row, ensure_ascii=False) + "\n")
            self.file.flush()


def retrieval_line(scores: Mapping[str, float], best: float, step: int) -> str:
    """Say how well the model finds what it is asked in a validation, beside the lines that read nothing, and the best so far."""
    parts = []
    for name, words in (("mep", "context to entity"), ("oe", "fact to object")):
        own = {key.rpartition("/")[2]: value for key, value in scores.items() if key.startswith(f"retrieval/{name}/")}
        if own:
            parts.append(
                f"{words} hits@1 {own['hits@1']:.1%} mrr {own['mrr']:.1%} "
                f"(chance {own['chance_mrr']:.1%}, frequency {own['frequency_mrr']:.1%})"
            )
    return f"retrieval: {'; '.join(parts)}; mean mrr {scores[STEERED_BY]:.1%}, best {best:.1%} after step {step}"


def _retrieved(log: Path, until: int) -> list[tuple[float, int]]:
    """Return what validations up to a step have found before, for a run that goes on."""
    found = []
    for line in log.read_text(encoding="utf-8").splitlines() if log.is_file() else ():
        if f'"{STEERED_BY}"' in line:
            try:
                row = json.loads(line)
            except ValueError:  # a line that a kill cut short
                continue
            if row.get("validated", until + 1) <= until:
                found.append((float(row[STEERED_BY]), int(row["validated"])))
    return found


def left_out_line(counts: Mapping[str, int]) -> str:
    """Say how many of the rows read were left out, and why.

    Args:
        counts: rows by `objective/rows` and `objective/left_out/reason`, as `rows_read` gives them.
    """
    parts = []
    for name, count in counts.items():
        objective, *reason = name.split("/left_out/")
        if reason:
            read = counts[f"{objective}/rows"]
            parts.append(f"{objective} {count:,} of {read:,} rows ({count / read:.1%}): {reason[0].replace('_', ' ')}")
    return f"left out: {'; '.join(parts) or 'nothing'}"


class Meter:
    """Collects the measures of the steps between two log lines without reading them."""

    def __init__(self, peak: float) -> None:
        """Start the clock; `peak` is what a device of one rank could make at most, in operations a second; 0: not known."""
        self.peak = peak
        self.rows: list[dict[str, Tensor]] = []
        self.restart()

    def restart(self) -> None:
        """Forget what was collected and start the clock anew."""
        self.rows.clear()
        self.tokens, self.room, self.flops, self.waited = 0, 0, 0.0, 0.0
        self.started = time.perf_counter()

    def add(self, measures: dict[str, Tensor], *, tokens: int, room: int, flops: float, waited: float) -> None:
        """Add a step.

        Args:
            measures: sums and counts of all ranks, left where they are.
            tokens: tokens of text in this rank's batches.
            room: tokens there was room for.
            flops: operations that this rank's batches need.
            waited: seconds spent waiting for the data.
        """
        self.rows.append(measures)
        self.tokens += tokens
        self.room += room
        self.flops += flops
        self.waited += waited

    def read(self, device: torch.device) -> dict[str, float]:
        """Means over the words and pairs of the collected steps; the one place where the host waits for the device.

        A measure without a word or a pair in any of them is left out.
        """
        names = list(self.rows[0])
        each = torch.stack([torch.stack([row[name] for name in names]) for row in self.rows])
        sound = each.isfinite().all(-1, keepdim=True)
        sums = torch.where(sound, each, 0).sum(0)
        totals = global_sum(torch.tensor([float(self.tokens), float(self.room), self.flops], device=device))
        values = {name: total / count for name, (total, count) in zip(names, sums.tolist(), strict=True) if count}
        seconds = time.perf_counter() - self.started
        done, room, flops = totals.tolist()
        values |= {
            "tokens_per_second": done / seconds,
            "fill": done / max(room, 1.0),
            "flops_per_second": flops / seconds,
            "data_wait": self.waited / seconds,
            "seconds_per_step": seconds / len(self.rows),
        }
        if self.peak:
            values["mfu"] = flops / seconds / (self.peak * world_size())
        if device.type == "cuda":
            values["peak_memory_gb"] = torch.cuda.max_memory_allocated(device) / 1e9
        return values


def _finite(values: Mapping[str, float]) -> dict[str, float]:
    """Measures as the log has them; what no step of the window had is left out."""
    return {name: float(f"{value:.6g}") for name, value in values.items() if math.isfinite(value)}


def progress_line(step: int, steps: int, values: Mapping[str, float]) -> str:
    """One line for people: losses, retrieval accuracy, tokens a second, waiting, and the time left."""
    parts = [f"step {step:>{len(str(steps))}}/{steps}"]
    for name, short in SHOWN:
        if name in values:
            parts.append(f"{short} {_shown(name, values[name])}")
    parts.append(f"{values['tokens_per_second']:,.0f} tokens/s")
    parts.append(f"fill {values['fill']:.1%}")
    parts.append(f"mfu {values['mfu']:.1%}" if "mfu" in values else f"{values['flops_per_second'] / 1e9:,.0f} GFLOP/s")
    parts.append(f"data wait {values['data_wait']:.1%}")
    if "grad_norm" in values:  # not where every step since the last line was skipped
        parts.append(f"grad {values['grad_norm']:.2f}")
    left = (steps - step) * values["seconds_per_step"]
    parts.append(f"{int(left // 3600)}:{int(left % 3600 // 60):02}:{int(left % 60):02} left")
    return "  ".join(parts)


def _shown(name: str, value: float) -> str:
    return f"{value:.1%}" if name.endswith("accuracy") else f"{value:.3f}"
