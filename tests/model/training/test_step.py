"""One step: it learns, accumulates, chunks without changing the result, and skips what is not finite."""

from __future__ import annotations

import dataclasses
from dataclasses import replace
from types import SimpleNamespace
from typing import Literal

import pytest
import torch

from model.batch import IGNORED_LABEL, UNUSED, Batch, join
from model.config import MethodConfig, OptimConfig, PretrainConfig
from model.method.chunked import cached_backward, split
from model.method.joint import JointModel, recompute_activations
from model.method.objectives import States
from model.method.totals import step_totals
from model.training.step import StepResult, TrainingStep, Verdicts
from schemas.errors import UsageError
from tests.model.hand_made import SMALL, config, gradients, hand_made_batch, joint_model

CPU = torch.device("cpu")
OPTIM = OptimConfig(peak_rate=5e-3, warmup_steps=5, schedule="cosine")


def training(objectives: str = "mlm,mep,oe", steps: int = 60, **changes: object) -> TrainingStep:
    run: PretrainConfig = replace(config(objectives), steps=steps, optim=OPTIM, **changes)
    return TrainingStep(JointModel(joint_model(objectives).encoder, run), run, CPU)


def loss_of(step: TrainingStep, batch: Batch) -> torch.Tensor:
    """The loss of a batch that is a step of its own; its gradient is added to the parameters."""
    return step._backward([batch], step_totals([batch], CPU, paper=step.joint.paper)[0])[0]


@pytest.mark.parametrize("objective", ["mlm", "mep", "oe"])
def test_every_objective_learns_one_batch_by_heart(objective: str) -> None:
    step, batch = training("mlm,mep,oe"), hand_made_batch()
    step.joint.scales = {name: float(name == objective) for name in step.joint.scales}
    losses = [float(step([batch], number).measures[f"{objective}/loss"]) for number in range(60)]
    assert losses[-1] < 0.1 * losses[0]


@pytest.mark.parametrize("mode", [{}, {"mode": "paper", "bank_size": 32}, {"bank_size": 32}, {"contrast_layer": 1}])
def test_a_chunked_step_gives_the_gradient_of_the_whole_batch(mode: dict[str, object]) -> None:
    batch = hand_made_batch()
    whole, pieces = joint_model(**mode).double(), joint_model(**mode).double()
    loss, measures = whole(batch)
    loss.backward()
    again, again_measures = cached_backward(pieces, [batch], 40, CPU, lambda number, piece: None)
    torch.testing.assert_close(again, loss.detach(), atol=1e-9, rtol=0)
    torch.testing.assert_close(gradients(pieces), gradients(whole), atol=1e-9, rtol=1e-9)
    torch.testing.assert_close(again_measures, measures, atol=1e-9, rtol=0)


def test_pieces_are_whole_documents_and_hold_every_slot_once() -> None:
    batch = hand_made_batch()
    pieces = list(split([batch], 40))
    assert len(pieces) > 3
    assert torch.equal(torch.cat([piece.batch.token_ids for piece in pieces]), batch.token_ids)
    for name in pieces[0].slots:
        slots = torch.cat([piece.slots[name] for piece in pieces])
        assert torch.equal(slots.sort().values, torch.arange(len(slots)))
    lengths = torch.cat([piece.batch.cu_seqlens.diff() for piece in pieces])
    assert torch.equal(lengths[lengths > 0], batch.cu_seqlens.diff()[batch.cu_seqlens.diff() > 0])


def test_dropout_is_drawn_anew_for_the_second_pass_of_a_chunk_and_equals_the_first() -> None:
    step = training(chunk_tokens=40)
    for module in step.joint.modules():
        if isinstance(module, torch.nn.Dropout):
            module.p = 0.3
    first, second = [loss_of(step, hand_made_batch(position=7)) for _ in range(2)]
    other = loss_of(step, hand_made_batch(position=8))
    assert first == second and first != other


@pytest.mark.filterwarnings("error::FutureWarning")
def test_activations_computed_twice_give_the_same_gradient_with_the_same_dropout() -> None:
    batch = hand_made_batch(position=3)
    plain, twice = training(), training(encoder=replace(SMALL, gradient_checkpointing=True))
    passes = []
    twice.joint.encoder.model.base_model.encoder.layer[0].attention.register_forward_pre_hook(
        lambda *_: passes.append(1)
    )
    for step in (plain, twice):
        for module in step.joint.modules():
            if isinstance(module, torch.nn.Dropout):
                module.p = 0.3
        step.joint.train()
    expected, found = loss_of(plain, batch), loss_of(twice, batch)
    assert len(passes) == 2 and found == expected
    torch.testing.assert_close(gradients(twice.joint), gradients(plain.joint), atol=1e-7, rtol=1e-5)


@pytest.mark.parametrize("name", ["activation_checkpointing_enable", "gradient_checkpointing_enable"])
def test_activations_are_forgotten_by_either_name_that_transformers_has_for_it(name: str) -> None:
    asked: list[dict[str, bool]] = []
    recompute_activations(SimpleNamespace(**{name: asked.append}))
    assert asked == [{"use_reentrant": False}]


def fewer(batch: Batch, words: int, pairs: int) -> Batch:
    """The batch with so many of its words and pairs left."""
    labels, mep, oe = batch.mlm_labels.clone(), batch.mep_keys.clone(), batch.oe_keys.clone()
    labels[words:], mep[pairs:], oe[pairs:] = IGNORED_LABEL, UNUSED, UNUSED
    return replace(batch, mlm_labels=labels, mep_keys=mep, oe_keys=oe)


def kept_gradients(step: TrainingStep, batches: list[Batch]) -> tuple[dict[str, torch.Tensor], StepResult]:
    """The gradients a step would update with."""
    step.optimizer.step = lambda: None  # type: ignore[method-assign]
    step.optimizer.zero_grad = lambda set_to_none: None  # type: ignore[method-assign]
    result = step(batches, 0)
    return gradients(step.joint), result


UNCLIPPED = replace(OPTIM, clip_norm=0.0)
PARTS = [fewer(hand_made_batch(1), 12, 6), fewer(hand_made_batch(2, position=1), 3, 3)]


@pytest.mark.parametrize("negatives", ["step", "batch"])
def test_words_of_unequal_batches_weigh_the_same(negatives: Literal["step", "batch"]) -> None:
    """Two batches of 12 and 3 masked words: a mean of their means is off by most of a gradient."""
    run = replace(config("mlm"), optim=UNCLIPPED, accumulation=2, method=MethodConfig(negatives=negatives))
    found, result = kept_gradients(TrainingStep(JointModel(joint_model("mlm").encoder, run), run, CPU), PARTS)
    model = joint_model("mlm").train()
    losses = []
    for part in PARTS:
        loss, measures = model(part)
        (loss * float(measures["mlm/words"][0]) / 15).backward()
        losses.append(float(measures["mlm/loss"][0]))
    torch.testing.assert_close(found, gradients(model), atol=1e-6, rtol=1e-4)
    assert float(result.measures["mlm/loss"]) == pytest.approx(sum(losses) / 15, rel=1e-5)
    assert float(result.measures["mlm/words"]) == 15


def test_batches_of_a_step_are_contrasted_as_one_batch_of_them_all() -> None:
    run = replace(config(bank_size=16), optim=UNCLIPPED, accumulation=2)
    accumulated = TrainingStep(JointModel(joint_model().encoder, run), run, CPU)
    found, result = kept_gradients(accumulated, PARTS)
    model = JointModel(joint_model().encoder, run).train()
    states = [model.encode(part) for part in PARTS]
    together = States(**{
        spec.name: torch.cat([getattr(state, spec.name) for state in states]) for spec in dataclasses.fields(States)
    })  # fmt: skip
    loss, measures = model.losses(together, join(PARTS))
    loss.backward()
    model.end_step(2)
    torch.testing.assert_close(found, gradients(model), atol=1e-6, rtol=1e-4)
    torch.testing.assert_close(result.measures["loss"], loss.detach())
    assert float(result.measures["mep/pairs"]) == 9 == float(measures["mep/pairs"][0])
    banks = [joint.objectives["mep"].contrast.bank for joint in (accumulated.joint, model)]
    assert torch.equal(banks[0].entities, banks[1].entities)
    torch.testing.assert_close(banks[0].states, banks[1].states)


def test_a_batch_weighs_in_paper_mode_as_many_words_as_it_predicts() -> None:
    run = replace(config(mode="paper", bank_size=16), optim=UNCLIPPED, accumulation=3)
    parts = [*PARTS, replace(fewer(hand_made_batch(3, position=2), 0, 6))]
    found, result = kept_gradients(TrainingStep(JointModel(joint_model().encoder, run), run, CPU), parts)
    model = JointModel(joint_model().encoder, run).train()
    losses = [model(part)[0] for part in parts]
    weights = (12, 3, 7.5)  # the one without words counts as the others on average
    total = sum(weight / 22.5 * loss for weight, loss in zip(weights, losses, strict=True))
    total.backward()
    torch.testing.assert_close(found, gradients(model), atol=1e-6, rtol=1e-4)
    torch.testing.assert_close(result.measures["loss"], total.detach(), atol=1e-5, rtol=1e-5)


def broken(batch: Batch) -> Batch:
    """A batch whose MLM rows come from a token whose embedding is not a number."""
    return replace(batch, token_ids=torch.full_like(batch.token_ids, 7))


def test_a_step_that_is_not_finite_changes_nothing_and_the_next_one_does() -> None:
    step, batch = training("mlm,mep,oe"), hand_made_batch()
    step([batch], 0)
    embedding = step.joint.encoder.model.get_input_embeddings().weight
    sound_row = embedding.data[7].clone()
    embedding.data[7] = float("nan")
    before = {name: value.clone() for name, value in step.joint.state_dict().items()}
    moments = [value.clone() for state in step.optimizer.state.values() for value in state.values()]
    assert step([broken(batch)], 1).verdict.tolist() == [0, 1]
    after = step.joint.state_dict()
    assert all(torch.equal(before[name].nan_to_num(), after[name].nan_to_num()) for name in before)
    now = [value for state in step.optimizer.state.values() for value in state.values()]
    assert all(torch.equal(old, new) for old, new in zip(moments, now, strict=True))
    embedding.data[7] = sound_row
    assert step([batch], 2).verdict.tolist() == [1, 1]
    assert not torch.equal(before["objectives.mep.contrast.query_head.first.weight"],
                           step.joint.state_dict()["objectives.mep.contrast.query_head.first.weight"])  # fmt: skip


def test_a_request_to_stop_travels_with_the_verdict() -> None:
    verdicts = Verdicts(CPU)
    result = training()([hand_made_batch()], 0, stop=True)
    verdicts.push(4, ("row",), result.verdict)
    assert verdicts.due() == [(4, ("row",), True, True)] and verdicts.due() == []


def test_chunks_and_compilation_exclude_each_other() -> None:
    run = replace(config(), chunk_tokens=64, encoder=replace(config().encoder, compile=True))
    with pytest.raises(UsageError, match="chunk_tokens"):
        TrainingStep(JointModel(joint_model().encoder, config()), run, CPU)


def test_bf16_and_float32_tell_nearly_the_same_loss(monkeypatch: pytest.MonkeyPatch) -> None:
    # oneDNN's bf16 kernels need instructions that some virtual machines announce and do not have.
    monkeypatch.setattr(torch.backends.mkldnn, "enabled", False)
    batch = hand_made_batch()
    losses = [training(precision=precision)([batch], 0).measures["mlm/loss"] for precision in ("fp32", "bf16")]
    torch.testing.assert_close(losses[0], losses[1], rtol=0.01, atol=0)
