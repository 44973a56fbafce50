"""An FFmpeg program is asked which options it understands; one that could not be asked is asked again."""

from __future__ import annotations

import subprocess
from pathlib import Path
from typing import Any

import pytest

from src.utils.ffmpeg_options import understands


@pytest.fixture
def program(tmp_path: Path) -> Path:
    path = tmp_path / "ffmpeg"
    path.write_text("#!/bin/sh\nprintf '  -reconnect <boolean> .D reconnect\\n'\n")
    path.chmod(0o755)
    return path


def test_what_the_program_lists_it_understands(program: Path) -> None:
    assert understands(program, "protocol=http", "reconnect")
    assert not understands(program, "protocol=http", "reconnect_max_retries")


@pytest.mark.parametrize("failure", [OSError("no process can be started"), subprocess.TimeoutExpired("ffmpeg", 20)])
def test_a_question_that_failed_is_asked_again(
    program: Path, monkeypatch: pytest.MonkeyPatch, failure: Exception
) -> None:
    def fail(*_: Any, **__: Any) -> Any:
        raise failure

    with monkeypatch.context() as once:
        once.setattr(subprocess, "run", fail)
        assert not understands(program, "protocol=http", "reconnect")
    assert understands(program, "protocol=http", "reconnect")
