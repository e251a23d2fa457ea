"""The build: all jobs on a small sample world, what is skipped, and the table."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from pipeline.build import job as build
from pipeline.build.job import BuildConfig
from pipeline.build.summary import JobSummary, render_summary
from pipeline.sample_world import SampleWorldConfig
from pipeline.sample_world import run as write_world
from schemas import TOKEN_DESCRIPTIONS, TOKEN_MENTIONS, Account, Manifest, Shard, read_manifest
from schemas.errors import InputMissing, UsageError
from schemas.verify import verify_dataset
from tests.pipeline.run import folder_urls  # noqa: F401 (Beam finds it by its scheme)

ONE = ["--direct_num_workers=1"]


@pytest.fixture(scope="module")
def dumps(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("world") / "dumps"
    write_world(SampleWorldConfig(output=str(folder), wikis=("enwiki", "dewiki", "jawiki"), entities=60))
    return folder


def test_dumps_become_tokens_and_a_table(dumps: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    config = BuildConfig(dumps=str(dumps), output=str(tmp_path / "out"), languages=("en", "ja"), vocab_size=1_200)
    build.run(config, ONE)
    printed = capsys.readouterr().out
    tokens = read_manifest(tmp_path / "out" / "tokens")
    assert tokens.partitions(TOKEN_MENTIONS) == tokens.partitions(TOKEN_DESCRIPTIONS) == ["en", "ja"]
    linked = read_manifest(tmp_path / "out" / "link")
    for language, counts in linked.properties["languages"].items():
        accounts = {account.source: account for account in linked.accounts}
        fates = sum(n for name, n in counts.items() if name.startswith("links_"))
        assert fates == accounts[f"links/{language}"].read > 0
    lines = printed.splitlines()
    assert [line.split()[0] for line in lines if " all " in line] == ["wikidata", "wikipedia", "link", "tokenize"]
    assert any(line.startswith("ja ") for line in lines) and not any(line.startswith("de ") for line in lines)
    # A second call finds everything finished and prints the same rows.
    build.run(config, ONE)
    again = capsys.readouterr()
    assert again.err.count("finished already") == 5
    rows = [line.split()[:4] for line in lines if line.startswith(("en ", "ja "))]
    assert [line.split()[:4] for line in again.out.splitlines() if line.startswith(("en ", "ja "))] == rows


def test_dumps_and_tables_behind_urls_give_the_same_tokens(dumps: Path, tmp_path: Path) -> None:
    local = BuildConfig(dumps=str(dumps), output=str(tmp_path / "local"), languages=("en", "ja"), vocab_size=1_200)
    build.run(local, ONE)
    tables = f"folder://{tmp_path}/bucket"
    remote = replace(local, dumps=f"folder://{dumps}", output=str(tmp_path / "out"), tables=tables)
    build.run(remote, [*ONE, "--direct_running_mode=in_memory"])
    for name in ("wikidata", "wikipedia", "link", "tokens"):
        assert (
            read_manifest(tmp_path / "out" / name).fingerprint == read_manifest(tmp_path / "local" / name).fingerprint
        )
        assert verify_dataset(tmp_path / "out" / name)[1] == []
    assert {path.name for path in (tmp_path / "bucket").iterdir() if path.is_dir()} == {"wikidata", "wikipedia"}
    with pytest.raises(UsageError, match="--tables"):
        build.run(replace(remote, output=tables))


def test_languages_without_a_dump_are_named(dumps: Path, tmp_path: Path) -> None:
    with pytest.raises(InputMissing, match=r"no dump of swwiki.*--languages sw"):
        build.run(BuildConfig(dumps=str(dumps), output=str(tmp_path), languages=("sw",)))
    with pytest.raises(InputMissing, match="no dump of swwiki"):  # and not that the Hub does not answer
        build.run(BuildConfig(dumps=str(dumps), output=str(tmp_path), languages=("sw",), tokenizer="no/such-name"))
    with pytest.raises(UsageError, match="did you mean"):
        build.run(BuildConfig(dumps=str(dumps), output=str(tmp_path), languages=("englsh",)))
    folder = build.read_dump_folder(str(dumps))
    assert build.chosen_wikis(BuildConfig(dumps="", output="", languages=("top5",)), folder) == ["dewiki", "enwiki"]
    assert build.chosen_wikis(BuildConfig(dumps="", output=""), folder) == ["dewiki", "enwiki", "jawiki"]


def test_the_table_counts_rejects_and_time_by_language() -> None:
    shard = Shard(path="pages/swwiki/part-00000-of-00001.parquet", table="pages", partition="swwiki", split="part", rows=1234,
                  bytes=5_000_000, sha256="")  # fmt: skip
    account = Account(source="swwiki-20261101-pages.xml.bz2", read=1240, kept=1234, dropped={}, rejected={"bad": 6})
    triples = Account(source="triples/train", read=9, kept=9, dropped={}, rejected={})
    links = Account(source="links/sw", read=400, kept=100, dropped={"red_link": 300}, rejected={})
    manifest = Manifest(job="wikipedia", tables={"pages": 1}, shards=[shard], accounts=[account, links, triples],
                        counters={}, inputs={},
                        config={}, code_version="", properties={"languages": {"sw": {"description_tokens": 77}}})  # fmt: skip
    table = render_summary([JobSummary(manifest=manifest, seconds=2.5, task_seconds={"swwiki": 1.25, "": 9})])
    job = next(line for line in table.splitlines() if line.startswith("wikipedia"))
    assert job.split() == ["wikipedia", "all", "1,234", "5.00", "6", "2.5"]
    assert [line.split()[0] for line in table.splitlines()[-2:]] == ["language", "sw"]
    language = table.splitlines()[-1]
    assert language.split() == ["sw", "1,234", "0", "0", "0", "25.0%", "77", "5.00", "6", "1.2"]
