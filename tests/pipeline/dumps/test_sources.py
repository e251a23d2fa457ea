"""Dumps are found and opened by path, by pattern, and through Beam's file systems."""

from __future__ import annotations

import gzip
from collections.abc import Iterator
from pathlib import Path

import pytest
from apache_beam.io.filesystem import FileMetadata, FileSystem, MatchResult
from apache_beam.io.localfilesystem import LocalFileSystem

from pipeline.dumps.ranges import read_lines
from pipeline.dumps.sources import expand_sources, plan_sources
from pipeline.run.storage import open_read
from schemas.errors import InputCorrupt, InputMissing, UsageError


class BucketFileSystem(LocalFileSystem):
    """A file system with a scheme, as cloud storage has, over local folders."""

    @classmethod
    def scheme(cls) -> str:
        return "bucket"

    def _strip(self, path: str) -> str:
        return path.removeprefix("bucket:/")

    def open(self, path: str, *args: str, **kwargs: str) -> object:
        return super().open(self._strip(path), *args, **kwargs)

    def match(self, patterns: list[str], limits: list[int] | None = None) -> list[MatchResult]:
        results = super().match([self._strip(pattern) for pattern in patterns], limits)
        return [
            MatchResult(
                pattern,
                [FileMetadata("bucket:/" + entry.path, entry.size_in_bytes) for entry in result.metadata_list],
            )
            for pattern, result in zip(patterns, results, strict=True)
        ]


@pytest.fixture
def bucket(tmp_path: Path) -> Iterator[str]:
    assert BucketFileSystem in FileSystem.get_all_subclasses()
    yield f"bucket:/{tmp_path}"


def test_through_a_file_system_of_beam(tmp_path: Path, bucket: str) -> None:
    lines = [b"%d %s" % (number, b"x" * (number % 50)) for number in range(3000)]
    members = [gzip.compress(b"\n".join(lines[at : at + 500]) + b"\n") for at in range(0, 3000, 500)]
    (tmp_path / "dump.json.gz").write_bytes(b"".join(members))
    assert expand_sources([f"{bucket}/*.gz"]) == [f"{bucket}/dump.json.gz"]
    spans = plan_sources([f"{bucket}/dump.json.gz"], 2000)
    assert len(spans) > 3
    found = [line for span in spans for batch in read_lines(span, open_file=open_read) for line in batch.lines]
    assert found == [*lines, b""]


def test_missing_in_a_file_system_of_beam(bucket: str) -> None:
    with pytest.raises(InputMissing, match="names no file"):
        expand_sources([f"{bucket}/absent*.gz"])
    with pytest.raises(InputMissing, match="is not there"):
        open_read(f"{bucket}/absent.gz")


def test_unknown_scheme_says_what_to_install() -> None:
    for call in (lambda: open_read("nowhere://x/y.gz"), lambda: expand_sources(["nowhere://x/*.gz"])):
        with pytest.raises(UsageError, match="no file system for nowhere:// is installed"):
            call()


def test_local_patterns(tmp_path: Path) -> None:
    for name in ("b.json", "a.json", "with[bracket].json"):
        (tmp_path / name).write_text("[\n]\n")
    bracket = str(tmp_path / "with[bracket].json")
    assert expand_sources([f"{tmp_path}/?.json", f"{tmp_path}/a.json"]) == [f"{tmp_path}/a.json", f"{tmp_path}/b.json"]
    assert expand_sources([bracket]) == [bracket]
    with pytest.raises(InputMissing, match="names no file"):
        expand_sources([str(tmp_path / "*.gz")])
    with pytest.raises(InputMissing, match="no dump was named"):
        expand_sources([])


def test_an_empty_dump_among_several(tmp_path: Path) -> None:
    (tmp_path / "a.json").write_text("[\n]\n")
    (tmp_path / "b.json").write_text("")
    with pytest.raises(InputCorrupt, match="b.json is empty"):
        plan_sources(expand_sources([f"{tmp_path}/*.json"]), 1000)
