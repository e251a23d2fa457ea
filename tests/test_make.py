"""The Makefile's targets as README writes them: each command parses, and dumps become a model with the encoder's tokenizer."""

from __future__ import annotations

import os
import re
import shlex
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

from model.recipes import RECIPES
from tests.conftest import REPOSITORY


def make(*words: str, cwd: Path = REPOSITORY) -> subprocess.CompletedProcess[str]:
    """Run make with this Python instead of the environment that `make setup` makes."""
    with tempfile.NamedTemporaryFile() as ready:
        command = ["make", "-f", str(REPOSITORY / "Makefile"), f"PY={sys.executable}", f"READY={ready.name}", *words]
        return subprocess.run(command, cwd=cwd, capture_output=True, text=True, timeout=280, check=False)


def commands(*words: str) -> list[list[str]]:
    """Return what a target would run of this project's commands, without running it."""
    done = make("-n", *words)
    assert done.returncode == 0, done.stderr
    lines = (line.removeprefix("[ ! -d ").split("|| ")[-1] for line in done.stdout.splitlines())
    return [shlex.split(line)[2:] for line in lines if line.startswith(f"{sys.executable} -m ")]


def real_lines() -> list[list[str]]:
    """Return the four lines of "The real thing" in README, as words."""
    section = (REPOSITORY / "README.md").read_text(encoding="utf-8").partition("## The real thing")[2]
    block = re.search(r"```sh\n(.*?)```", section, re.DOTALL)
    assert block
    return [shlex.split(line, comments=True)[1:] for line in block[1].splitlines()]


def test_the_lines_of_the_readme_name_one_encoder_from_the_first_to_the_last() -> None:
    lines = real_lines()
    assert [line[0] for line in lines] == [
        "plan",
        "download",
        "build-data",
        "pretrain",
        "evaluate",
        "report",
        "publish",
        "publish",
    ]
    assert commands(*lines[0])[0][:4] == ["pipeline", "plan", "--languages", "sw yo tr"]
    lines = lines[1:]
    built = [command for line in lines[1:3] for command in commands(*line) if command[:2] == ["pipeline", "build"]]
    assert len(built) == 2
    assert built[0] == built[1]  # so the second one finds all of it finished
    assert built[0][built[0].index("--tokenizer") + 1] == RECIPES["base"].encoder.source
    trained = commands(*lines[2])[-1]
    assert trained[:3] == ["model", "pretrain", "base"]
    assert commands(*lines[3])[0][:3] == ["model", "evaluate", "retrieval"]


@pytest.mark.parametrize("recipe", RECIPES)
def test_the_tokenizer_is_that_of_the_encoder_that_the_recipe_starts_from(recipe: str) -> None:
    (build,) = (words for words in commands("build-data", "DUMPS=dumps", f"RECIPE={recipe}"))
    found = build[build.index("--tokenizer") + 1] if "--tokenizer" in build else ""
    assert found == RECIPES[recipe].encoder.source


def test_setup_says_what_comes_and_leaves_cuda_out_where_asked(tmp_path: Path) -> None:
    for name in ("pyproject.toml", "constraints.txt"):
        (tmp_path / name).touch()
    plain = make("-n", "setup", "READY=there-is-none", cwd=tmp_path).stdout
    assert "GB" in plain and "CPU=1" in plain and "index-url" not in plain
    (install,) = [line for line in plain.splitlines() if "--editable" in line]
    assert "--quiet" not in install and "--constraint constraints.txt" in install
    lines = make("-n", "setup", "READY=there-is-none", "CPU=1", cwd=tmp_path).stdout.splitlines()
    assert install in lines
    (torch,) = [line for line in lines if line.endswith("--index-url https://download.pytorch.org/whl/cpu torch")]
    assert lines.index(torch) < lines.index(install)


def test_a_run_that_is_not_there_is_not_looked_for_on_the_hub(tmp_path: Path) -> None:
    done = make("evaluate", "DUMPS=dumps", f"RUNS={tmp_path / 'none'}")
    assert done.returncode != 0 and "make pretrain" in done.stderr and "Retry" not in done.stderr


def test_paths_and_lists_may_hold_blanks() -> None:
    build, train = commands("pretrain", "DUMPS=my dumps", "OUT=my build", "LANGS=sw, yo", "ENCODER=my encoder")
    assert build[2:] == [
        "--dumps",
        "my dumps",
        "--languages",
        "sw, yo",
        "--output",
        "my build",
        "--tokenizer",
        "my encoder",
    ]
    assert train[3:] == ["--data", "my build/tokens", "--output", "runs/base", "--encoder", "my encoder"]


def test_dumps_that_were_downloaded_are_taken_where_none_are_named(tmp_path: Path) -> None:
    (tmp_path / "data" / "dumps").mkdir(parents=True)
    for name in ("pyproject.toml", "constraints.txt"):
        (tmp_path / name).touch()
        os.utime(tmp_path / name, (0, 0))
    assert '--dumps "data/dumps"' in make("-n", "build-data", cwd=tmp_path).stdout
    assert "sample-world" in make("-n", "build-data", "DUMPS=", cwd=tmp_path).stdout


def stand_in_encoder(sample_build: Path, folder: Path) -> Path:
    """Make a one-layer stand-in for XLM-R, with the tokenizer of the sample build."""
    transformers = pytest.importorskip("transformers")
    encoder = folder / "encoder"
    shutil.copytree(sample_build / "tokenizer", encoder)
    config = transformers.XLMRobertaConfig(
        vocab_size=len(transformers.AutoTokenizer.from_pretrained(encoder)),
        hidden_size=32,
        num_hidden_layers=1,
        num_attention_heads=2,
        intermediate_size=64,
        max_position_embeddings=514,
    )
    transformers.XLMRobertaForMaskedLM(config).save_pretrained(encoder)
    return encoder


def test_dumps_become_a_model_of_the_encoder_that_was_named(sample_build: Path, tmp_path: Path) -> None:
    """A one-layer stand-in for XLM-R, by folder, and the recipe that starts from XLM-R."""
    transformers = pytest.importorskip("transformers")
    encoder = stand_in_encoder(sample_build, tmp_path)
    flags = "--steps 2 --stream.tokens-per-step 2048 --encoder.compile False --workers 0 --optim.warmup-steps 1"
    words = [
        f"DUMPS={sample_build / 'dumps'}", "LANGS=hy", "RECIPE=base", f"ENCODER={encoder}", f"OUT={tmp_path / 'build'}",
        f"RUNS={tmp_path / 'run'}", f"FLAGS={flags} --method.bank-size 64 --device cpu", "BEAM=--direct_num_workers=1",
    ]  # fmt: skip
    done = make("pretrain", *words)
    assert done.returncode == 0, done.stderr[-1500:]
    tokens = tmp_path / "build" / "tokens"
    said = [line for line in done.stdout.splitlines() if line.startswith("next: ")]
    assert said == [
        f"next: python -m model pretrain base --encoder {encoder} --data {tokens} --output runs/first",
        f"next: python -m model evaluate retrieval --model {tmp_path / 'run'} --data {tokens}",
    ]
    opened = transformers.AutoModel.from_pretrained(tmp_path / "run" / "model")
    pieces = transformers.AutoTokenizer.from_pretrained(encoder)
    assert opened.config.num_hidden_layers == 1 and opened.config.vocab_size == len(pieces)
