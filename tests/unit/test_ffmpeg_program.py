"""Programs that may run as FFmpeg: the configured one alone, else the bundled one and the one on the PATH."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from src.errors import FfmpegMissing
from src.utils.ffmpeg_program import FoundProgram, find_ffmpeg, find_programs


def make_program(path: Path) -> Path:
    path.write_text("#!/bin/sh\n")
    path.chmod(0o755)
    return path


def test_the_configured_program_wins(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    make_program(tmp_path / "ffmpeg")
    monkeypatch.setenv("PATH", str(tmp_path))
    own = make_program(tmp_path / "my-ffmpeg")
    assert find_ffmpeg(str(own)) == own
    assert find_ffmpeg("my-ffmpeg") == own


def test_a_configured_program_that_is_missing_is_not_replaced_in_silence(tmp_path: Path) -> None:
    with pytest.raises(FfmpegMissing, match="FFMPEG_PATH is not an executable program"):
        find_ffmpeg(str(tmp_path / "nothing"))


def test_the_bundled_one_comes_before_an_installed_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    installed = make_program(tmp_path / "ffmpeg")
    monkeypatch.setenv("PATH", str(tmp_path))
    bundled, other = find_programs("")
    assert (bundled.origin, other) == ("bundled", FoundProgram(installed, "installed"))
    assert find_ffmpeg("") == bundled.path


def test_the_bundled_one_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    program = find_ffmpeg("")
    said = subprocess.run([program, "-version"], capture_output=True, text=True, check=True).stdout
    assert said.startswith("ffmpeg version")
