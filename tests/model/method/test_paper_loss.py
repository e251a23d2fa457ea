"""`paper` mode against a naive transcription of the formula in float64, number by number, banks included."""

from __future__ import annotations

import math

import pytest
import torch

from model.batch import UNUSED, Batch
from model.method.contrast import PaperContrast
from model.method.objectives import States
from model.method.totals import Totals, step_totals
from tests.model.hand_made import hand_made_batch, joint_model

Vector = list[float]


def unit(vector: Vector) -> Vector:
    length = max(math.sqrt(sum(x * x for x in vector)), 1e-4)
    return [x / length for x in vector]


def dot(a: Vector, b: Vector) -> float:
    return sum(x * y for x, y in zip(a, b, strict=True))


def naive_direction(rows: list[Vector], others: list[Vector], bank: list[Vector], temperature: float) -> list[float]:
    """-log softmax of every row at its partner, over [rows but itself; others; bank]."""
    losses = []
    for i, row in enumerate(rows):
        scores = [dot(row, other) / temperature for other in others]
        scores += [dot(row, rival) / temperature for j, rival in enumerate(rows) if j != i]
        scores += [dot(row, past) / temperature for past in bank]
        losses.append(math.log(sum(math.exp(score) for score in scores)) - scores[i])
    return losses


def naive_loss(queries: list[Vector], keys: list[Vector], bank: list[Vector], temperature: float) -> float:
    both = naive_direction(queries, keys, bank, temperature) + naive_direction(keys, queries, bank, temperature)
    return sum(both) / len(both)


def naive_head(rows: list[Vector], head: torch.nn.Module) -> list[Vector]:
    """Linear, BatchNorm, ReLU, Linear, BatchNorm without affine part, in loops."""
    first, second = head.first.weight.tolist(), head.second.weight.tolist()
    inner = naive_norm([[dot(row, weights) for weights in first] for row in rows])
    inner = [[max(x, 0.0) for x in row] for row in inner]
    return naive_norm([[dot(row, weights) for weights in second] for row in inner])


def naive_norm(rows: list[Vector]) -> list[Vector]:
    columns = []
    for column in zip(*rows, strict=True):
        mean = sum(column) / len(column)
        variance = sum((x - mean) ** 2 for x in column) / len(column)
        columns.append([(x - mean) / math.sqrt(variance + 1e-12) for x in column])
    return [list(row) for row in zip(*columns, strict=True)]


class NaiveBanks:
    """Two lists of states, the oldest first, full of noise at the start."""

    def __init__(self, contrast: PaperContrast) -> None:
        self.past = {name: bank.contents()[0].tolist() for name, bank in banks(contrast).items()}

    def push(self, name: str, states: list[Vector]) -> None:
        size = len(self.past[name])
        self.past[name] = (self.past[name] + states)[-size:]


def banks(contrast: PaperContrast) -> dict[str, torch.nn.Module]:
    return {"keys": contrast.key_bank, "queries": contrast.query_bank}


def naive_mep(states: States, batch: Batch, contrast: PaperContrast, past: NaiveBanks) -> float:
    """The MEP loss of one batch, and its states into the banks."""
    real = [i for i, key in enumerate(batch.mep_keys.tolist()) if key != UNUSED]
    queries = naive_head([states.mentions[i].tolist() for i in real], contrast.query_head)
    keys = naive_head([states.keys[int(batch.mep_keys[i])].tolist() for i in real], contrast.key_head)
    q, k = [unit(row) for row in queries], [unit(row) for row in keys]
    asked = naive_loss(q, k, [unit(row) for row in past.past["keys"]], 0.05)
    told = naive_loss(k, q, [unit(row) for row in past.past["queries"]], 0.05)
    past.push("keys", keys)
    past.push("queries", queries)
    return asked + told


def totals_of(batch: Batch) -> dict[str, Totals]:
    """A step of one batch."""
    return step_totals([batch], batch.token_ids.device, paper=True)[0]


@pytest.mark.parametrize("objective", ["mep"])
def test_the_loss_equals_its_naive_transcription_over_several_steps(objective: str) -> None:
    model = joint_model(mode="paper", bank_size=16).double()
    contrast = model.objectives[objective].contrast
    past = NaiveBanks(contrast)
    for step in range(4):
        batch = hand_made_batch(step)
        states = model.encode(batch)
        expected = naive_mep(states, batch, contrast, past)
        loss, _ = model.objectives[objective](model.encoder, states, batch, totals_of(batch)[objective])
        model.end_step(1)
        assert float(loss) == pytest.approx(expected, abs=1e-6)
        for name, bank in banks(contrast).items():
            ours, theirs = bank.contents()[0], torch.tensor(past.past[name], dtype=torch.float64)
            torch.testing.assert_close(sorted_rows(ours), sorted_rows(theirs), atol=1e-6, rtol=0)


def sorted_rows(rows: torch.Tensor) -> torch.Tensor:
    return torch.stack(sorted(rows, key=lambda row: row.tolist()))


def test_noise_and_keys_of_the_same_entity_count_as_negatives() -> None:
    """The defects are kept: both make the loss larger than it is without them."""
    batch = hand_made_batch()
    small, large = (joint_model(mode="paper", bank_size=size) for size in (8, 512))
    totals = totals_of(batch)["mep"]
    losses = [float(m.objectives["mep"](m.encoder, m.encode(batch), batch, totals)[0]) for m in (small, large)]
    assert losses[0] < losses[1]


def test_each_objective_has_heads_and_noise_of_its_own() -> None:
    model = joint_model(mode="paper", bank_size=16)
    mep, oe = model.objectives["mep"].contrast, model.objectives["oe"].contrast
    noises = [bank.contents()[0] for contrast in (mep, oe) for bank in banks(contrast).values()]
    assert len({noise.sum().item() for noise in noises}) == 4
    heads = [head for contrast in (mep, oe) for head in (contrast.query_head, contrast.key_head)]
    assert len({head.first.weight.sum().item() for head in heads}) == 4


def test_the_joint_loss_is_the_scaled_sum() -> None:
    batch = hand_made_batch()
    plain, scaled = joint_model(mode="paper", bank_size=16), joint_model(mode="paper", bank_size=16, mep_scale=3.0)
    loss, measures = plain(batch)
    parts = [measures[f"{name}/loss"][0] / measures[f"{name}/loss"][1] for name in ("mlm", "mep", "oe")]
    torch.testing.assert_close(loss.detach(), sum(parts))
    torch.testing.assert_close(scaled(batch)[0].detach(), parts[0] + 3 * parts[1] + parts[2])
