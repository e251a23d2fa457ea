"""Another value of any setting of the stream, the method or the optimizer makes other batches or other weights."""

from __future__ import annotations

import dataclasses
from typing import Any

import pytest
import torch

from model.batch import Batch
from model.config import MethodConfig, OptimConfig
from model.data.stores.token_dataset import TokenDataset
from model.data.stream.stream import TrainingStream
from model.data.stream.validation import validation_batches
from model.data.stream_config import StreamConfig
from model.training.optim import rate_at
from model.training.step import TrainingStep
from tests.model.hand_made import config as run_config
from tests.model.hand_made import hand_made_batch, joint_model

STREAM: dict[str, tuple[Any, dict[str, Any]]] = {
    "tokens_per_step": (2048, {}),
    "max_text_length": (24, {}),
    "max_length": (24, {}),
    "max_description_length": (12, {}),
    "max_relation_length": (3, {}),
    "max_masked": (9, {}),
    "max_keys": (7, {}),
    "max_mep": (3, {}),
    "max_oe": (3, {}),
    "max_documents": (40, {}),
    "max_true_objects": (3, {}),
    "expected_length": (60, {}),
    "mlm_share": (0.8, {}),
    "mep_share": (0.8, {}),
    "oe_share": (0.8, {}),
    "one_objective_per_batch": (True, {}),
    "mlm_probability": (0.4, {}),
    "mlm_on_contexts": (False, {}),
    "mlm_from_contexts": (False, {}),
    "mention_mask_rate": (0.2, {}),
    "mention_in_mlm": (False, {}),
    "validation_seed": (7, {}),
    "mlm_alpha": (1.0, {}),
    "mep_alpha": (0.0, {}),
    "oe_alpha": (0.0, {}),
    "languages": (("en", "de"), {}),
    "mep_description_language": ("same", {}),
    "oe_object_language": ("prefer_different", {}),
    "oe_relation_language": ("prefer_different", {}),
    "hard_negatives": (2, {}),
    "num_lanes": (2, {}),
    "window_units": (1, {"unit_rows": 8}),
    "unit_rows": (8, {}),
    "packing_buffer": (1, {}),
}
"""Another value of each field of `StreamConfig`, and what else must be set for it to matter."""

METHOD: dict[str, tuple[Any, dict[str, Any]]] = {
    "mode": ("paper", {"bank_size": 8}),
    "head_norm": ("layer", {}),
    "contrast_layer": (1, {}),
    "l2_normalise": (False, {}),
    "temperature": (0.2, {}),
    "learnable_temperature": (True, {}),
    "negatives": ("batch", {}),
    "bank_size": (16, {}),
    "mlm_scale": (0.5, {}),
    "mep_scale": (0.5, {}),
    "oe_scale": (0.5, {}),
}

OPTIM: dict[str, tuple[Any, dict[str, Any]]] = {
    "peak_rate": (1e-2, {}),
    "warmup_steps": (3, {}),
    "schedule": ("cosine", {}),
    "decay_share": (0.5, {"schedule": "wsd"}),
    "weight_decay": (0.5, {}),
    "betas": ((0.5, 0.5), {}),
    "eps": (1e-2, {}),
    "clip_norm": (0.01, {}),
}


@pytest.mark.parametrize(
    ("kind", "values"), [(StreamConfig, STREAM), (MethodConfig, METHOD), (OptimConfig, OPTIM)], ids=lambda kind: ""
)
def test_no_setting_is_left_out(kind: type, values: dict[str, Any]) -> None:
    assert set(values) == {field.name for field in dataclasses.fields(kind)}


def batches(data: TokenDataset, config: StreamConfig) -> list[Batch]:
    """What training and validation are given."""
    stream = iter(TrainingStream(data, config, seed=3, rank=0, world_size=1))
    return [next(stream) for _ in range(8)] + list(validation_batches(data, config, limit=2))


def same(one: list[Batch], other: list[Batch]) -> bool:
    pairs = zip(one, other, strict=True)
    return all(
        left.row_ids == right.row_ids
        and all(torch.equal(value, right.tensors()[name]) for name, value in left.tensors().items())
        for left, right in pairs
    )


@pytest.mark.parametrize("name", STREAM)
def test_a_setting_of_the_stream_changes_batches(tokens: TokenDataset, small_steps: StreamConfig, name: str) -> None:
    value, needed = STREAM[name]
    base = dataclasses.replace(small_steps, **needed)
    assert getattr(base, name) != value
    assert same(batches(tokens, base), batches(tokens, base))
    assert not same(batches(tokens, base), batches(tokens, dataclasses.replace(base, **{name: value})))


def results(method: dict[str, Any], optim: dict[str, Any]) -> list[torch.Tensor]:
    """The weights after a few steps of two batches each."""
    run = run_config(**method)
    run = dataclasses.replace(run, accumulation=2, optim=dataclasses.replace(run.optim, peak_rate=1e-3, **optim))
    torch.manual_seed(0)
    step = TrainingStep(joint_model(**method), run, torch.device("cpu"))
    for number in range(5):
        step([hand_made_batch(number % 2), hand_made_batch(2)], number)
    return [value.detach() for value in step.joint.state_dict().values()]


def differ(one: list[torch.Tensor], other: list[torch.Tensor]) -> bool:
    return len(one) != len(other) or any(
        left.shape != right.shape or not torch.equal(left, right) for left, right in zip(one, other, strict=True)
    )


@pytest.mark.parametrize("name", METHOD)
def test_a_setting_of_the_method_changes_the_weights(name: str) -> None:
    value, needed = METHOD[name]
    base = {key: given for key, given in needed.items() if key != "bank_size" or name != "mode"}
    assert not differ(results(base, {}), results(base, {}))
    assert differ(results(base, {}), results(base | needed | {name: value}, {}))


@pytest.mark.parametrize("name", OPTIM)
def test_a_setting_of_the_optimizer_changes_the_weights(name: str) -> None:
    value, needed = OPTIM[name]
    changed = {name: value}
    if name in ("peak_rate", "schedule", "decay_share", "warmup_steps"):  # these are of the rate alone
        before, after = OptimConfig(warmup_steps=2, **needed), OptimConfig(**({"warmup_steps": 2} | needed | changed))
        assert [rate_at(n, 10, before) for n in range(10)] != [rate_at(n, 10, after) for n in range(10)]
        return
    assert differ(results({}, needed), results({}, needed | changed))
