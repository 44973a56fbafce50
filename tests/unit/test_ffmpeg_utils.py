"""What FFmpeg's exit codes and last lines mean."""

from __future__ import annotations

import signal
from collections.abc import Sequence

import pytest

from src.errors import AppError, DiskFull, EncodeFailed, EncodeInterrupted
from src.utils.ffmpeg_limits import Limits
from src.utils.ffmpeg_messages import failure, useful_line


@pytest.mark.parametrize(
    ("code", "log", "error"),
    [
        (228, [], DiskFull),
        (1, ["av_interleaved_write_frame(): No space left on device"], DiskFull),
        (1, ["Unknown encoder 'libx999'"], EncodeFailed),
        (-signal.SIGKILL, [], EncodeInterrupted),
        (-signal.SIGXFSZ, [], EncodeFailed),
    ],
)
def test_kinds(code: int, log: Sequence[str], error: type[AppError]) -> None:
    assert type(failure(code, log, Limits())) is error


@pytest.mark.parametrize(
    ("line", "status"),
    [
        ("[https @ 0x1] HTTP error 403 Forbidden", 403),
        ("Server returned 404 Not Found", 404),
        ("Server returned 5XX Server Error reply", 500),
    ],
)
def test_the_status_of_a_network_input(line: str, status: int) -> None:
    assert failure(1, [line], Limits()).details["http_status"] == status


def test_the_line_that_says_it_without_our_folders() -> None:
    log = [
        "[in#0 @ 0x55] Error opening input: /srv/uploads/user/film.mp4: Invalid data found",
        "Error opening input file /srv/uploads/user/film.mp4.",
        "Conversion failed!",
    ]
    assert useful_line(log) == "Error opening input: film.mp4: Invalid data found"
    assert useful_line(["Conversion failed!"]) is None


def test_no_word_from_ffmpeg() -> None:
    assert "code 7" in failure(7, [], Limits()).message
    assert isinstance(failure(-signal.SIGKILL, [], Limits()), EncodeInterrupted), "the kernel wanted memory: try again"
    assert "Segmentation" in failure(-signal.SIGSEGV, [], Limits()).message
    assert failure(-signal.SIGKILL, [], Limits(cpu_seconds=3)).details["limit_seconds"] == 3
