"""What `verify` finds: each test damages one thing in a sound dataset."""

from __future__ import annotations

import dataclasses
import json
import shutil
from collections.abc import Callable
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from pipeline.run.job import run_job
from pipeline.verify import VerifyConfig, run
from schemas import TRIPLES, Account, Manifest, Shard, file_sha256, read_manifest, read_shard, write_manifest
from schemas.errors import InputMissing, SchemaMismatch, ShardMismatch
from schemas.verify import verify_dataset
from tests.pipeline.run.number_job import JOB, NumberConfig
from tests.sound import require_sound

SHARD = "triples/part-00001-of-00004.parquet"


@pytest.fixture(scope="module")
def sound(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A dataset as a job makes it, with four rejects."""
    folder = tmp_path_factory.mktemp("sound") / "out"
    config = NumberConfig(output=str(folder), reject_every=10, max_reject_share=0.5)
    run_job(JOB, config, ["--runner=FnApiRunner", "--direct_running_mode=in_memory"])
    return folder


@pytest.fixture
def dataset(sound: Path, tmp_path: Path) -> Path:
    """A copy to damage."""
    return Path(shutil.copytree(sound, tmp_path / "data"))


def findings(folder: Path) -> list[str]:
    """Returns what is wrong, as people read it."""
    return [str(finding.error) for finding in verify_dataset(folder)[1]]


def restate(folder: Path, **changes: object) -> None:
    """Writes the manifest anew with a valid checksum, but with other contents."""
    write_manifest(folder, dataclasses.replace(read_manifest(folder), **changes))  # type: ignore[arg-type]


def restate_shard(folder: Path, listed: str, **changes: object) -> None:
    """Changes what the manifest says about one shard."""
    shards = [
        dataclasses.replace(shard, **changes) if shard.path == listed else shard  # type: ignore[arg-type]
        for shard in read_manifest(folder).shards
    ]
    restate(folder, shards=shards)


def rewrite(folder: Path, change: Callable[[Path], None]) -> None:
    """Changes a shard's file and makes size and sha256 in the manifest fit, so that only a deeper check can tell."""
    change(folder / SHARD)
    path = folder / SHARD
    restate_shard(folder, SHARD, bytes=path.stat().st_size, sha256=file_sha256(path))


def test_a_sound_dataset_has_no_findings(dataset: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert findings(dataset) == []
    assert require_sound(dataset).fingerprint == read_manifest(dataset).fingerprint
    assert run(VerifyConfig(folder=str(dataset))) == 0
    assert "sound" in (out := capsys.readouterr().out) and "40 records read, all accounted for" in out


def test_a_missing_shard(dataset: Path) -> None:
    (dataset / SHARD).unlink()
    assert findings(dataset) == [f"{SHARD} is missing; restore it, or build the dataset again."]


@pytest.mark.parametrize("position", [0, 4, 200, -9, -1])
def test_one_flipped_bit(dataset: Path, position: int) -> None:
    data = bytearray((dataset / SHARD).read_bytes())
    data[position] ^= 1
    (dataset / SHARD).write_bytes(data)
    assert findings(dataset) == [f"{SHARD} has changed (another sha256); restore it, or build the dataset again."]


def test_a_flipped_bit_that_the_manifest_vouches_for_is_found_by_the_page_checksums(dataset: Path) -> None:
    def flip(path: Path) -> None:
        data = bytearray(path.read_bytes())
        offset = pq.read_metadata(path).row_group(0).column(0).data_page_offset
        data[offset + 40] ^= 1
        path.write_bytes(data)

    rewrite(dataset, flip)
    assert len(found := findings(dataset)) == 1 and "is damaged" in found[0]


def test_a_cut_shard(dataset: Path) -> None:
    data = (dataset / SHARD).read_bytes()
    (dataset / SHARD).write_bytes(data[:-5])
    assert "bytes where" in findings(dataset)[0]


@pytest.mark.parametrize("name", ["triples/part-00009-of-00010.parquet", "notes.txt", "triples/x.parquet.tmp", ".DS"])
def test_an_unlisted_file(dataset: Path, name: str) -> None:
    shutil.copy(dataset / SHARD, dataset / name)
    assert findings(dataset) == [f"{name} is not listed in the manifest; take it out of the dataset's folder."]


def test_a_card_may_stand_beside_the_shards(dataset: Path) -> None:
    (dataset / "README.md").write_text("# What this is")
    assert findings(dataset) == []


def test_a_link_is_not_a_shard(dataset: Path, tmp_path: Path) -> None:
    (dataset / SHARD).rename(tmp_path / "elsewhere")
    (dataset / SHARD).symlink_to(tmp_path / "elsewhere")
    assert "not listed" in findings(dataset)[0]


def test_other_rows_than_stated(dataset: Path) -> None:
    restate_shard(dataset, SHARD, rows=10_000)
    assert "rows, the manifest says 10,000" in findings(dataset)[0]


def test_another_schema_version(dataset: Path) -> None:
    restate(dataset, tables={"triples": TRIPLES.version + 1, "rejects": 1})
    assert f"version {TRIPLES.version + 1}, this code reads version {TRIPLES.version}" in findings(dataset)[0]
    with pytest.raises(SchemaMismatch):
        require_sound(dataset)


def test_a_file_of_another_table(dataset: Path) -> None:
    def replace(path: Path) -> None:
        pq.write_table(read_shard(path, TRIPLES).replace_schema_metadata({}), path, write_page_checksum=True)

    rewrite(dataset, replace)
    assert "holds table '?' version ?, expected 'triples'" in findings(dataset)[0]


@pytest.mark.parametrize(
    ("changes", "what"),
    [
        ({"read": 41}, "does not balance"),
        ({"read": 41, "dropped": {"thin air": 2}}, "does not balance"),
        ({"kept": 41, "dropped": {"minus": -5}}, "does not balance"),
        ({"kept": 39, "rejected": {"not_liked": 1}}, "the table `rejects` holds 4"),
        ({"rejected": {"other": 4}}, "counts 0 records of numbers rejected as not_liked"),
    ],
)
def test_counts_that_do_not_add_up(dataset: Path, changes: dict[str, object], what: str) -> None:
    account = read_manifest(dataset).accounts[0]
    restate(dataset, accounts=[dataclasses.replace(account, **changes)])  # type: ignore[arg-type]
    assert what in "\n".join(findings(dataset))


@pytest.mark.parametrize(
    "changes",
    [{"table": "pages"}, {"partition": "sw"}, {"split": "train"}, {"rows": 0}, {"path": "../../etc/passwd"}],
)
def test_names_that_do_not_fit(dataset: Path, changes: dict[str, object]) -> None:
    restate_shard(dataset, SHARD, **changes)
    assert findings(dataset)


def test_a_shard_listed_twice(dataset: Path) -> None:
    manifest = read_manifest(dataset)
    restate(dataset, shards=sorted([*manifest.shards, manifest.shards[0]], key=lambda shard: shard.path))
    assert "listed twice" in findings(dataset)[0]


def test_every_character_of_the_manifest_counts(dataset: Path) -> None:
    path = dataset / "manifest.json"
    text = path.read_text()
    edits = [
        text.replace('"kept": 36', '"kept": 35'),
        text.replace('"code_version"', '"code-version"'),
        text + " ",
        json.dumps(json.loads(text)),
        text.replace('"read": 40', '"read": 40, "read": 40'),
        text[:-3],
        "",
        "[]",
        text.replace('"checksum": "', '"checksum": "0'),
    ]
    for edit in edits:
        assert edit != text
        path.write_text(edit)
        with pytest.raises(ShardMismatch):
            read_manifest(dataset)


def test_a_folder_without_a_manifest_is_no_dataset(dataset: Path) -> None:
    (dataset / "manifest.json").unlink()
    with pytest.raises(InputMissing, match=r"has no manifest\.json, so it is not a finished dataset"):
        run(VerifyConfig(folder=str(dataset)))


def test_a_build_is_verified_with_the_chain_of_its_datasets(
    dataset: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    build = tmp_path / "build"
    shutil.copytree(dataset, build / "wikidata")
    shutil.copytree(dataset, build / "link")
    restate(build / "link", inputs={"wikidata": read_manifest(dataset).fingerprint})
    assert run(VerifyConfig(folder=str(build))) == 0
    restate(build / "link", inputs={"wikidata": "f" * 64})
    assert run(VerifyConfig(folder=str(build))) == ShardMismatch.exit_code
    assert "link was made from wikidata ffff" in capsys.readouterr().err


def test_an_unfinished_dataset_of_a_build_is_named(dataset: Path, tmp_path: Path) -> None:
    build = tmp_path / "build"
    shutil.copytree(dataset, build / "wikidata")
    (build / "link.partial").mkdir()
    assert run(VerifyConfig(folder=str(build))) == InputMissing.exit_code


def test_the_quick_check_reads_no_rows(dataset: Path) -> None:
    restate_shard(dataset, SHARD, rows=10_000)
    assert verify_dataset(dataset, read_rows=False)[1] == []


def test_an_empty_manifest_is_a_dataset(tmp_path: Path) -> None:
    account = Account(source="nothing", read=0, kept=0, dropped={}, rejected={})
    shards: list[Shard] = []
    write_manifest(
        tmp_path,
        Manifest(
            job="numbers", tables={"triples": TRIPLES.version}, shards=shards, accounts=[account], counters={},
            inputs={}, config={}, code_version="0",
        ),
    )  # fmt: skip
    assert findings(tmp_path) == []
