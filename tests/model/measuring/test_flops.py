"""Operations by hand agree with PyTorch's counter, and synthetic batches are whole ones."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch
from torch.utils.flop_counter import FlopCounterMode

from model.batch import UNUSED
from model.data.special_tokens import SpecialTokens
from model.measuring.flops import counted, flops_by_counter, state_bytes
from model.measuring.synthetic import synthetic_batch
from model.method.flops import flops_by_hand
from model.method.joint import JointModel
from model.method.mlm_head import masked_word_loss
from tests.model.hand_made import config, hand_made_batch, joint_model

SPECIAL = SpecialTokens(begin=0, end=2, pad=1, mask=299, vocab_size=300, reserved=(0, 1, 2, 3, 299), position_offset=2)


@pytest.mark.parametrize("objectives", ["mlm", "mlm,mep,oe"])
def test_hand_and_counter_agree_where_every_slot_is_used(objectives: str) -> None:
    joint, batch = joint_model(objectives), hand_made_batch(spare=0)
    batch = replace(batch, num_tokens=len(batch.token_ids))
    hand = flops_by_hand(joint, batch)
    counted = flops_by_counter(joint, batch)
    assert counted == pytest.approx(hand.total - hand.attention, rel=0.02)


def test_the_counter_sees_all_three_products_of_the_head() -> None:
    rows, weight = torch.randn(40, 16, requires_grad=True), torch.randn(101, 16, requires_grad=True)
    with FlopCounterMode(display=False) as counter:
        masked_word_loss(rows, weight, torch.zeros(101), torch.zeros(40, dtype=torch.int64), 15)[0].backward()
    assert counted(counter) == 3 * 2 * 40 * 16 * 101


def test_attention_counts_squares_of_lengths_not_of_the_stream() -> None:
    joint, batch = joint_model("mlm"), hand_made_batch()
    batch = replace(batch, num_tokens=len(batch.token_ids))
    squares = sum(length**2 for length in batch.cu_seqlens.diff().tolist())
    assert flops_by_hand(joint, batch).attention == pytest.approx(3 * 4 * 32 * squares * 2)


def test_state_is_sixteen_bytes_a_parameter_and_the_buffers() -> None:
    joint = joint_model("mlm")
    parameters = sum(p.numel() for p in joint.parameters())
    buffers = sum(b.numel() * b.element_size() for b in joint.buffers())
    assert state_bytes(joint) == 16 * parameters + buffers


def test_a_synthetic_batch_trains_and_has_the_configured_shape() -> None:
    run = config()
    batch = synthetic_batch(run.stream, SPECIAL, position=3)
    shapes = run.stream.shapes()
    assert len(batch.token_ids) == shapes.tokens and len(batch.cu_seqlens) == shapes.documents + 1
    assert int(batch.cu_seqlens.diff().max()) <= batch.max_seqlen and int(batch.cu_seqlens[-1]) == shapes.tokens
    assert torch.equal(batch.token_ids, synthetic_batch(run.stream, SPECIAL, position=3).token_ids)
    starts = set(batch.cu_seqlens.tolist())
    assert all(p in starts for p, e in zip(batch.key_positions.tolist(), batch.key_entities.tolist(), strict=True)
               if e != UNUSED)  # fmt: skip
    assert batch.position_ids[batch.cu_seqlens[batch.cu_seqlens < shapes.tokens].long()].eq(2).all()
    loss, _ = JointModel(joint_model().encoder, run)(batch)
    assert loss.isfinite()
