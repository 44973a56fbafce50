"""Chunks without a seam, targets of size and quality, progress, cancelling, and no hardware where there is none."""

from __future__ import annotations

import subprocess
import threading
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from src.errors import Cancelled, DiskFull, EncodeFailed, FormatRefused, JobTimeout
from src.models.chunk import Chunk, ChunkTask
from src.models.params import Codec
from src.models.progress import Phase, Progress
from src.services.encoding import chunks
from src.services.encoding.hardware import find_device
from src.services.encoding.planner import Preferences, plan_encode
from src.services.encoding.programs import only_program
from src.services.encoding.trials import read_lists
from src.services.encoding_service import EncodingService
from src.services.ffmpeg_utils_service import FFmpeg
from src.services.media.probe import index_frames, inspect_output, probe
from src.utils.ffmpeg_limits import Limits
from tests.engines.encode import look
from tests.engines.encode.recipes import AAC, FAST, Row, make, video
from tests.tools.media_kit import FFMPEG, TESTED_FFMPEG
from tests.tools.waiting import within

pytestmark = pytest.mark.slow
PROGRAM = FFmpeg(TESTED_FFMPEG)
SINE = ("-f", "lavfi", "-i", "sine=f=500:d=6")
LONG = Row("six seconds", ((*video(seconds=6), *SINE, *FAST, "-bf", "2", "-g", "25", "-c:a", "flac"),), ".mkv")
VARIABLE = Row(
    "six seconds, variable",
    ((*video(seconds=6), "-vf", "select='mod(n,5)'", "-fps_mode", "passthrough", *FAST, "-g", "20"),),
    ".mkv",
)


class Watch:
    """Keeps what is reported and cancels when told."""

    def __init__(self, cancel_after: int | None = None) -> None:
        self.seen: list[Progress] = []
        self.cancel_after = cancel_after

    def report(self, progress: Progress) -> None:
        self.seen.append(progress)

    def check(self) -> None:
        encoding = [one for one in self.seen if one.phase is Phase.ENCODING]
        if self.cancel_after is not None and len(encoding) >= self.cancel_after:
            raise Cancelled()


def decoded_hashes(path: Path) -> list[str]:
    command = [
        FFMPEG,
        "-v",
        "error",
        "-i",
        str(path),
        "-map",
        "0:V:0",
        "-fps_mode",
        "passthrough",
        "-f",
        "framemd5",
        "-",
    ]
    told = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    return [line.rsplit(",", 1)[1] for line in told.splitlines() if not line.startswith("#")]


def side_by_side(task: ChunkTask, parts: Sequence[Chunk]) -> list[Path]:
    with ThreadPoolExecutor(2) as pool:
        return [each.result() for each in [pool.submit(chunks.encode_chunk, PROGRAM, task, part) for part in parts]]


@pytest.mark.parametrize("row", [LONG, VARIABLE], ids=lambda row: row.name)
@pytest.mark.parametrize("codec", ["h264", "h265", "av1"])
def test_chunks_have_no_seam(row: Row, codec: Codec, tmp_path: Path) -> None:
    source, joined = make(row), tmp_path / "joined.mp4"
    plan = plan_encode(
        probe(source),
        codec,
        "lossless",
        timeline=inspect_output(source),
        preferences=Preferences(always_encode=True),
        able=only_program(TESTED_FFMPEG).abilities(TESTED_FFMPEG, codec, lossless=True),
    )
    frames = index_frames(source)
    parts = chunks.plan_chunks(frames, tmp_path, seconds=2)
    assert len(parts) >= 3
    count = chunks.encode_in_chunks(ChunkTask(plan, source), parts, frames, joined, side_by_side)
    assert list(tmp_path.iterdir()) == [joined]
    assert decoded_hashes(joined) == decoded_hashes(source)
    assert count == len(frames.ticks)
    assert look.frame_times(joined) == pytest.approx(look.frame_times(source), abs=0.001)
    assert look.decode_errors(joined) == ""


def test_the_service_encodes_in_chunks(tmp_path: Path) -> None:
    source, output = make(LONG), tmp_path / "out.mp4"
    service = EncodingService(PROGRAM, chunk_seconds=2.0)
    report = service.encode_video_to_mp4(source, output, "h265", "lossless", run_chunks=side_by_side)
    assert report.verified_frames == report.frames == 150
    assert list(tmp_path.iterdir()) == [output]
    assert len(probe(output).audio) == 1


def test_a_short_film_stays_in_one_piece(tmp_path: Path) -> None:
    def refuse(task: ChunkTask, parts: Sequence[Chunk]) -> list[Path]:
        raise AssertionError("nothing to share out")

    service = EncodingService(PROGRAM, chunk_seconds=5.0)
    report = service.encode_video_to_mp4(make(LONG), tmp_path / "o.mp4", "h264", "medium", run_chunks=refuse)
    assert report.frames == 150


def test_target_size(tmp_path: Path) -> None:
    output = tmp_path / "out.mp4"
    report = EncodingService(PROGRAM).encode_video_to_mp4(make(LONG), output, "h264", "medium", target_size_mb=0.4)
    assert 250_000 < output.stat().st_size <= 400_000
    assert report.targets["target_size_mb"] == 0.4
    with pytest.raises(EncodeFailed):
        EncodingService(PROGRAM).encode_video_to_mp4(
            make(LONG), tmp_path / "no.mp4", "h264", "medium", target_size_mb=0.1
        )
    assert list(tmp_path.iterdir()) == [output]


def test_target_quality(tmp_path: Path) -> None:
    output = tmp_path / "out.mp4"
    if read_lists(TESTED_FFMPEG).missing["filter libvmaf"]:
        with pytest.raises(FormatRefused, match="VMAF"):
            EncodingService(PROGRAM).require_possible(make(LONG), "h264", "medium", with_vmaf=True)
        return
    report = EncodingService(PROGRAM).encode_video_to_mp4(make(LONG), output, "h264", "medium", target_vmaf=90)
    assert report.targets["sampled_vmaf"] >= 90
    assert list(tmp_path.iterdir()) == [output]


def test_progress_rises_to_its_end(tmp_path: Path) -> None:
    watch = Watch()
    EncodingService(PROGRAM).encode_video_to_mp4(make(LONG), tmp_path / "o.mp4", "h264", "lossless", monitor=watch)
    percents = [one.encode_percent for one in watch.seen]
    assert percents == sorted(percents)
    assert watch.seen[-1].phase is Phase.VERIFYING
    assert any(one.speed and one.speed.endswith("x") for one in watch.seen)


def test_cancel_leaves_nothing(tmp_path: Path) -> None:
    watch, threads = Watch(cancel_after=1), threading.active_count()
    source = make(Row("long and slow", ((*video("1280x720", seconds=20), *FAST),)))
    with within(), pytest.raises(Cancelled):
        EncodingService(PROGRAM).encode_video_to_mp4(source, tmp_path / "o.mp4", "h265", "high", monitor=watch)
    assert list(tmp_path.iterdir()) == []
    assert threading.active_count() <= threads


@pytest.mark.parametrize(
    ("limits", "error"),
    [
        (Limits(wall_seconds=0.5), JobTimeout),
        (Limits(file_bytes=100_000), EncodeFailed),
        (Limits(cpu_seconds=1), EncodeFailed),
    ],
)
def test_limits(limits: Limits, error: type[Exception], tmp_path: Path) -> None:
    args = [
        "-f",
        "lavfi",
        "-i",
        "testsrc2=s=1280x720:d=60",
        "-c:v",
        "libx264",
        "-preset",
        "slow",
        str(tmp_path / "o.mp4"),
    ]
    with pytest.raises(error):
        PROGRAM.run(args, limits=limits)


def test_a_full_disk_is_told_as_such(tmp_path: Path) -> None:
    args = ["-f", "lavfi", "-i", "testsrc2=d=5", "-c:v", "rawvideo", "-f", "rawvideo", "/dev/full"]
    with pytest.raises(DiskFull):
        PROGRAM.run(args)


def test_no_device_where_none_is(tmp_path: Path) -> None:
    assert find_device([PROGRAM], "off", "h264") is None
    service = EncodingService(PROGRAM, hardware="auto")
    source = make(Row("one second", ((*video(seconds=1), *FAST, *AAC[:0]),)))
    assert service.encode_video_to_mp4(source, tmp_path / "o.mp4", "h264", "medium").frames == 25
