"""Captured segments become one file without being encoded: every frame once, in order, with its sound."""

from __future__ import annotations

import shutil
from fractions import Fraction
from pathlib import Path

import pytest

from src.models.captured import Captured
from src.models.media_source import NetworkSettings, TimeRange
from src.models.progress import SilentMonitor
from src.models.time_window import Window
from src.services.cutting.cutter import ClipCutter, CutResult
from src.services.cutting.engine.model import CutOrder
from src.services.cutting.sandbox import EngineSandbox
from src.services.egress.policy import Policy
from src.services.egress.proxy import EgressProxy
from src.services.ffmpeg_utils_service import FFmpeg
from src.utils.ffmpeg_program import find_ffmpeg
from tests.engines.live.test_numbered import Bench, stream
from tests.tools.media_kit import audio_marks, av_offset, frame_numbers
from tests.tools.media_kit.sound import SECONDS_MODULUS
from tests.tools.numbered.server import NumberedServer

pytestmark = pytest.mark.slow


@pytest.fixture
def bench(server: NumberedServer, tmp_path: Path) -> Bench:
    server.issued = 0
    return Bench(server, tmp_path, padding=0)


def copied(captured: Captured, window: Window, work: Path) -> tuple[CutResult, list[int]]:
    """(the file, numbers of its frames)."""
    shutil.rmtree(work, ignore_errors=True)
    work.mkdir()
    program = find_ffmpeg("")
    wanted = TimeRange(window.start, window.end)
    order = CutOrder(captured, (wanted,), (work / "whole.mp4",), work, NetworkSettings(), ffmpeg=program)
    with EngineSandbox(program, EgressProxy(Policy())).engine() as engine:
        result = ClipCutter(FFmpeg(program), engine, order.network).copies(order, SilentMonitor())
    assert [path.name for path in work.iterdir()] == ["whole.mp4"]
    return result, [frame.number for frame in frame_numbers(result.path)]


def test_all_segments_of_a_calm_stream(bench: Bench, tmp_path: Path) -> None:
    on_air = bench.on_air(stream(40))
    bench.go(60)
    window = Window(on_air.ingested[0], on_air.ingested[20])
    result, numbers = copied(bench.capture(window), window, tmp_path / "work")
    assert numbers == on_air.frames(on_air.ingested[0], on_air.ingested[20])
    assert result.method == "copy" and abs(av_offset(result.path, Fraction(25))) < 0.05


def test_a_missing_segment_and_an_interruption(bench: Bench, tmp_path: Path) -> None:
    """Missing time is removed from video and sound; time in which nothing was sent is none of the stream's."""
    on_air = bench.on_air(stream(40, gaps={12: Fraction(20)}, lost={6}))
    bench.go(90)
    window = Window(on_air.ingested[0], on_air.ingested[20])
    result, numbers = copied(bench.capture(window), window, tmp_path / "work")
    assert numbers == on_air.frames(window.start, window.end)
    assert result.method == "copy"
    frames = frame_numbers(result.path)
    for at, second in audio_marks(result.path):
        shown = min(frames, key=lambda frame: abs(frame.pts - at))
        late = (float(at - shown.pts) + float(shown.number / 25 - second)) % SECONDS_MODULUS
        assert min(late, SECONDS_MODULUS - late) < 0.05
