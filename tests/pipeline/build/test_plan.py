"""The plan: sizes from a catalogue on loopback, costs measured, sums that add up."""

from __future__ import annotations

import bz2
import gzip
import re
from pathlib import Path

import pytest

from pipeline.build import plan
from pipeline.build.estimate import Estimate, Prices, render
from pipeline.build.heads import SizedDump, local_dump, write_head
from pipeline.build.plan import PlanConfig
from pipeline.build.probe import Cost
from schemas import read_manifest
from schemas.errors import InputCorrupt, UsageError
from tests.pipeline.fetch.dump_host import DumpHost
from tests.pipeline.fetch.test_download import client

DATE = "20261101"


def written(folder: Path) -> int:
    return sum(shard.bytes for shard in read_manifest(folder).shards)


def test_a_plan_of_a_catalogue_says_what_the_build_then_takes(
    sample_build: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Whole dumps are smaller than what is read to measure, so that bytes written are those of the true build."""
    monkeypatch.setattr(plan, "_SAMPLE_WIKIS", ("hywiki",))
    found: list[Estimate] = []
    monkeypatch.setattr(plan, "render", lambda estimate, prices: found.append(estimate) or render(estimate, prices))
    dumps = sample_build / "dumps"
    with DumpHost() as host:
        for wiki in ("enwiki", "hywiki", "zhwiki"):
            files = {tail: next(dumps.glob(f"{wiki}*{tail}")).read_bytes() for tail in (".xml.bz2", "-index.txt.bz2")}
            host.publish_multistream(wiki, DATE, files)
            host.publish_page_props(wiki, DATE, b"p" * 5_000)
        items = gzip.compress(bz2.decompress(next(dumps.glob("wikidata*")).read_bytes()))
        host.publish_wikidata(DATE, items)
        plan.run(PlanConfig(languages=("en", "hy", "zh"), folder=str(tmp_path / "not" / "there")), client(host))
        bodies = [
            request for request in host.requests if request.method == "GET" and request.path.endswith((".bz2", ".gz"))
        ]
        assert {request.headers["Range"] for request in bodies} == {"bytes=0-1999999", "bytes=0-7999999"}
    (estimate,) = found
    assert list(estimate.costs) == ["wikidata", "wikipedia", "link", "tokenize"]
    for job in ("wikidata", "wikipedia"):
        assert estimate.costs[job].written == pytest.approx(written(sample_build / job), rel=0.06)
    assert estimate.costs["link"].written == pytest.approx(written(sample_build / "link"), rel=0.5)
    assert estimate.costs["tokenize"].written == pytest.approx(written(sample_build / "tokens"), rel=0.5)
    for cost in estimate.costs.values():
        assert 0 < cost.cpu_seconds < 60 and 50e6 < cost.peak < 5e9 and cost.alone_seconds <= cost.cpu_seconds
    said = capsys.readouterr().out
    assert re.search(rf"wikidatawiki +1 +{len(items) / 1000:.1f} kB", said)
    assert f"15.0 kB instead of {len(items) / 1000:.1f} kB" in said
    assert "next: python -m pipeline download --languages 'en hy zh' --date latest" in said


def test_sums() -> None:
    costs = {
        "wikidata": Cost(10**9, 10**8, 7_200.0, 0.0, 10**8),
        "wikipedia": Cost(10**9, 10**9, 3_600.0, 0.0, 10**8),
        "link": Cost(10**9, 10**9, 7_200.0, 3_600.0, 10**8),
    }
    dump = SizedDump("x", "swwiki", "pages", 10**9, lambda size: b"")
    estimate = Estimate((dump,), costs, workers=4, cheap=None, place="/data", free=3 * 10**9)
    assert estimate.hours("wikidata") == 0.5
    assert estimate.hours("link") == 1.25
    assert estimate.disk() == 3_100_000_000
    said = render(estimate, Prices(vcpu_hour=0.05, gb_hour=0.01, gb_per_vcpu=4, source="a price list of 2026-11-01"))
    assert "NOT ENOUGH" in said
    assert "3.00 vCPU hours" in said and "= 0.27, prices from a price list of 2026-11-01" in said
    assert "--prices-from" in render(estimate, Prices(0, 0, 4, ""))
    assert costs["wikidata"].carried_to(5 * 10**9) == Cost(5 * 10**9, 5 * 10**8, 36_000.0, 0.0, 10**8)


@pytest.mark.parametrize("packing", ["gz", "bz2", "json"])
def test_the_beginning_of_a_dump_is_a_whole_small_one(tmp_path: Path, packing: str) -> None:
    lines = [f'{{"id":"Q{number}","noise":"{number**40}"}}' for number in range(1, 20_000)]
    text = ("[\n" + ",\n".join(lines) + "\n]\n").encode()
    name = "wikidata-20261101-all.json" + ("" if packing == "json" else f".{packing}")
    pack = {"gz": gzip.compress, "bz2": bz2.compress, "json": bytes}[packing]
    unpack = {"gz": gzip.decompress, "bz2": bz2.decompress, "json": bytes}[packing]
    (tmp_path / name).write_bytes(pack(text))
    (tmp_path / "head").mkdir()
    dump = local_dump(str(tmp_path / name), "wikidatawiki", "wikidata")
    write_head(dump, tmp_path / "head", 500_000)
    kept = unpack((tmp_path / "head" / name).read_bytes()).decode().splitlines()
    assert kept[0] == "[" and kept[-1] == "]" and 500 < len(kept) < 20_000
    assert ",\n".join(lines).startswith("\n".join(kept[1:-1]))
    assert not kept[-2].endswith(",")
    with pytest.raises(InputCorrupt, match="no whole"):
        write_head(SizedDump(name, "wikidatawiki", "wikidata", 9, lambda size: b""), tmp_path / "head", 500_000)


def test_what_cannot_be_planned_is_said() -> None:
    with pytest.raises(UsageError, match="--languages"):
        plan.run(PlanConfig())
    with pytest.raises(UsageError, match="--prices-from"):
        PlanConfig(vcpu_hour=0.1)
    with pytest.raises(UsageError, match="--prices-from"):
        PlanConfig(gb_hour=0.01)
    with pytest.raises(UsageError, match="more than 0"):
        PlanConfig(probe_mb=0)
