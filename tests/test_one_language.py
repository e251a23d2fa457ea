"""The way without Wikidata's dump, as docs/one-language.md has it: a server on loopback, then make, to a model."""

from __future__ import annotations

import gzip
import re
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from pipeline.fetch import job as fetch
from schemas import MENTIONS, PAGES, SITELINKS, Table, read_manifest, read_shard
from tests.conftest import REPOSITORY
from tests.pipeline.fetch.dump_host import DumpHost
from tests.pipeline.fetch.test_download import client
from tests.test_make import commands, make, stand_in_encoder

DATE = "20261101"


def rows(folder: Path, table: Table, partition: str | None = None) -> list[dict[str, Any]]:
    shards = read_manifest(folder).of(table, partition=partition)
    return [row for shard in shards for row in read_shard(folder / shard.path, table).to_pylist()]


def page_props(build: Path, wiki: str) -> bytes:
    """What the wiki's table of page properties says, from the tables of a build with Wikidata's dump."""
    links = rows(build / "wikidata", SITELINKS)
    items = {row["title"]: row["entity"] for row in links if row["wiki"] == wiki}
    pages = [(row["page_id"], items.get(row["title"])) for row in rows(build / "wikipedia", PAGES, wiki)]
    values = ",".join(f"({page},'wikibase_item','{item}',NULL)" for page, item in pages if item)
    columns = "  `pp_page` int,\n  `pp_propname` blob,\n  `pp_value` blob,\n  `pp_sortkey` float,\n"
    table = f"CREATE TABLE `page_props` (\n{columns});\nINSERT INTO `page_props` VALUES {values};\n"
    return gzip.compress(f"{table}-- Dump completed on 2026-11-01\n".encode())


def ties(build: Path, language: str) -> Counter[tuple[str, str, int, int]]:
    return Counter(
        (row["text"], mention["entity"], mention["start"], mention["end"])
        for row in rows(build / "link", MENTIONS, language)
        for mention in row["mentions"]
    )


def test_a_model_of_one_language_without_wikidatas_dump(
    sample_build: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    dumps = tmp_path / "my dumps"
    with DumpHost() as host:
        xml, index = (next((sample_build / "dumps").glob(f"hywiki-*{tail}")) for tail in (".xml.bz2", ".txt.bz2"))
        host.publish_multistream("hywiki", DATE, {".xml.bz2": xml.read_bytes(), "-index.txt.bz2": index.read_bytes()})
        host.publish_page_props("hywiki", DATE, page_props(sample_build, "hywiki"))
        monkeypatch.setattr(fetch, "DumpServer", lambda **_: client(host))
        fetch.run(fetch.DownloadConfig(output=str(dumps), languages=("hy",), wikidata=False, page_props=True))
        assert f"next: python -m pipeline build --dumps '{dumps}' --sitelinks-sql '{dumps}'" in capsys.readouterr().out
        assert not any("wikidata" in request.path for request in host.requests)
    flags = "--steps 2 --stream.tokens-per-step 2048 --encoder.compile False --workers 0 --optim.warmup-steps 1"
    words = [
        f"DUMPS={dumps}", "LANGS=Armenian", "SITELINKS=yes", f"ENCODER={stand_in_encoder(sample_build, tmp_path)}",
        f"OUT={tmp_path / 'build'}", f"RUNS={tmp_path / 'run'}", "BEAM=--direct_num_workers=1",
        f"FLAGS={flags} --method.bank-size 64 --device cpu",
    ]  # fmt: skip
    for target in ("pretrain", "evaluate"):
        done = make(target, *words)
        assert done.returncode == 0, done.stderr[-1500:]
    assert (tmp_path / "run" / "model" / "config.json").exists()
    whole, without = ties(sample_build, "hy"), ties(tmp_path / "build", "hy")
    assert without.total() > 200
    assert without == whole


def test_the_commands_of_the_page_agree() -> None:
    page = (REPOSITORY / "docs" / "one-language.md").read_text(encoding="utf-8")
    lines = [line.split("#")[0].split()[1:] for line in re.findall(r"^make .*$", page, re.MULTILINE)]
    assert [line[0] for line in lines] == ["download", "pretrain", "evaluate"]
    assert {"--no-wikidata", "--page-props"} <= set(commands(*lines[0])[-1])
    build, train = commands(*lines[1], "DUMPS=data/dumps")
    assert build[build.index("--sitelinks-sql") + 1] == "data/dumps"
    assert train[train.index("--objectives") + 1] == "mlm,mep"
    by_file = commands("build-data", "DUMPS=dumps", "SITELINKS=my items.sql.gz")[0]
    assert by_file[by_file.index("--sitelinks-sql") + 1] == "my items.sql.gz"
