"""From folders on disk to the table of runs, by the commands a user types."""

import json
import os
import shutil
from dataclasses import replace
from pathlib import Path
from statistics import fmean, stdev

import pytest
import torch
from safetensors.torch import load_file, save_file
from transformers import AutoTokenizer

from model import cli
from model.evaluation.command import CONFIGS, model_folder, parse
from model.evaluation.comparison import Outcome, compare, comparison_table
from model.evaluation.comparison_config import ComparisonConfig
from model.evaluation.documents import Document
from model.evaluation.embedder import load_embedder, trained_lengths
from model.evaluation.results import Results, Row, read_results
from model.evaluation.tasks import TASKS
from model.method.heads import ProjectionHead
from model.training.tokenizer_source import fingerprint_of
from schemas.errors import CheckpointUnusable, UsageError
from tests.model.evaluation.token_world import small_world

ROLES = ("mep_query", "mep_key", "oe_query", "oe_key")


@pytest.fixture
def tokens(tiny_model: Path, tmp_path: Path) -> Path:
    fingerprint = fingerprint_of(AutoTokenizer.from_pretrained(tiny_model))
    return Path(small_world(tmp_path / "tokens", fingerprint).where)


@pytest.fixture
def run_with_heads(tiny_model: Path, tmp_path: Path) -> Path:
    """A run's folder whose finished model has four heads, fed by the first layer."""
    folder = tmp_path / "with-heads" / "model"
    shutil.copytree(tiny_model, folder)
    with torch.random.fork_rng():
        torch.manual_seed(5)
        heads = {role: ProjectionHead(32, "batch") for role in ROLES}
    tensors = {f"{role}/{name}": value for role, head in heads.items() for name, value in head.state_dict().items()}
    save_file(tensors, folder / "heads.safetensors", metadata={"norm": "batch", "width": "32", "layer": "1"})
    stream = {"max_length": 20, "max_description_length": 16, "max_relation_length": 4}
    (folder / "run.json").write_text(json.dumps({"config": {"stream": stream}}))
    return folder.parent


def test_runs_are_compared_beside_chance(
    tiny_model: Path, run_with_heads: Path, tokens: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    output = tmp_path / "out"
    code = cli.run(["compare", str(tiny_model), str(run_with_heads), "--data", str(tokens), "--output", str(output)])
    printed = capsys.readouterr().out
    assert code == 0
    lines = printed.splitlines()
    assert lines[0] == "retrieval across languages, mean over 2 language pairs, in per cent"
    assert lines[2].index("context → entity") == lines[3].index("hits@1")
    names = [line.split("  ")[0] for line in lines[4:]]
    assert names[:2] == ["chance", "most frequent answer first"]
    assert (
        names[2].startswith("MLM only") and "mean over tokens" in names[3] and names[4] == "MLM + MEP + OE (with-heads)"
    )
    chance = lines[4].split()[1:]
    assert chance[:3] == [
        f"{100 * x:.1f}" for x in ((1 / 2 + 1 / 3) / 2, 1.0, ((1 + 1 / 2) / 2 + (1 + 1 / 2 + 1 / 3) / 3) / 2)
    ]
    notes = read_results(output / "with-heads" / "retrieval.json").notes
    assert all("too few to mean anything" in note for note in notes)


def test_examples_of_retrieval_have_the_texts_of_query_and_answers(
    run_with_heads: Path, tokens: Path, tmp_path: Path
) -> None:
    flags = ["--model", str(run_with_heads), "--data", str(tokens), "--output", str(tmp_path), "--device", "cpu"]
    assert cli.run(["evaluate", "retrieval", *flags]) == 0
    examples = read_results(tmp_path / "retrieval.json").data["examples"]
    assert 0 < len(examples) <= 10
    for example in examples:
        rank = float(example["rank"].split(" of ")[0])
        assert example["source"] != example["target"] and example["right"].startswith("Q")
        assert "[…]" in example["query"] and (example["first"] == "") == (rank <= 1)
        if rank >= 2:
            assert example["first"].split(":")[0] != example["right"].split(":")[0]


@pytest.fixture
def seeds(run_with_heads: Path, tmp_path: Path) -> list[Path]:
    """Three runs: two differ in their seed and their folders alone, the third in its rate too; their heads differ."""
    made = []
    for seed, rate in ((0, 1.0), (1, 1.0), (2, 5.0)):
        folder = tmp_path / f"seed-{seed}"
        shutil.copytree(run_with_heads, folder)
        run = json.loads((folder / "model" / "run.json").read_text())
        run["config"] |= {"seed": seed, "output": str(folder), "optim": {"peak_rate": rate}}
        (folder / "model" / "run.json").write_text(json.dumps(run | {"data": "d", "steps": 8}))
        heads = load_file(folder / "model" / "heads.safetensors")
        heads = {name: tensor + seed * torch.randn_like(tensor) for name, tensor in heads.items()}
        header = {"norm": "batch", "width": "32", "layer": "1"}
        save_file(heads, folder / "model" / "heads.safetensors", metadata=header)
        made.append(folder)
    return made


def test_runs_that_differ_in_their_seed_share_a_line(seeds: list[Path], tokens: Path) -> None:
    table = compare(ComparisonConfig(runs=tuple(map(str, seeds)), data=str(tokens), device="cpu"))
    lines = table.splitlines()
    assert lines[0].endswith("in per cent, ± standard deviation over seeds")
    assert [line.split("  ")[0] for line in lines[6:]] == ["MLM + MEP + OE (2 seeds)", "MLM + MEP + OE (seed-2)"]
    assert "±" in lines[6] and "±" not in lines[4] + lines[5] + lines[7]
    each = [read_results(folder / "evaluation" / "retrieval.json") for folder in seeds[:2]]
    keys = {"about": "summary", "question": "mep", "languages": "across", "line": "model"}
    values = [100 * results.find(**keys).measures["mrr"].mean for results in each]
    assert values[0] != values[1]
    assert f"{fmean(values):.1f} ± {stdev(values):.1f}" in lines[6]


def test_results_that_lie_there_are_reused_only_where_they_fit(seeds: list[Path], tokens: Path) -> None:
    run = seeds[0]
    config = ComparisonConfig(runs=(str(run),), data=str(tokens), device="cpu", reuse=True)
    table, path = compare(config), run / "evaluation" / "retrieval.json"
    path.write_text(path.read_text().replace('"chance"', '"by chance"'))
    assert compare(config) != table  # what lies there was read
    assert compare(replace(config, reuse=False)) == table
    path.write_text(path.read_text().replace('"chance"', '"by chance"'))
    assert compare(replace(config, max_queries=7)) == table  # other settings
    path.write_text(path.read_text().replace('"chance"', '"by chance"'))
    later = path.stat().st_mtime + 10
    os.utime(run / "model" / "config.json", (later, later))
    assert compare(config) == table  # a newer model


def test_runs_of_one_name_do_not_share_a_folder(seeds: list[Path], tokens: Path, tmp_path: Path) -> None:
    runs = (str(seeds[0]), str(tmp_path / "elsewhere" / "seed-0"))
    with pytest.raises(UsageError, match="share a folder name"):
        compare(ComparisonConfig(runs=runs, data=str(tokens), output=str(tmp_path / "out")))


def test_each_question_stands_above_its_own_columns() -> None:
    rows = [Row.single({"about": "pair", "question": "mep", "source": "aa", "target": "bb"}, {"mrr": 0.1})]
    for question, value in (("mep", 0.25), ("oe", 0.5)):
        for line, share in (("model", value), ("chance", 0.01), ("frequency", 0.02)):
            keys = {"about": "summary", "question": question, "languages": "across", "line": line}
            rows.append(Row.single(keys, dict.fromkeys(("hits@1", "hits@10", "mrr"), share)))
    results = Results(task="retrieval", model="m", primary_metric="mrr", primary_keys=rows[1].keys, rows=rows)
    lines = comparison_table([Outcome(name="MLM + MEP", results=results)]).splitlines()
    assert lines[2].index("context → entity") == lines[3].index("hits@1")
    assert lines[2].index("fact → object") == lines[3].rindex("hits@1 ")
    assert lines[4].split() == ["chance", *["1.0"] * 6]
    assert lines[5].split()[4:] == ["2.0"] * 6
    assert lines[6].split()[3:] == [*["25.0"] * 3, *["50.0"] * 3]


def test_evaluate_retrieval_prints_a_table_and_writes_json(
    run_with_heads: Path, tokens: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    flags = ["--model", str(run_with_heads), "--data", str(tokens), "--output", str(tmp_path / "out")]
    assert cli.run(["evaluate", "retrieval", *flags]) == 0
    printed = capsys.readouterr().out
    assert "retrieval of" in printed and "chance" in printed and "frequency" in printed
    results = read_results(tmp_path / "out" / "retrieval.json")
    assert results.task == "retrieval" and 0 < results.primary <= 1


def test_heads_layer_and_lengths_of_a_run_are_used(tiny_model: Path, run_with_heads: Path) -> None:
    tokenizer = AutoTokenizer.from_pretrained(tiny_model)
    plain = load_embedder(str(tiny_model), tokenizer, "cpu", 512)
    headed = load_embedder(str(run_with_heads / "model"), tokenizer, "cpu", 512)
    documents = [Document([0, 10, 11, 2]), Document([0, 12, 2])]
    assert headed.layer == 1 and headed.lengths.context == 20
    assert plain.lengths.context == 128  # all the positions it has
    assert headed.has_head("oe_key") and not plain.has_head("oe_key")
    states = (
        headed.embed(documents, "mep_key", "mean"),
        headed.embed(documents, "mep_key"),
        plain.embed(documents, "mep_key"),
    )
    assert not torch.allclose(states[0], states[1]) and not torch.allclose(states[1], states[2])
    alone = torch.cat([headed.embed([document], "mep_key") for document in documents])
    assert torch.allclose(states[1], alone, atol=1e-5)  # padding changes nothing


def test_a_tokenizer_that_the_shards_were_not_made_with_is_refused(tiny_model: Path, tmp_path: Path) -> None:
    folder = Path(small_world(tmp_path / "foreign", "another").where)
    assert cli.run(["evaluate", "retrieval", "--model", str(tiny_model), "--data", str(folder)]) == 14


def test_a_missing_model_and_a_damaged_note_are_answered(tokens: Path, tmp_path: Path) -> None:
    assert cli.run(["evaluate", "retrieval", "--model", str(tmp_path / "none"), "--data", str(tokens)]) == 10
    (tmp_path / "run.json").write_text("{")
    with pytest.raises(CheckpointUnusable, match="run.json is damaged"):
        trained_lengths(tmp_path)


def test_weights_that_do_not_fit_the_model_are_refused(tiny_model: Path, tokens: Path, tmp_path: Path) -> None:
    broken = tmp_path / "broken"
    shutil.copytree(tiny_model, broken)
    save_file({"unrelated": torch.zeros(1)}, broken / "model.safetensors", metadata={"format": "pt"})
    with pytest.raises(UsageError, match="lacks .* weights of the encoder"):
        load_embedder(str(broken), AutoTokenizer.from_pretrained(tiny_model), "cpu", 512)


def test_every_task_has_a_configuration_and_help(capsys: pytest.CaptureFixture[str]) -> None:
    assert set(CONFIGS) == set(TASKS)
    for name in TASKS:
        with pytest.raises(SystemExit) as caught:
            parse([name, "--help"])
        assert caught.value.code == 0
        text = capsys.readouterr().out
        assert "--model" in text and "Primary metric" in text
    with pytest.raises(UsageError, match="Did you mean probing"):
        parse(["probe"])


def test_the_finished_model_of_a_run_is_found(run_with_heads: Path, tiny_model: Path) -> None:
    assert model_folder(str(run_with_heads)) == str(run_with_heads / "model")
    assert model_folder(str(tiny_model)) == str(tiny_model)
    assert model_folder("xlm-roberta-base") == "xlm-roberta-base"
