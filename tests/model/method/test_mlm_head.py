"""The chunked cross entropy equals the plain one in value and gradient, and never holds all logits."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch._subclasses.fake_tensor import FakeTensorMode
from torch.utils._python_dispatch import TorchDispatchMode

from model.batch import IGNORED_LABEL
from model.method import mlm_head
from model.method.mlm_head import masked_word_loss
from tests.model.hand_made import hand_made_batch, small_encoder


def inputs(rows: int, pieces: int, dtype: torch.dtype) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    generator = torch.Generator().manual_seed(0)
    states, weight = (torch.randn(n, 16, generator=generator, dtype=dtype) for n in (rows, pieces))
    bias = torch.randn(pieces, generator=generator, dtype=dtype)
    labels = torch.randint(0, pieces, (rows,), generator=generator)
    labels[::5] = IGNORED_LABEL
    return states.requires_grad_(), weight.requires_grad_(), bias.requires_grad_(), labels


@pytest.mark.parametrize("chunk_rows", [1, 7, 64, 1000])
def test_value_and_gradient_equal_the_plain_loss(chunk_rows: int) -> None:
    states, weight, bias, labels = inputs(64, 101, torch.float64)
    plain = nn.functional.cross_entropy(states @ weight.T + bias, labels, ignore_index=IGNORED_LABEL, reduction="sum")
    expected = torch.autograd.grad(3 * plain, (states, weight, bias))
    loss, right = masked_word_loss(states, weight, bias, labels, chunk_rows)
    torch.testing.assert_close(loss, plain, atol=1e-10, rtol=0)
    torch.testing.assert_close(torch.autograd.grad(3 * loss, (states, weight, bias)), expected, atol=1e-10, rtol=0)
    assert right == ((states @ weight.T + bias).argmax(1) == labels).sum()


def test_no_used_slot_gives_zero_and_zero_gradient() -> None:
    states, weight, bias, labels = inputs(8, 11, torch.float32)
    loss, right = masked_word_loss(states, weight, bias, torch.full_like(labels, IGNORED_LABEL))
    loss.backward()
    assert loss == 0 and right == 0
    assert states.grad is not None and not states.grad.any()


@pytest.mark.parametrize("chunk_rows", [7, 64])
def test_the_compiled_form_gives_the_same(monkeypatch: pytest.MonkeyPatch, chunk_rows: int) -> None:
    torch._dynamo.reset()
    compiled = torch.compile(mlm_head._chunk, fullgraph=True, dynamic=False, backend="aot_eager")
    monkeypatch.setattr(mlm_head, "_compiled_chunk", lambda: compiled)
    *leaves, labels = inputs(64, 101, torch.float64)
    plain, right = masked_word_loss(*leaves, labels, chunk_rows)
    expected = torch.autograd.grad(plain, leaves)
    loss, hits = masked_word_loss(*leaves, labels, chunk_rows, compiled=True)
    torch.testing.assert_close(loss, plain, atol=1e-10, rtol=0)
    torch.testing.assert_close(torch.autograd.grad(loss, leaves), expected, atol=1e-10, rtol=0)
    assert hits == right


class Largest(TorchDispatchMode):
    """Notes the most elements that any tensor made inside has in its storage."""

    def __init__(self) -> None:
        super().__init__()
        self.elements = 0

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        made = func(*args, **(kwargs or {}))
        for tensor in made if isinstance(made, (tuple, list)) else (made,):
            if isinstance(tensor, Tensor):
                self.elements = max(self.elements, tensor.untyped_storage().nbytes() // tensor.element_size())
        return made


def largest_tensor(rows: int, pieces: int, chunk_bytes: int, monkeypatch: pytest.MonkeyPatch) -> int:
    monkeypatch.setattr(mlm_head, "CHUNK_BYTES", chunk_bytes)
    leaves = inputs(rows, pieces, torch.float32)
    with Largest() as seen:
        masked_word_loss(*leaves)[0].backward()
    return seen.elements


def test_no_tensor_ever_has_room_for_all_logits(monkeypatch: pytest.MonkeyPatch) -> None:
    rows, pieces = 1_000, 5_003
    # Ten chunks of at most 100 rows; the weight's gradient, pieces x 16, is smaller.
    assert largest_tensor(rows, pieces, 4 * pieces * 100, monkeypatch) == 100 * pieces
    # The same watch sees all logits where one chunk may hold them.
    assert largest_tensor(rows, pieces, 4 * pieces * rows, monkeypatch) == rows * pieces


def test_xlm_r_sized_logits_stay_within_the_bound() -> None:
    # On shapes alone: 10,000 masked words of 250,002 pieces are 10 GB of logits.
    with FakeTensorMode(), Largest() as seen:
        rows, weight = torch.empty(10_000, 16), torch.empty(250_002, 16, requires_grad=True)
        masked_word_loss(rows, weight, torch.empty(250_002), torch.empty(10_000, dtype=torch.int64))[0].backward()
    assert 0.9 * mlm_head.CHUNK_BYTES < 4 * seen.elements <= mlm_head.CHUNK_BYTES


def test_chunks_are_even() -> None:
    class Sizes(Largest):
        seen: list[int] = []

        def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
            if func is torch.ops.aten.amax.default:
                self.seen.append(len(args[0]))
            return super().__torch_dispatch__(func, types, args, kwargs)

    with Sizes() as sizes:
        masked_word_loss(*inputs(64, 11, torch.float32), 30)
    assert sizes.seen == [22, 22, 20]


def test_without_gradients_only_the_logits_are_computed() -> None:
    class Products(Largest):
        number = 0

        def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
            self.number += func.overloadpacket in (torch.ops.aten.mm, torch.ops.aten.addmm)
            return super().__torch_dispatch__(func, types, args, kwargs)

    leaves = inputs(64, 101, torch.float32)
    with Products() as training:
        loss, right = masked_word_loss(*leaves)
    with Products() as scoring, torch.no_grad():
        again, hits = masked_word_loss(*leaves)
    assert (training.number, scoring.number) == (3, 1)
    assert (again, hits) == (loss, right) and not again.requires_grad


def test_a_second_backward_pass_is_an_error_not_a_wrong_gradient() -> None:
    *leaves, labels = inputs(8, 11, torch.float64)
    loss, _ = masked_word_loss(*leaves, labels)
    (2 * loss).backward(retain_graph=True)
    with pytest.raises(RuntimeError, match="inplace"):
        loss.backward()


def test_it_reads_the_same_logits_as_the_library(monkeypatch: pytest.MonkeyPatch) -> None:
    encoder, batch = small_encoder().eval(), hand_made_batch()
    hidden, _ = encoder(batch.token_ids, batch.position_ids, batch.cu_seqlens, batch.max_seqlen)
    used = batch.mlm_labels != IGNORED_LABEL
    everywhere = encoder.model(
        batch.token_ids[None], position_ids=batch.position_ids[None], cu_seqlens=batch.cu_seqlens, max_seqlen=20
    ).logits[0]
    expected = nn.functional.cross_entropy(
        everywhere[batch.mlm_positions[used]], batch.mlm_labels[used], reduction="sum"
    )
    rows = encoder.transform_rows(hidden[batch.mlm_positions])
    output = encoder.output_embedding
    loss, _ = masked_word_loss(rows, output.weight, output.bias, batch.mlm_labels)
    torch.testing.assert_close(loss, expected)
