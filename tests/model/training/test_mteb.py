"""The exported model under mteb, offline: the library itself encodes, and finds what this project's evaluator finds.

In a process of its own: mteb sets up logging and warns of its own calls, and it must see no network.
"""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from model import cli
from model.evaluation.results import read_results
from model.training.trainer import pretrain
from tests.model.training_world import run_config, write_training_world

pytest.importorskip("mteb", reason="mteb is among the packages for development alone")

SOURCES = [f"w{i} w{i + 1} w{i + 2}" for i in range(4, 44)]
TARGETS = [f"w{i} w{i + 1} w{i + 90} w{i + 91}" for i in range(4, 44)]
PROGRAM = """
import json, sys
import datasets, mteb
from mteb.abstasks import AbsTaskBitextMining
from mteb.abstasks.task_metadata import TaskMetadata
from sentence_transformers import SentenceTransformer

model, sources, targets = sys.argv[1], json.loads(sys.argv[2]), json.loads(sys.argv[3])
unknown = ("reference", "date", "domains", "task_subtypes", "license", "annotations_creators", "dialect", "sample_creation")

class Small(AbsTaskBitextMining):
    metadata = TaskMetadata(
        name="Small", dataset={"path": "local/small", "revision": "1"}, description="a test", type="BitextMining", category="t2t",
        modalities=["text"], eval_splits=["test"], eval_langs=["deu-Latn", "eng-Latn"], main_score="accuracy", bibtex_citation="",
        **dict.fromkeys(unknown),
    )

    def load_data(self, **_):
        rows = datasets.Dataset.from_dict({"sentence1": sources, "sentence2": targets})
        self.dataset, self.data_loaded = datasets.DatasetDict({"test": rows}), True

opened = SentenceTransformer(model, device="cpu")
found = mteb.evaluate(opened, tasks=[Small()], cache=None, overwrite_strategy="always").task_results[0]
print(json.dumps({"accuracy": found.scores["test"][0]["accuracy"], "width": opened.encode(["w5"]).shape[1]}))
"""


def test_mteb_finds_what_the_evaluator_finds(tmp_path: Path) -> None:
    tokens = write_training_world(tmp_path)
    pretrain(run_config(tokens, tmp_path / "run", steps=20))
    model = str(tmp_path / "run" / "model")
    environment = os.environ | {
        "HF_HUB_OFFLINE": "1",
        "HF_HOME": str(tmp_path / "hub"),
        "TOKENIZERS_PARALLELISM": "false",
    }
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM, model, json.dumps(SOURCES), json.dumps(TARGETS)],
        env=environment, cwd=tmp_path, capture_output=True, text=True, timeout=240, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-2000:]
    found = json.loads(done.stdout.splitlines()[-1])
    for name, sentences in (("de-en.de", SOURCES), ("de-en.en", TARGETS)):
        (tmp_path / "data" / name).parent.mkdir(exist_ok=True)
        (tmp_path / "data" / name).write_text("\n".join(sentences) + "\n")
    flags = [
        "--data",
        str(tmp_path / "data"),
        "--output",
        str(tmp_path / "out"),
        "--device",
        "cpu",
        "--pooling",
        "state",
    ]
    assert cli.run(["evaluate", "bitext", "--model", model, *flags]) == 0
    results = read_results(tmp_path / "out" / "bitext.json")
    ours = results.find(about="pair", direction="first to second", line="model").measures["accuracy"].mean
    assert found["accuracy"] == pytest.approx(ours, abs=1e-9)
    assert found["width"] == 32 and 1 / 40 < found["accuracy"] < 1  # neither chance nor spelling alone
