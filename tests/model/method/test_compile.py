"""The encoder compiles to one graph without breaks, for every batch of the configured shape."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
import torch

from model.batch import Batch
from model.data.special_tokens import SpecialTokens
from model.measuring.synthetic import synthetic_batch
from model.method.encoder import Encoder
from model.method.joint import JointModel
from tests.conftest import REPOSITORY
from tests.model.hand_made import VOCAB, config, joint_model, small_encoder

ELSEWHERE = ("test_all_of_it_without_checked_annotations",)
RESERVED = (0, 1, 2, 3, VOCAB - 1)
SPECIAL = SpecialTokens(begin=0, end=2, pad=1, mask=VOCAB - 1, vocab_size=VOCAB, reserved=RESERVED, position_offset=2)


@pytest.fixture(autouse=True)
def _as_in_use(request: pytest.FixtureRequest) -> None:
    """Annotations that are checked at every call cannot be traced: then a process of its own, without checks, runs these."""
    if request.config.getoption("jaxtyping_packages") and request.function.__name__ not in ELSEWHERE:
        pytest.skip("runs without checked annotations, in the process of the last test")


class CountingBackend:
    """Runs every graph as it was traced, and counts them."""

    def __init__(self) -> None:
        self.graphs, self.open_sizes = 0, 0

    def __call__(self, graph: torch.fx.GraphModule, inputs: list[Any]) -> Callable[..., Any]:
        self.graphs += 1
        self.open_sizes += sum(isinstance(given, torch.SymInt) for given in inputs)
        return graph.forward


def batches(number: int) -> list[Batch]:
    return [synthetic_batch(config().stream, SPECIAL, position=position) for position in range(number)]


def encode(encoder: Encoder, batch: Batch) -> torch.Tensor:
    return encoder(batch.token_ids, batch.position_ids, batch.cu_seqlens, batch.max_seqlen)[0]


def test_three_batches_make_one_graph_and_the_same_states() -> None:
    plain, compiled = small_encoder(), small_encoder()
    backend = CountingBackend()
    torch._dynamo.reset()
    compiled.compile(fullgraph=True, backend=backend)
    for batch in batches(3):
        torch.testing.assert_close(encode(compiled, batch), encode(plain, batch))
    assert backend.graphs == 1


def test_gradients_pass_through_the_one_graph() -> None:
    plain, compiled = joint_model(), joint_model()
    torch._dynamo.reset()
    compiled.encoder.compile(fullgraph=True, backend="aot_eager")
    batch = batches(1)[0]
    for model in (plain, compiled):
        JointModel.forward(model, batch)[0].backward()
    for (name, left), right in zip(plain.named_parameters(), compiled.parameters(), strict=True):
        torch.testing.assert_close(left.grad, right.grad, msg=name)


def test_another_shape_gets_a_graph_of_its_own_and_none_is_for_all(monkeypatch: pytest.MonkeyPatch) -> None:
    backend = CountingBackend()
    torch._dynamo.reset()
    monkeypatch.setattr(
        Encoder, "compile", lambda self, **flags: torch.nn.Module.compile(self, backend=backend, **flags)
    )
    run = replace(config(), encoder=replace(config().encoder, compile=True))
    joint = JointModel(small_encoder(), run)
    for tokens in (512, 256, 384, 512):
        stream = replace(run.stream, tokens_per_step=tokens)
        joint.encode(synthetic_batch(stream, SPECIAL, position=0))
    assert backend.graphs == 3 and backend.open_sizes == 0


def test_a_graph_break_would_be_noticed() -> None:
    encoder = small_encoder()

    def forward(batch: Batch) -> torch.Tensor:
        torch._dynamo.graph_break()
        return encode(encoder, batch)

    torch._dynamo.reset()
    with pytest.raises(torch._dynamo.exc.Unsupported):
        torch.compile(forward, fullgraph=True, backend=CountingBackend())(batches(1)[0])


def test_all_of_it_without_checked_annotations(request: pytest.FixtureRequest) -> None:
    if not request.config.getoption("jaxtyping_packages"):
        pytest.skip("the tests above have run as they are")
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", __file__],
        cwd=REPOSITORY, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0 and "4 passed, 1 skipped" in done.stdout, done.stdout + done.stderr
