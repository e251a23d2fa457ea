"""What a run is told: every value of the method says how sure we are of it, and what cannot work is answered."""

from __future__ import annotations

import ast
import inspect
import re
from dataclasses import fields, replace
from typing import Any

import pytest
import torch

from model.config import EncoderConfig, MethodConfig, OptimConfig, PretrainConfig
from model.data.stream_config import StreamConfig
from model.training.memory import explain_out_of_memory
from schemas.errors import OutOfMemory, UsageError
from tests.model.training_world import RUN

MARK = re.compile(r"\((?:[^()]*\b)?(?:code|text|recalled|open|ours)\b[^()]*\)")
NOT_OF_THE_METHOD = {
    "accumulation", "allow_changed_data", "chunk_tokens", "data", "data_cache", "data_cache_gb", "device", "encoder", "init_from",
    "keep_checkpoints", "keep_every", "licence",
    "log_every", "max_bad_steps", "method", "mirror", "objectives", "optim", "output", "precision", "resume", "save_every",
    "save_in_background", "seed", "stop_after", "stream", "threads",
    "tokenizer", "track", "validate_every", "validation_batches", "validation_candidates", "validation_queries",
    "workers",
}  # fmt: skip
"""Fields of a run that are about the machine and the folder."""


def documented(kind: type) -> dict[str, str]:
    """The string under each field of a dataclass."""
    body = next(
        node
        for node in ast.parse(inspect.getsource(inspect.getmodule(kind))).body  # type: ignore[arg-type]
        if isinstance(node, ast.ClassDef) and node.name == kind.__name__
    ).body
    found = {}
    for field, text in zip(body, body[1:], strict=False):
        if isinstance(field, ast.AnnAssign) and isinstance(text, ast.Expr) and isinstance(text.value, ast.Constant):
            found[ast.unparse(field.target)] = str(text.value.value)
    return found


@pytest.mark.parametrize("kind", [EncoderConfig, MethodConfig, OptimConfig, StreamConfig, PretrainConfig])
def test_every_value_of_the_method_carries_its_mark(kind: type) -> None:
    texts = documented(kind)
    names = {field.name for field in fields(kind)}
    assert set(texts) == names
    of_method = names - NOT_OF_THE_METHOD if kind is PretrainConfig else names
    assert [name for name in sorted(of_method) if not MARK.search(texts[name])] == []


@pytest.mark.parametrize("objective", ["mep", "oe"])
def test_a_batch_too_small_for_negatives_is_refused(objective: str) -> None:
    stream = replace(RUN.stream, **{f"{objective}_share": 0.01})
    with pytest.raises(UsageError, match=rf"room for 1 pair.*--stream.{objective}-share"):
        replace(RUN, stream=stream).resolved()
    with pytest.raises(UsageError, match="room for 2 pairs.*at least 3"):  # two rows through BatchNorm are a sign
        replace(RUN, stream=replace(stream, **{f"max_{objective}": 2})).resolved()
    replace(RUN, stream=replace(stream, **{f"max_{objective}": 3})).resolved()
    replace(RUN, stream=stream, objectives=("mlm",)).resolved()


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"optim": OptimConfig(warmup_steps=8)}, "8 steps and the run has 8.*--optim.warmup-steps 0"),
        ({"optim": OptimConfig(warmup_steps=10_000)}, "10,000 steps and the run has 8"),
        ({"optim": OptimConfig(warmup_steps=4, schedule="wsd", decay_share=0.6)}, "fall before it has risen"),
        (
            {"method": MethodConfig(mode="paper", bank_size=8), "stream": replace(RUN.stream, hard_negatives=1)},
            "no hard negatives",
        ),
    ],
)
def test_settings_that_could_not_do_what_they_say_are_refused(change: dict[str, Any], words: str) -> None:
    with pytest.raises(UsageError, match=words):
        replace(RUN, **change).resolved()


def test_a_method_that_could_not_do_what_it_says_is_refused() -> None:
    with pytest.raises(UsageError, match="fixed temperature"):
        MethodConfig(mode="paper", bank_size=8, learnable_temperature=True)
    with pytest.raises(UsageError, match="stays at 0.01"):
        MethodConfig(temperature=0.005, learnable_temperature=True)
    with pytest.raises(UsageError, match="decay_share is 0.0"):
        OptimConfig(decay_share=0.0)


def message(config: PretrainConfig) -> str:
    with pytest.raises(OutOfMemory) as caught, explain_out_of_memory(config):
        raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB")
    return str(caught.value)


def test_what_follows_from_out_of_memory_is_smaller_each_time_and_can_be_run() -> None:
    config = replace(RUN, encoder=replace(RUN.encoder, compile=True), stream=replace(RUN.stream, tokens_per_step=1024))
    assert "--chunk-tokens 256 --encoder.compile False" in message(config)
    config = replace(config, chunk_tokens=256, encoder=RUN.encoder)
    assert "--chunk-tokens 128," in message(config)
    config = replace(config, chunk_tokens=128)
    assert "--encoder.gradient-checkpointing True" in message(config) and "--chunk-tokens" not in message(config)
    config = replace(config, encoder=replace(RUN.encoder, gradient_checkpointing=True))
    assert "--stream.tokens-per-step 512 with --accumulation 2" in message(config)


def test_a_validation_batch_that_did_not_fit_is_told_as_such() -> None:
    with pytest.raises(OutOfMemory) as caught, explain_out_of_memory(RUN, validating=True):
        raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB")
    halves = f"--stream.tokens-per-step {RUN.stream.tokens_per_step // 2} with --accumulation 2"
    assert "did not hold a validation batch" in str(caught.value) and "--validate-every 0" in str(caught.value)
    assert halves in str(caught.value) and "--chunk-tokens" not in str(caught.value)


def test_the_hosts_allocator_is_understood_and_other_errors_pass() -> None:
    with pytest.raises(OutOfMemory, match="can't allocate memory"), explain_out_of_memory(RUN):
        raise RuntimeError("[enforce fail] DefaultCPUAllocator: can't allocate memory: you tried to allocate 1 bytes")
    with pytest.raises(RuntimeError, match="something else"), explain_out_of_memory(RUN):
        raise RuntimeError("something else")
