"""The contrast of `best` mode equals a loop over pairs; no true answer is ever a negative, no noise ever a candidate."""

from __future__ import annotations

import math

import pytest
import torch
from torch import Tensor

from model.batch import UNUSED
from model.config import LEAST_LEARNABLE_TEMPERATURE
from model.method.bank import Bank
from model.method.losses import Pairs, Temperature, symmetric_contrast

SCALE = 20.0


def pairs(seed: int = 0, spare: int = 0) -> Pairs:
    """Five queries on four keys; queries 0 and 1 share a key, key 3 answers query 2 as well."""
    generator = torch.Generator().manual_seed(seed)
    unit = torch.nn.functional.normalize
    queries = unit(torch.randn(5 + spare, 8, generator=generator, dtype=torch.float64), dim=-1)
    keys = unit(torch.randn(4 + spare, 8, generator=generator, dtype=torch.float64), dim=-1)
    answers = torch.tensor([[10, UNUSED], [10, UNUSED], [11, 13], [12, UNUSED], [13, UNUSED]])
    return Pairs(
        queries=queries.requires_grad_(),
        keys=keys.requires_grad_(),
        positives=torch.cat([torch.tensor([0, 0, 1, 2, 3]), torch.full((spare,), UNUSED)]),
        answers=torch.cat([answers, torch.full((spare, 2), UNUSED)]),
        entities=torch.cat([torch.tensor([10, 11, 12, 13]), torch.full((spare,), UNUSED)]),
    )


def by_loop(p: Pairs, bank: list[tuple[Tensor, int]] | None = None) -> Tensor:
    """The same loss written pair by pair."""
    total = torch.zeros((), dtype=torch.float64)
    real = [i for i in range(len(p.positives)) if p.positives[i] != UNUSED]
    for i in real:
        own = int(p.positives[i])
        right = set(p.answers[i].tolist())
        candidates = [(p.keys[c], int(e)) for c, e in enumerate(p.entities) if c != own] + (bank or [])
        others = [p.queries[i] @ key for key, entity in candidates if entity not in right and entity >= 0]
        total -= log_share(p.queries[i] @ p.keys[own], others)
        entity = int(p.entities[own])
        rivals = [p.queries[j] @ p.keys[own] for j in real if j != i and entity not in p.answers[j].tolist()]
        total -= log_share(p.queries[i] @ p.keys[own], rivals)
    return total / 2


def log_share(own: Tensor, others: list[Tensor]) -> Tensor:
    return (torch.stack([own, *others]) * SCALE).log_softmax(0)[0]


@pytest.mark.parametrize("spare", [0, 3])
def test_it_equals_a_loop_over_pairs_in_value_and_gradient(spare: int) -> None:
    p = pairs(spare=spare)
    expected = by_loop(p)
    wanted = torch.autograd.grad(expected, (p.queries, p.keys))
    contrast = symmetric_contrast(p, SCALE)
    torch.testing.assert_close(contrast.loss, expected, atol=1e-9, rtol=0)
    torch.testing.assert_close(torch.autograd.grad(contrast.loss, (p.queries, p.keys)), wanted, atol=1e-9, rtol=0)
    assert contrast.pairs == 5


def test_the_bank_counts_but_for_its_true_answers_and_empty_slots() -> None:
    p = pairs()
    bank = Bank(6, 8).double()
    generator = torch.Generator().manual_seed(9)
    states = torch.randn(3, 8, generator=generator, dtype=torch.float64)
    entities = torch.tensor([13, 77, 10])
    bank.push(states, entities, torch.ones(3, dtype=torch.bool))
    past = list(zip(states, entities.tolist(), strict=True))
    torch.testing.assert_close(symmetric_contrast(p, SCALE, bank.contents()).loss, by_loop(p, past), atol=1e-9, rtol=0)


def test_a_true_object_never_pushes_its_query_away() -> None:
    p = pairs()
    symmetric_contrast(p, SCALE).loss.backward()
    question, true_object = 2, 3
    alone = torch.autograd.grad(symmetric_contrast(p, SCALE).loss, p.queries)[0][question]
    moved = Pairs(
        queries=p.queries,
        keys=torch.cat([p.keys[:true_object], -p.keys[true_object:]]),
        positives=p.positives,
        answers=p.answers,
        entities=p.entities,
    )
    again = torch.autograd.grad(symmetric_contrast(moved, SCALE).loss, p.queries)[0][question]
    torch.testing.assert_close(alone, again)


def test_nothing_used_gives_zero() -> None:
    p = pairs()
    empty = Pairs(
        queries=p.queries,
        keys=p.keys,
        positives=torch.full_like(p.positives, UNUSED),
        answers=torch.full_like(p.answers, UNUSED),
        entities=torch.full_like(p.entities, UNUSED),
    )
    contrast = symmetric_contrast(empty, SCALE)
    contrast.loss.backward()
    assert contrast.loss == 0 and not p.queries.grad.any()


def test_perfect_states_are_all_hits_and_chance_is_the_logarithm() -> None:
    states = torch.eye(8, dtype=torch.float64)
    same = torch.ones(8, 8, dtype=torch.float64) / math.sqrt(8)
    kwargs = {"positives": torch.arange(8), "answers": torch.arange(8)[:, None], "entities": torch.arange(8)}
    assert symmetric_contrast(Pairs(queries=states, keys=states, **kwargs), SCALE).hits == 8
    chance = symmetric_contrast(Pairs(queries=same, keys=same, **kwargs), SCALE).loss
    torch.testing.assert_close(chance / 8, torch.tensor(math.log(8), dtype=torch.float64))


def test_a_learnt_temperature_moves_and_stays_bounded() -> None:
    learnt, fixed = Temperature(0.05, learnable=True), Temperature(0.05, learnable=False)
    torch.testing.assert_close(learnt(), torch.tensor(20.0))
    assert len(list(learnt.parameters())) == 1 and not list(fixed.parameters())
    symmetric_contrast(pairs(), learnt()).loss.backward()
    assert learnt.log_scale.grad != 0
    learnt.log_scale.data.fill_(50.0)
    assert learnt() == 1 / LEAST_LEARNABLE_TEMPERATURE


def test_a_fixed_temperature_is_what_was_asked_for() -> None:
    torch.testing.assert_close(Temperature(0.005, learnable=False)(), torch.tensor(200.0))
