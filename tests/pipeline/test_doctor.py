"""What the doctor says about good and bad machines."""

from __future__ import annotations

import stat
import subprocess
import sys
from pathlib import Path

import pytest
from packaging.requirements import Requirement

from pipeline import doctor
from pipeline.doctor import DoctorConfig
from pipeline.fetch.server import DumpServer
from tests.pipeline.fetch.dump_host import DumpHost


def test_this_machine_is_described(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert doctor.run(DoctorConfig(folder=str(tmp_path), network=False)) == 0
    out = capsys.readouterr().out
    for subject in ("Python", "expat", "project", "memory", "disk", "GPU", "locale"):
        assert f" {subject} " in out
    assert f"free in {tmp_path}" in out


def test_old_and_new_pythons() -> None:
    assert doctor.python_line((3, 11, 9)).verdict == "ok"
    assert doctor.python_line((3, 10, 1)).verdict == "missing"
    assert doctor.python_line((3, 14, 0)).verdict == "missing"


def test_an_old_expat_is_noted() -> None:
    line = doctor.expat_line((2, 5, 0))
    assert line.verdict == "note" and "slow on hostile XML" in line.words
    assert doctor.expat_line((2, 6, 0)).verdict == "ok"


def test_packages_absent_or_of_another_version() -> None:
    line = doctor.package_line(
        "pipeline", [Requirement("pytest"), Requirement("pytest<1"), Requirement("no-such-thing")]
    )
    assert line.verdict == "missing"
    assert "is not <1" in line.words and "no-such-thing absent" in line.words and ".[pipeline]" in line.words


def test_an_extra_that_is_wholly_absent_is_a_choice() -> None:
    assert doctor.package_line("report", [Requirement("no-such-thing")]).verdict == "note"
    assert doctor.package_line("", [Requirement("no-such-thing")]).verdict == "missing"


def test_every_extra_asks_for_something() -> None:
    lines = list(doctor.packages())
    assert [line.subject for line in lines] == ["project", "contract", "pipeline", "model", "report", "dev"]
    assert all(not line.words.startswith("0 ") for line in lines)


def test_little_memory_and_little_disk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert doctor.memory_line(1 << 30).verdict == "note"
    assert doctor.memory_line(64 << 30).verdict == "ok"
    monkeypatch.setattr(doctor, "DISK_BYTES", 1 << 60)
    assert [line.verdict for line in doctor.folder_lines(tmp_path)] == ["note"]


def test_a_folder_that_cannot_be_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(**_: object) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr("tempfile.NamedTemporaryFile", refuse)
    lines = list(doctor.folder_lines(tmp_path / "new" / "folder"))
    assert lines[0].verdict == "missing" and str(tmp_path) in lines[0].words


def test_gpus_are_listed_by_the_driver(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    program = tmp_path / "nvidia-smi"
    program.write_text("#!/bin/sh\necho 'NVIDIA H200, 143771 MiB'\n")
    program.chmod(program.stat().st_mode | stat.S_IXUSR)
    monkeypatch.setenv("PATH", f"{tmp_path}:/bin:/usr/bin")
    assert doctor.nvidia_gpus() == ["NVIDIA H200, 143771 MiB"]
    program.write_text("#!/bin/sh\nexit 9\n")
    assert doctor.nvidia_gpus() == []
    assert doctor.gpu_line([]).verdict == "note"


def test_the_network_is_asked_and_its_absence_is_no_fault() -> None:
    with DumpHost() as host:
        host.files["/index"] = b"x"
        assert doctor.network_line(DumpServer(primary=host.base, plain_loopback=True)).verdict == "ok"
        base = host.base
    line = doctor.network_line(DumpServer(primary=base, plain_loopback=True, retries=0, timeout_seconds=1))
    assert line.verdict == "note" and "no answer" in line.words


def test_a_latin_locale_is_noted() -> None:
    assert doctor.locale_line("ISO-8859-1", "utf-8").verdict == "note"
    assert doctor.locale_line("UTF-8", "utf-8").verdict == "ok"


def test_the_command_line_knows_it() -> None:
    command = [sys.executable, "-m", "pipeline", "doctor", "--network", "False"]
    assert "Python" in subprocess.run(command, capture_output=True, text=True, check=True, timeout=60).stdout
