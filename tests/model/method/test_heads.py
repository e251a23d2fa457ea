"""The heads are the released ones, and their statistics see used rows alone."""

from __future__ import annotations

import torch
from torch import nn

from model.method.heads import BATCH_NORM_EPS, ProjectionHead, RowBatchNorm


def plain(head: ProjectionHead) -> nn.Sequential:
    """The same head from PyTorch's own modules."""
    width = head.first.in_features
    layers = nn.Sequential(
        nn.Linear(width, width, bias=False),
        nn.BatchNorm1d(width, eps=BATCH_NORM_EPS),
        nn.ReLU(),
        nn.Linear(width, width, bias=False),
        nn.BatchNorm1d(width, eps=BATCH_NORM_EPS, affine=False),
    )
    layers[0].weight, layers[3].weight = head.first.weight, head.second.weight
    return layers


def test_on_used_rows_it_equals_the_same_head_of_plain_modules() -> None:
    torch.manual_seed(0)
    head = ProjectionHead(6, "batch").double()
    rows = torch.randn(9, 6, dtype=torch.float64)
    used = torch.tensor([True] * 7 + [False] * 2)
    reference = plain(head).double()
    torch.testing.assert_close(head(rows, used)[:7], reference(rows[:7]))
    for ours, theirs in ((head.first_norm, reference[1]), (head.second_norm, reference[4])):
        torch.testing.assert_close(ours.running_mean, theirs.running_mean)
        torch.testing.assert_close(ours.running_var, theirs.running_var)
    torch.testing.assert_close(head.eval()(rows), reference.eval()(rows))


def test_gradients_are_those_of_plain_modules_too() -> None:
    torch.manual_seed(0)
    head = ProjectionHead(6, "batch").double()
    rows, goal = torch.randn(2, 9, 6, dtype=torch.float64)
    rows.requires_grad_()
    used = torch.tensor([True] * 7 + [False] * 2)
    reference = plain(head).double()
    expected = torch.autograd.grad(((reference(rows[:7]) - goal[:7]) ** 2).sum(), rows)
    found = torch.autograd.grad((((head(rows, used) - goal) ** 2) * used[:, None]).sum(), rows)
    torch.testing.assert_close(found, expected)


def test_no_used_row_or_a_broken_one_leaves_the_running_statistics() -> None:
    norm = RowBatchNorm(3, affine=False)
    for rows, used in ((torch.ones(2, 3), [False, False]), (torch.full((2, 3), float("inf")), [True, True])):
        norm(rows, torch.tensor(used))
        assert norm.running_mean.eq(0).all() and norm.running_var.eq(1).all()


def test_with_layer_norm_a_row_does_not_depend_on_its_batch() -> None:
    torch.manual_seed(0)
    head, rows = ProjectionHead(6, "layer"), torch.randn(5, 6)
    torch.testing.assert_close(head(rows)[:2], head(rows[:2]))
    assert not torch.allclose(ProjectionHead(6, "batch")(rows)[:2], ProjectionHead(6, "batch")(rows[:2]))
