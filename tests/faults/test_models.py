"""Faults of models, arrays, results and logs: half-right ones are refused, or noted where they are a choice."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file
from transformers import AutoModel

from model.data.stores.array_folder import NOTE_NAME, open_or_build
from model.evaluation.finetuning.pretrained import open_model
from model.evaluation.results import Results, Row, read_results
from model.reporting.config import ReportConfig
from model.reporting.report import write_report
from model.training.head_files import FILE, load_heads
from schemas import TRIPLES, Triple, iter_shard
from schemas.errors import CheckpointUnusable, InputCorrupt, ShardMismatch
from tests.faults.recorder import Recorder
from tests.faults.test_half_right import flip
from tests.model.evaluation.conftest import make_tiny_model
from tests.pipeline.link.datasets import write_dataset

WEIGHTS = "model.safetensors"


def changed(folder: Path, change: Callable[[dict[str, Any]], object]) -> None:
    """Changes the weights of a folder."""
    tensors = load_file(folder / WEIGHTS)
    change(tensors)
    save_file({name: tensor.clone() for name, tensor in tensors.items()}, folder / WEIGHTS, metadata={"format": "pt"})


def a_layer_less(folder: Path) -> None:
    """Says in config.json that there is a layer less than there is."""
    config = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps(config | {"num_hidden_layers": 1}))


NAN = "roberta.encoder.layer.0.output.dense.weight"
HALF_RIGHT: dict[str, tuple[Callable[[Path], object], str]] = {
    "NaN": (lambda folder: changed(folder, lambda t: t[NAN][0].fill_(torch.nan)), "not finite in 1 weights"),
    "infinity": (lambda folder: changed(folder, lambda t: t[NAN][0].fill_(torch.inf)), "not finite"),
    "a layer left out": (a_layer_less, "no place for"),
    "a tensor too many": (
        lambda folder: changed(folder, lambda t: t.update({NAN.replace("weight", "gate"): torch.ones(2)})),
        "no place for",
    ),
    "a tensor of another shape": (
        lambda folder: changed(folder, lambda t: t.update({NAN: torch.ones(3, 3)})),
        "do not fit its config.json",
    ),
    "cut": (lambda folder: (folder / WEIGHTS).write_bytes((folder / WEIGHTS).read_bytes()[:5000]), "damaged"),
}


@pytest.mark.fault("G73")
@pytest.mark.parametrize("kind", HALF_RIGHT)
def test_a_half_right_model_is_refused(tmp_path: Path, recorder: Recorder, kind: str) -> None:
    damage, match = HALF_RIGHT[kind]
    make_tiny_model(tmp_path)
    open_model(AutoModel, str(tmp_path))
    damage(tmp_path)
    recorder.error(CheckpointUnusable, match, lambda: open_model(AutoModel, str(tmp_path)))


@pytest.mark.fault("G73")
def test_tensors_beside_the_encoder_are_noted(
    tmp_path: Path, recorder: Recorder, capsys: pytest.CaptureFixture[str]
) -> None:
    make_tiny_model(tmp_path)
    changed(tmp_path, lambda tensors: tensors.update({"adapter.weight": torch.ones(2)}))
    open_model(AutoModel, str(tmp_path))
    said = capsys.readouterr().err
    assert "holds 1 tensors that are not used, the first adapter.weight" in said
    recorder.note(said)


@pytest.mark.fault("G73")
def test_one_head_of_a_pair_is_refused(tmp_path: Path, recorder: Recorder) -> None:
    head = {"mep_query/linear.weight": torch.ones(4, 4)}
    save_file(head, tmp_path / FILE, metadata={"width": "4", "norm": "layer", "layer": ""})
    recorder.error(CheckpointUnusable, "without the other of its pair", lambda: load_heads(tmp_path))


def build(folder: Path) -> None:
    """Writes the arrays of an index."""
    np.save(folder / "keys.npy", np.arange(1000))
    np.save(folder / "values.npy", np.arange(1000) * 2)


ODD_ARRAYS: dict[str, Callable[[Path], object]] = {
    "a bit": lambda folder: flip(folder / "keys.npy"),
    "cut": lambda folder: (folder / "values.npy").write_bytes((folder / "values.npy").read_bytes()[:-800]),
    "gone": lambda folder: (folder / "values.npy").unlink(),
    "another": lambda folder: np.save(folder / "keys.npy", np.arange(1000)[::-1]),
    "one more": lambda folder: np.save(folder / "more.npy", np.arange(3)),
}


@pytest.mark.fault("G72")
@pytest.mark.parametrize("kind", ODD_ARRAYS)
def test_arrays_that_are_not_as_they_were_written(tmp_path: Path, recorder: Recorder, kind: str) -> None:
    folder = tmp_path / "index"
    for _ in range(2):
        arrays, _ = open_or_build(folder, {"from": "x"}, build)
    assert arrays["values"][7] == 14
    ODD_ARRAYS[kind](folder)
    recorder.error(ShardMismatch, "not as it was written", lambda: open_or_build(folder, {"from": "x"}, build))


@pytest.mark.fault("G72")
def test_arrays_of_before_are_built_anew(tmp_path: Path) -> None:
    folder = tmp_path / "index"
    folder.mkdir()
    build(folder)
    (folder / NOTE_NAME).write_text('{"from": "x"}')
    flip(folder / "keys.npy")
    arrays, _ = open_or_build(folder, {"from": "x"}, build)
    assert arrays["keys"].tolist() == list(range(1000))


def results_file(folder: Path) -> Path:
    """Writes sound results of one task."""
    row = Row.single({"language": "sw"}, {"mrr": 0.5})
    sound = Results(task="retrieval", model="m", primary_metric="mrr", primary_keys={"language": "sw"}, rows=[row])
    return sound.write(folder / "evaluation")


ODD_RESULTS: dict[str, Callable[[dict[str, Any]], object]] = {
    "a word for a number": lambda row: row["measures"]["mrr"].update(values=["high"]),
    "no values": lambda row: row["measures"]["mrr"].update(values=[]),
    "a huge number": lambda row: row["measures"]["mrr"].update(values=[10**400]),
    "infinity": lambda row: row["measures"]["mrr"].update(values=[float("inf")]),
    "true": lambda row: row["measures"]["mrr"].update(values=[True]),
    "an interval of one": lambda row: row["measures"]["mrr"].update(interval=[0.1]),
    "a number for a key": lambda row: row["keys"].update(language=7),
    "other keys": lambda row: row.update(keys={"language": "yo"}),
    "a list for measures": lambda row: row.update(measures=[1]),
}


@pytest.mark.fault("G78")
@pytest.mark.parametrize("kind", ODD_RESULTS)
def test_results_with_odd_values(tmp_path: Path, recorder: Recorder, kind: str) -> None:
    path = results_file(tmp_path)
    write_report(ReportConfig(run=str(tmp_path)))
    document = json.loads(path.read_text())
    ODD_RESULTS[kind](document["rows"][0])
    path.write_text(json.dumps(document))
    recorder.error(InputCorrupt, "retrieval.json: not a results file", lambda: read_results(path))


ODD_LINES = (
    '{"step": 2, "loss": NaN}',
    '{"step": 2, "loss": -Infinity}',
    '{"step": "x"}',
    '{"step": 1e999}',
    "[1]",
    "\udcff",
)


@pytest.mark.fault("G78")
@pytest.mark.parametrize("odd", ODD_LINES)
def test_a_log_with_odd_values(tmp_path: Path, recorder: Recorder, odd: str) -> None:
    lines = ['{"step": 1, "mlm/loss": 2.5}', odd, '{"step": 3, "mlm/loss": 2.0}', ""]
    (tmp_path / "log.jsonl").write_bytes("\n".join(lines).encode("utf-8", "surrogateescape"))
    recorder.error(InputCorrupt, "log.jsonl", lambda: write_report(ReportConfig(run=str(tmp_path))))


@pytest.mark.fault("G78")
def test_damaged_footers_are_told_as_damage(tmp_path: Path, recorder: Recorder) -> None:
    rows = [Triple(subject=f"Q{n}", relation="P1", object="Q1", rank="normal") for n in range(1, 200)]
    manifest = write_dataset(tmp_path, "wikidata", {(TRIPLES, ""): [rows]})
    path = tmp_path / manifest.shards[0].path
    whole = path.read_bytes()
    footer = int.from_bytes(whole[-8:-4], "little")
    kinds = set()
    for place in range(len(whole) - footer - 8, len(whole) - 8, 3):
        for value in (0, 255, whole[place] ^ 1):
            path.write_bytes(whole[:place] + bytes([value]) + whole[place + 1 :])
            try:
                list(iter_shard(path, TRIPLES))
            except ShardMismatch as error:
                kinds.add(type(error.__cause__).__name__)
            except Exception as error:
                assert getattr(error, "exit_code", 0) == 14, error
    assert len(kinds) > 1
    recorder.note(f"16, whatever Arrow raises: {', '.join(sorted(kinds))}")
