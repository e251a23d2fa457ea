"""Two processes do what one does: losses, gradients, banks, votes and whole runs, over gloo on the CPU."""

from __future__ import annotations

import multiprocessing
import os
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
import torch
import torch.multiprocessing as mp
from safetensors.torch import load_file, save_file
from torch import Tensor

from model.batch import Batch
from model.config import OptimConfig
from model.distributed import (
    all_agree,
    choose_device,
    gather_states,
    gather_text,
    process_group,
    rank,
    world_size,
)
from model.method.joint import JointModel
from model.training.step import TrainingStep
from schemas.errors import UsageError
from tests.model.hand_made import config, gradients, hand_made_batch, joint_model, small_encoder

RANKS = 2
CPU = torch.device("cpu")


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def start(number: int, port: int, work: Callable[[Path], None], folder: Path) -> None:
    """Entry of a process: joins the group as torchrun would have it, and works."""
    os.environ |= {
        "RANK": str(number),
        "WORLD_SIZE": str(RANKS),
        "LOCAL_RANK": str(number),
        "MASTER_ADDR": "127.0.0.1",
        "MASTER_PORT": str(port),
    }
    torch.set_num_threads(1)
    with process_group(CPU):
        work(folder)


def run_ranks(work: Callable[[Path], None], folder: Path) -> None:
    """Runs `work` in two processes, each given the folder."""
    mp.spawn(start, args=(free_port(), work, folder), nprocs=RANKS)


def joined(batches: list[Batch]) -> Batch:
    """The batches of all ranks as the one batch a single process would have."""
    shift, keys = 0, 0
    parts: dict[str, list[Tensor]] = {}
    for batch in batches:
        tokens = len(batch.token_ids)
        moved = {
            "token_ids": batch.token_ids,
            "position_ids": batch.position_ids,
            "cu_seqlens": batch.cu_seqlens[1 if shift else 0 :] + shift,
            "mlm_labels": batch.mlm_labels,
            "key_entities": batch.key_entities,
            "mep_entities": batch.mep_entities,
            "oe_subjects": batch.oe_subjects,
            "oe_relations": batch.oe_relations,
            "oe_objects": batch.oe_objects,
        }
        moved |= {
            f"{name}_positions": getattr(batch, f"{name}_positions") + shift for name in ("mlm", "key", "mep", "oe")
        }
        for name in ("mep_keys", "oe_keys"):
            index = getattr(batch, name)
            moved[name] = torch.where(index >= 0, index + keys, index)
        for name, value in moved.items():
            parts.setdefault(name, []).append(value)
        shift, keys = shift + tokens, keys + len(batch.key_entities)
    return replace(batches[0], **{name: torch.cat(values) for name, values in parts.items()})


def rank_batches() -> list[Batch]:
    """Two batches of unequal content; the second shares entities with the first and has fewer real pairs."""
    first, second = hand_made_batch(1), hand_made_batch(2)
    fewer = {name: getattr(second, name).clone() for name in ("mep_keys", "mep_entities", "oe_keys")}
    for values in fewer.values():
        values[3] = -1
    return [first, replace(second, **fewer)]


def model(method: dict[str, object]) -> JointModel:
    return joint_model(**method).double()


METHODS = [{"head_norm": "layer"}, {"bank_size": 32, "learnable_temperature": True}]


def save_gradients(folder: Path) -> None:
    """Two steps of each method through DistributedDataParallel; gradients of the second, with the bank in use."""
    for number, method in enumerate(METHODS):
        joint = model(method)
        parallel = torch.nn.parallel.DistributedDataParallel(joint, broadcast_buffers=False)
        for _ in range(2):
            joint.zero_grad()
            parallel(rank_batches()[rank()])[0].backward()
            joint.end_step(1)
        if rank() == 0:
            save_file(gradients(joint), folder / f"{number}.safetensors")


@pytest.mark.parametrize("number", range(len(METHODS)))
def test_gathered_losses_and_gradients_equal_those_of_one_process(number: int, both_ranks: Path) -> None:
    joint, whole = model(METHODS[number]), joined(rank_batches())
    for _ in range(2):
        joint.zero_grad()
        joint(whole)[0].backward()
        joint.end_step(1)
    expected = gradients(joint)
    found = load_file(both_ranks / f"{number}.safetensors")
    for name, value in expected.items():
        torch.testing.assert_close(found[name], value.detach(), atol=1e-5, rtol=1e-5, check_dtype=False, msg=name)


def save_steps(folder: Path) -> None:
    """What only several ranks can show: votes, texts, chunked steps, equal weights after a broken batch on one rank."""
    assert not all_agree(torch.tensor(rank() == 0))
    assert gather_text("ä" * (rank() + 1), CPU) == ["ä", "ää"]
    for chunk in (0, 40):
        run = replace(config(head_norm="layer"), chunk_tokens=chunk)
        joint = joint_model(head_norm="layer")
        step = TrainingStep(joint, run, CPU)
        batch = rank_batches()[rank()]
        verdict = step([batch], 0).verdict.tolist()
        labels = batch.mlm_labels.clone()
        assert verdict == [1, 1]
        before = {name: value.clone() for name, value in joint.state_dict().items()}
        hook = joint.encoder.register_forward_hook(
            lambda _, __, output: tuple(o * (float("nan") if rank() else 1.0) for o in output)
        )
        assert step([replace(batch, mlm_labels=labels)], 1).verdict.tolist() == [0, 1]
        hook.remove()
        after = joint.state_dict()
        assert all(torch.equal(before[name], after[name]) for name in before)
        assert step([batch], 2, stop=rank() == 1).verdict.tolist() == [1, 0]
        save_file({n: v.clone() for n, v in joint.named_parameters()}, folder / f"weights-{chunk}-{rank()}.safetensors")


@pytest.fixture(scope="module")
def both_ranks(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Everything two processes have to do, in one start of them."""
    folder = tmp_path_factory.mktemp("ranks")
    run_ranks(everything, folder)
    return folder


def everything(folder: Path) -> None:
    assert world_size() == RANKS
    save_gradients(folder)
    save_steps(folder)


@pytest.mark.parametrize("chunk", [0, 40])
def test_ranks_vote_together_and_end_with_equal_weights(chunk: int, both_ranks: Path) -> None:
    left, right = (load_file(both_ranks / f"weights-{chunk}-{number}.safetensors") for number in range(RANKS))
    assert all(torch.equal(left[name], right[name]) for name in left)


def test_chunked_ranks_take_the_same_steps_as_whole_ones(both_ranks: Path) -> None:
    whole, chunked = (load_file(both_ranks / f"weights-{chunk}-0.safetensors") for chunk in (0, 40))
    for name, value in whole.items():
        torch.testing.assert_close(chunked[name], value, atol=1e-5, rtol=1e-4, msg=name)


SPLITS = ((1, 6), (2, 3), (3, 2), (6, 1))
"""Ranks, and the batches each of them has in a step of six."""
LEARNING = [
    {"bank_size": 40, "learnable_temperature": True},
    {"head_norm": "layer", "temperature": 0.1},
    {"mode": "paper", "bank_size": 40},
]


def packs(number: int) -> list[Batch]:
    """The six packs of a step, with unequal numbers of words and pairs, and entities that they share."""
    found = []
    for pack in range(6):
        batch = hand_made_batch(10 * number + pack)
        changes = {name: getattr(batch, name).clone() for name in ("mlm_labels", "mep_keys", "mep_entities", "oe_keys")}
        for name, values in changes.items():
            values[6 - pack % 3 : -1 if name == "mlm_labels" else None] = -100 if name == "mlm_labels" else -1
        found.append(replace(batch, **changes))
    return found


def split_steps(folder: Path, accumulation: int) -> None:
    """Two steps of each way to learn; saves the second's gradients, the banks, the statistics and the log's measures.

    Weights stay as they are: Adam's first update is the sign of a gradient, and turns rounding into a difference.
    """
    for number, method in enumerate(LEARNING):
        optim = OptimConfig(peak_rate=1e-3, warmup_steps=2, clip_norm=0.0)
        run = replace(config(**method), accumulation=accumulation, optim=optim)
        joint = JointModel(small_encoder(dropout=0.2), run).double()
        step = TrainingStep(joint, run, CPU)
        step.optimizer.step = lambda: None  # type: ignore[method-assign]
        step.optimizer.zero_grad = lambda set_to_none: None  # type: ignore[method-assign]
        for turn in range(2):
            place = rank()
            mine = packs(turn)[place :: world_size()]
            batches = [
                replace(batch, position=6 * turn + index * world_size()) for index, batch in enumerate(mine)
            ]  # the stream's clock: that of the first pack of the same turn
            joint.zero_grad()
            result = step(batches, turn)
        kept = {name: value.clone() for name, value in joint.named_buffers() if value.is_floating_point()}
        if method.get("mode") == "paper":  # running statistics are each rank's own there (code)
            kept = {name: value for name, value in kept.items() if "running" not in name}
        kept |= {f"measure {name}": value for name, value in result.measures.items()}
        if rank() == 0:
            save_file(gradients(joint) | kept, folder / f"{number}.safetensors")


def one_split(number: int, ranks: int, accumulation: int, port: int, folder: Path) -> None:
    """Entry of one of the ranks of a split."""
    os.environ |= {"RANK": str(number), "WORLD_SIZE": str(ranks), "LOCAL_RANK": str(number)}
    os.environ |= {"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(port)}
    torch.set_num_threads(1)
    with process_group(CPU):
        split_steps(folder, accumulation)


@pytest.fixture(scope="module")
def splits(tmp_path_factory: pytest.TempPathFactory) -> dict[tuple[int, int], Path]:
    """What each split of a step learns."""
    folders = {}
    multiprocessing.set_forkserver_preload([__name__, "transformers.models.xlm_roberta.modeling_xlm_roberta"])
    for ranks, accumulation in SPLITS:
        folder = folders[ranks, accumulation] = tmp_path_factory.mktemp(f"{ranks}x{accumulation}")
        arguments = (ranks, accumulation, free_port(), folder)
        mp.start_processes(one_split, arguments, nprocs=ranks, start_method="forkserver")
    return folders


@pytest.mark.parametrize("method", range(len(LEARNING)))
@pytest.mark.parametrize("split", SPLITS[1:])
def test_a_step_is_the_same_however_it_is_split(
    splits: dict[tuple[int, int], Path], split: tuple[int, int], method: int
) -> None:
    """Gradients to 1e-6 of the largest, dropout on; in `best` with negatives of all ranks from cached embeddings."""
    expected, found = (load_file(splits[one] / f"{method}.safetensors") for one in (SPLITS[0], split))
    assert expected.keys() == found.keys()
    for name, value in expected.items():
        largest = max(1.0, float(value.abs().max()))
        torch.testing.assert_close(found[name], value, atol=1e-6 * largest, rtol=1e-4, msg=name)


def test_a_gpu_that_is_not_there_is_named() -> None:
    if torch.cuda.is_available():
        pytest.skip("needs a machine without a GPU")
    with pytest.raises(UsageError, match="--device cpu"):
        choose_device("cuda")
    assert choose_device("auto") == CPU


def test_importing_the_distributed_module_starts_nothing() -> None:
    code = "import model.distributed as d; assert d.world_size() == 1 and d.rank() == 0"
    subprocess.run([sys.executable, "-c", code], check=True, timeout=120)


def leave_at_once(number: int, ports: list[int]) -> None:
    """Entry of a process: joins and leaves a group with every port; a model wrapped for it is freed right behind."""
    torch.set_num_threads(1)
    sys.setswitchinterval(1000)  # Python's lock is not given up, but where something is waited for
    os.environ |= {"RANK": str(number), "WORLD_SIZE": str(RANKS), "MASTER_ADDR": "127.0.0.1"}
    for port in ports:
        os.environ["MASTER_PORT"] = str(port)
        with process_group(CPU):
            wrapped = torch.nn.parallel.DistributedDataParallel(torch.nn.Linear(2, 2))
            wrapped(torch.ones(1, 2)).sum().backward()
            for _ in range(5):
                gather_states(torch.ones(1000))
        del wrapped
    time.sleep(1)  # gloo's threads get their turn before Python ends, which they would not survive


@pytest.mark.timeout(60)
def test_a_model_that_outlives_its_group_holds_nobody_up() -> None:
    mp.start_processes(leave_at_once, ([free_port() for _ in range(10)],), nprocs=RANKS)
