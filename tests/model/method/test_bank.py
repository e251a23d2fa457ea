"""The bank keeps the newest states in the order of arrival and takes in nothing unsound."""

from __future__ import annotations

import torch

from model.method.bank import EMPTY, NOISE, Bank


def push(bank: Bank, entities: list[int], used: list[bool] | None = None) -> None:
    rows = torch.tensor(entities, dtype=torch.float32)[:, None].expand(-1, bank.states.shape[1])
    bank.push(rows, torch.tensor(entities), torch.tensor(used or [True] * len(entities)))


def test_the_oldest_states_leave_first() -> None:
    bank = Bank(5, 3)
    push(bank, [1, 2, 3])
    push(bank, [4, 5, 6, 7])
    states, entities = bank.contents()
    assert sorted(entities.tolist()) == [3, 4, 5, 6, 7]
    assert torch.equal(states[:, 0].long(), entities)


def test_it_starts_empty_or_full_of_noise_of_length_one() -> None:
    assert Bank(5, 3).contents()[1].eq(EMPTY).all()
    states, entities = Bank(2000, 64, noise_seed=0).contents()
    assert entities.eq(NOISE).all()
    torch.testing.assert_close(states.square().sum(1).mean(), torch.tensor(1.0), atol=0.02, rtol=0)


def test_unused_and_unsound_rows_leave_no_trace() -> None:
    bank = Bank(4, 3)
    push(bank, [1, 2, 3], [True, False, True])
    broken = torch.tensor([[4.0] * 3, [float("nan")] * 3])
    bank.push(broken, torch.tensor([4, 5]), torch.tensor([True, True]))
    assert sorted(bank.contents()[1].tolist()) == [EMPTY, 1, 3, 4]
    assert bank.contents()[0].isfinite().all() and bank.cursor == 3


def test_what_was_left_is_taken_in_at_the_end_of_the_step() -> None:
    bank = Bank(4, 1)
    push(bank, [1])
    states, _ = bank.contents()
    for entity in (2, 3):
        bank.leave(torch.full((1, 1), float(entity)), torch.tensor([entity]), torch.tensor([True]))
    assert states[:, 0].tolist() == [1.0, 0.0, 0.0, 0.0]
    bank.take_in(batches=2)
    bank.take_in(batches=2)  # nothing was left since
    assert bank.contents()[0][:, 0].tolist() == [1.0, 2.0, 3.0, 0.0]


def test_of_more_rows_than_places_the_last_ones_stay() -> None:
    bank = Bank(3, 2)
    push(bank, [1])
    push(bank, list(range(10, 18)), [True] * 7 + [False])
    assert sorted(bank.contents()[1].tolist()) == [14, 15, 16] and bank.cursor == (1 + 7) % 3
    push(bank, [20])
    assert sorted(bank.contents()[1].tolist()) == [15, 16, 20]
