"""Loss curves of the fast path and the plain path, from the same weights on the same batches.

    python -m benchmarks.curves --data data/sample/tokens [--objectives mlm] [--seed 1] [--picture FILE.svg]

The fast path is the trainer's step: packed, attention within documents, chunked head, fused AdamW. The plain path
(`benchmarks.plain_path`) is padded, with plain attention and all logits at once. Rounding alone makes two such runs
drift apart, the more the fewer pairs a BatchNorm head sees, so a third run is the yardstick: the plain path with the
documents in reverse order. The fast path may lie no further from the plain one than `TOLERANCE`, or than the
yardstick does times `SLACK`.
"""

from __future__ import annotations

import argparse
import json
from dataclasses import replace
from pathlib import Path

import torch
from torch import Tensor

from benchmarks.plain_path import PlainPath
from model.config import PretrainConfig
from model.data.loading.loader import StreamLoader
from model.data.special_tokens import SpecialTokens
from model.data.stores.token_dataset import TokenDataset
from model.data.stream.stream import TrainingStream
from model.method.encoder import load_encoder
from model.method.joint import JointModel
from model.recipes import TINY
from model.training.step import TrainingStep
from model.training.tokenizer_source import find_tokenizer, open_tokenizer

CPU = torch.device("cpu")
PATHS = ("fast", "plain", "plain, reversed")
WINDOW = 20
"""Steps whose mean is compared."""
TOLERANCE = 0.01
"""Largest relative difference of a window's mean loss between the fast and the plain path."""
SLACK = 1.5


def configuration(data: Path, objectives: str, steps: int, tokens: int, seed: int) -> PretrainConfig:
    """The tiny recipe, with steps of a chosen size and a chosen seed."""
    stream = replace(TINY.stream, tokens_per_step=tokens)
    optim = replace(TINY.optim, warmup_steps=min(TINY.optim.warmup_steps, steps // 2))
    run = replace(TINY, data=str(data), objectives=objectives, stream=stream, optim=optim, steps=steps, seed=seed)
    return replace(run, precision="fp32").resolved()


def run(config: PretrainConfig) -> dict[str, dict[str, list[float]]]:
    """Every step's losses by path and objective."""
    tokenizer = open_tokenizer(find_tokenizer("", "", config.data))
    models = []
    for _ in PATHS:
        encoder = load_encoder(
            config.encoder, vocab_size=len(tokenizer), pad_id=tokenizer.pad_token_id, seed=config.seed
        )
        models.append(JointModel(encoder, config))
    special = SpecialTokens.from_tokenizer(tokenizer, position_offset=models[0].encoder.position_offset)
    stream = TrainingStream(TokenDataset(config.data, special), config.stream, seed=config.seed, rank=0, world_size=1)
    loader = StreamLoader(stream, num_workers=config.workers)
    fast = TrainingStep(models[0], config, CPU)
    plain, reversed_ = PlainPath(models[1], config), PlainPath(models[2], config, reverse=True)
    lines: dict[str, dict[str, list[float]]] = {path: {} for path in PATHS}
    for number in range(config.steps):
        batch = next(loader)
        measures = fast([batch], number).measures
        found = {name: float(measures[f"{name}/loss"]) for name in models[0].objectives}
        told = (found | {"total": float(measures["loss"])}, plain.step(batch, number), reversed_.step(batch, number))
        for path, losses in zip(PATHS, told, strict=True):
            for name, loss in losses.items():
                lines[path].setdefault(name, []).append(loss)
        if number % 50 == 0:
            print(f"step {number}: {told}", flush=True)
    loader.close()
    return lines


def summary(lines: dict[str, dict[str, list[float]]], path: str) -> dict[str, float]:
    """How far a path's total loss lies from the plain one's, in parts of it: steps and windows, largest and mean."""
    there, here = (torch.tensor(lines[name]["total"], dtype=torch.float64) for name in ("plain", path))
    steps, windows = differences(here, there), differences(window_means(here), window_means(there))
    return {
        "largest of a step": float(steps.max()),
        "mean of steps": float(steps.mean()),
        "largest of a window": float(windows.max()),
        "first ten steps": float(steps[:10].max()),
    }


def window_means(line: Tensor) -> Tensor:
    """Means of each `WINDOW` steps; of all of them where there are fewer."""
    size = min(WINDOW, len(line))
    return line.unfold(0, size, size).mean(1)


def differences(here: Tensor, there: Tensor) -> Tensor:
    """How far losses lie from others, in parts of those."""
    return ((here - there) / there).abs()


def draw(lines: dict[str, dict[str, list[float]]], path: Path) -> None:
    """The curves of every objective, and below them how far the total lies from the plain path's."""
    import matplotlib

    matplotlib.use("Agg")
    matplotlib.rcParams["svg.hashsalt"] = "curves"
    from matplotlib import pyplot

    names = [name for name in lines["plain"] if name != "total"]
    figure, (above, below) = pyplot.subplots(2, 1, figsize=(7, 6), sharex=True, height_ratios=(2, 1))
    for number, name in enumerate(names):
        above.plot(lines["plain"][name], color=f"C{number}", linewidth=3, alpha=0.35, label=f"{name}, plain")
        above.plot(lines["fast"][name], color=f"C{number}", linewidth=0.8, label=f"{name}, fast")
    plain = torch.tensor(lines["plain"]["total"], dtype=torch.float64)
    for name in ("fast", "plain, reversed"):
        apart = differences(torch.tensor(lines[name]["total"], dtype=torch.float64), plain)
        below.semilogy(apart.clamp(min=1e-9), linewidth=0.8, label=f"{name} against plain")
    above.set_ylabel("loss, nats")
    below.set_ylabel("relative difference")
    below.set_xlabel("step")
    above.legend(fontsize=8, ncols=len(names))
    below.legend(fontsize=8)
    figure.tight_layout()
    figure.savefig(path, metadata={"Date": None} if path.suffix == ".svg" else None)


def main() -> None:
    """Runs the paths and prints how far they lie apart."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--steps", type=int, default=300)
    parser.add_argument("--objectives", default=TINY.objectives)
    parser.add_argument("--tokens", type=int, default=TINY.stream.tokens_per_step)
    parser.add_argument("--seed", type=int, default=TINY.seed)
    parser.add_argument("--picture", type=Path)
    parser.add_argument("--output", type=Path)
    arguments = parser.parse_args()
    lines = run(configuration(arguments.data, arguments.objectives, arguments.steps, arguments.tokens, arguments.seed))
    found = {path: summary(lines, path) for path in PATHS if path != "plain"}
    print(json.dumps(found, indent=1))
    if arguments.output:
        arguments.output.write_text(json.dumps({"differences": found, "losses": lines}), encoding="utf-8")
    if arguments.picture:
        draw(lines, arguments.picture)
    bound = max(TOLERANCE, SLACK * found["plain, reversed"]["largest of a window"])
    verdict = "lies on" if found["fast"]["largest of a window"] <= bound else "does NOT lie on"
    print(f"the fast path {verdict} the plain path: no window of {WINDOW} steps may differ by more than {bound:.2%}")


if __name__ == "__main__":
    main()
