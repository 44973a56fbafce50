"""How a child process that reads a file may end, and what the caller is told: real processes under real limits."""

from __future__ import annotations

import logging
import subprocess
import sys
from fractions import Fraction

import pytest

from src.errors import Busy, MediaInvalid
from src.services.media.child import ProbeLimits
from src.services.media.probe import failure_of, probe, probe_upload
from src.services.media.upload_turns import Turns
from tests.tools.media_kit import Film, cached_film

pytestmark = pytest.mark.slow
LIMITS = ProbeLimits(cpu_seconds=1, memory_bytes=512 * 2**20)
FILM = Film(seconds=Fraction(1))


def ended(program: str) -> tuple[int, str]:
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, preexec_fn=LIMITS.apply, check=False
    )
    return done.returncode, done.stderr


@pytest.mark.parametrize(
    ("program", "reason", "words"),
    [
        ("while True: pass", "time", "more than 1 seconds"),
        ("bytearray(10**9)", "memory", "more than 512 MB"),
        ("import os, signal; os.kill(os.getpid(), signal.SIGSEGV)", "crash", "crashed"),
        ("import os; os.abort()", "crash", "crashed"),
        ("axes = {}; axes[0]", "crash", "crashed"),
        ("raise SystemExit(7)", "crash", "crashed"),
    ],
)
def test_crash_time_and_memory_are_three_things(
    program: str, reason: str, words: str, caplog: pytest.LogCaptureFixture
) -> None:
    code, said = ended(program)
    with caplog.at_level(logging.ERROR):
        error = failure_of(code, said, "probe", LIMITS)
    assert isinstance(error, MediaInvalid)
    assert (error.details, words in error.message) == ({"reason": reason}, True)
    assert bool(caplog.records) is (reason == "crash")
    assert "KeyError" not in error.message


def test_a_kill_from_outside_is_no_fault_of_the_file() -> None:
    code, said = ended("import os, signal; os.kill(os.getpid(), signal.SIGKILL)")
    error = failure_of(code, said, "probe", LIMITS)
    assert isinstance(error, Busy)
    assert error.details == {"retry_after_seconds": 30}


def test_a_file_that_needs_more_memory_than_it_may() -> None:
    path = cached_film(
        Film(codec="hevc", pixel_format="yuv420p10le", seconds=Fraction(1, 5), size=(7680, 4320), audio=None)
    )
    with pytest.raises(MediaInvalid) as refused:
        probe(path, limits=ProbeLimits(memory_bytes=500 * 2**20))
    assert refused.value.details == {"reason": "memory"}
    assert probe(path).main_video is not None


def test_a_machine_that_does_not_get_round_to_it() -> None:
    with pytest.raises(Busy) as refused:
        probe(cached_film(FILM), limits=ProbeLimits(wall_seconds=0.0))
    assert refused.value.details == {"retry_after_seconds": 30}


def test_an_upload_waits_for_its_turn() -> None:
    turns = Turns(1, longest_queue=4)
    path = cached_film(FILM)
    with turns.turn(0), pytest.raises(Busy):
        probe_upload(path, seconds=0.01, turns=turns)
    assert probe_upload(path, turns=turns).main_video is not None
