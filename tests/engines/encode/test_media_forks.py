"""Files of one job are read by forks of one process: same answers, same limits, same sandbox, each fork alone."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from fractions import Fraction
from pathlib import Path
from typing import Any

import pytest

from src.errors import Busy, MediaInvalid
from src.services.encoding_service import EncodingService
from src.services.ffmpeg_utils_service import FFmpeg
from src.services.media.child import ProbeLimits
from src.services.media.forks import MediaForks
from src.services.media.probe import SCAN_LIMITS, examine, index_frames
from src.utils.sandbox import available
from tests.tools.media_kit import TESTED_FFMPEG, Film, cached_film

pytestmark = pytest.mark.slow
FILM = Film(seconds=Fraction(2))


@pytest.fixture
def film(tmp_path: Path) -> Path:
    path = tmp_path / "in" / "film.mp4"
    path.parent.mkdir()
    path.write_bytes(cached_film(FILM).read_bytes())
    return path


@pytest.fixture
def forks(film: Path, tmp_path: Path) -> Iterator[MediaForks]:
    (tmp_path / "out").mkdir()
    with MediaForks(film, tmp_path / "out") as made:
        yield made


def server(forks: MediaForks) -> Any:
    process = forks._process
    assert process is not None
    return process


def test_the_answers_are_those_of_a_process_of_its_own(film: Path, tmp_path: Path, forks: MediaForks) -> None:
    made = tmp_path / "out" / "made.mp4"
    made.write_bytes(film.read_bytes())
    assert examine(film, forks=forks) == examine(film)
    first = server(forks).pid
    assert examine(made, check=True, forks=forks) == examine(made, check=True)
    assert index_frames(film, forks) == index_frames(film)
    assert server(forks).pid == first


def test_a_bad_file_is_refused_in_the_same_words_and_the_next_is_read(
    film: Path, tmp_path: Path, forks: MediaForks
) -> None:
    bad = tmp_path / "out" / "bad.mp4"
    bad.write_bytes(b"no video" * 1000)
    with pytest.raises(MediaInvalid) as alone:
        examine(bad)
    with pytest.raises(MediaInvalid) as forked:
        examine(bad, forks=forks)
    assert forked.value.message == alone.value.message
    assert examine(film, forks=forks)[0].main_video is not None


def test_damage_of_the_result_is_found(film: Path, tmp_path: Path, forks: MediaForks) -> None:
    made = tmp_path / "out" / "made.mp4"
    data = bytearray(film.read_bytes())
    start = len(data) * 6 // 10
    data[start : start + 3000] = bytes(3000)
    made.write_bytes(data)
    alone, forked = examine(made, check=True)[1], examine(made, check=True, forks=forks)[1]
    assert forked == alone
    assert forked.errors


@pytest.mark.skipif(available().files != "landlock", reason="this kernel has no Landlock")
def test_a_fork_sees_its_own_file_only(film: Path, tmp_path: Path, forks: MediaForks) -> None:
    secret = tmp_path / "secret.mp4"
    secret.write_bytes(film.read_bytes())
    with pytest.raises(MediaInvalid):  # the process itself has no right to it
        examine(secret, forks=forks)
    link = tmp_path / "out" / "link.mp4"
    link.symlink_to(secret)
    with pytest.raises(MediaInvalid):
        examine(link, forks=forks)
    assert examine(secret)[0].main_video is not None


def test_limits_hold_for_each_fork(film: Path, forks: MediaForks) -> None:
    little = ProbeLimits(memory_bytes=120 * 2**20, wall_seconds=60)
    assert forks.read("decode", "video", film, little).code != 0
    assert forks.read("probe", "video", film, SCAN_LIMITS).code == 0


def test_what_takes_too_long_is_stopped(film: Path, forks: MediaForks) -> None:
    forks.read("probe", "video", film, SCAN_LIMITS)
    first = server(forks)
    os.kill(first.pid, signal.SIGSTOP)  # an answer that is there already would be taken, however late
    with pytest.raises(subprocess.TimeoutExpired):
        forks.read("probe", "video", film, ProbeLimits(wall_seconds=0.0))
    assert first.poll() is not None
    assert forks.read("probe", "video", film, SCAN_LIMITS).code == 0


def test_a_process_that_was_killed_is_nobodys_fault(film: Path, forks: MediaForks) -> None:
    examine(film, forks=forks)
    os.kill(server(forks).pid, signal.SIGSTOP)
    os.kill(server(forks).pid, signal.SIGKILL)
    process = server(forks)
    original: Callable[[], Any] = process.poll
    process.poll = lambda: None  # as if it died between the look and the question
    try:
        with pytest.raises(Busy):
            examine(film, forks=forks)
    finally:
        process.poll = original
    assert examine(film, forks=forks)[0].main_video is not None


def test_an_encode_leaves_no_process(film: Path, tmp_path: Path) -> None:
    before = children()
    report = EncodingService(FFmpeg(TESTED_FFMPEG)).encode_video_to_mp4(film, tmp_path / "made.mp4", "h264", "medium")
    assert report.frames == FILM.frame_count
    assert children() == before


def children() -> set[str]:
    return set(Path(f"/proc/self/task/{os.getpid()}/children").read_text().split())


def test_a_fork_that_writes_without_end_is_a_crash_and_no_kill_from_outside(film: Path) -> None:
    code = (
        "import sys; from pathlib import Path; from src.services.media import forks; "
        "from src.services.media.probe import SCAN_LIMITS; from src.utils.sandbox import Kind; "
        "forks._MOST_BYTES = 1000; forks.probe_child.main = lambda *_: print('x' * 10**6); "
        "ended = forks._in_fork(Kind('none', 'none'), 'probe', 'video', sys.argv[1], SCAN_LIMITS); "
        "print(ended.code, len(ended.answer))"
    )
    done = subprocess.run([sys.executable, "-c", code, str(film)], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["1", "0"]
