"""A decoder that is dropped in the middle of its work does not stop the process."""

from __future__ import annotations

import subprocess
import sys
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import pytest

from src.services.cutting.engine.demuxer import Pack
from src.services.cutting.engine.encoders import Decoder
from tests.tools.media_kit import Film, cached_film

SCRIPT = """
import sys, av
from src.services.cutting.engine.demuxer import Pack
from src.services.cutting.engine.encoders import Decoder
with av.open(sys.argv[1]) as film:
    stream = film.streams.video[0]
    decoder = Decoder(stream)
    for number, packet in enumerate(film.demux(stream)):
        if number == 12:
            break
        list(decoder.decode(Pack(bytes(packet), packet.pts, packet.dts, packet.duration, packet.is_keyframe)))
    del decoder
print("dropped")
"""


@pytest.mark.slow
def test_a_decoder_can_be_dropped_while_its_threads_work() -> None:
    film = cached_film(Film(size=(1920, 1080), seconds=Fraction(1), audio=None, noise=20))
    command = [sys.executable, "-c", SCRIPT, str(film)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, cwd=Path(__file__).parents[3])
    assert done.stdout == "dropped\n", done.stderr


DAMAGED = """
import io, random, sys, av
from pathlib import Path
from src.services.streams import segment_probe
segment_probe.main()
data, dice = bytearray(Path(sys.argv[1]).read_bytes()), random.Random(1)
for _ in range(400):
    data[dice.randrange(len(data) // 8, len(data))] = dice.randrange(256)
for most in range(8, 28):
    with av.open(io.BytesIO(bytes(data))) as film:
        stream = film.streams.video[0]
        stream.thread_type, stream.codec_context.thread_count = "AUTO", 4
        for number, packet in enumerate(film.demux(stream)):
            try:
                packet.decode()
            except av.error.FFmpegError:
                pass
            if number == most:
                break
print("dropped")
"""


@pytest.mark.slow
def test_a_decoder_of_damaged_video_can_be_dropped_while_its_threads_work() -> None:
    """In a process that has done what our children do first: its threads report errors to nobody."""
    film = cached_film(Film(size=(1920, 1080), seconds=Fraction(1), audio=None, noise=20))
    command = [sys.executable, "-c", DAMAGED, str(film)]
    question = '{"pairs": [], "deep": false}'
    root = Path(__file__).parents[3]
    done = subprocess.run(command, input=question, capture_output=True, text=True, timeout=60, cwd=root)
    assert done.stdout == "[]dropped\n", done.stderr


def pack_of(packet: av.Packet[Any]) -> Pack:
    """A packet as the cuts of the video read it."""
    assert packet.pts is not None and packet.dts is not None
    return Pack(bytes(packet), packet.pts, packet.dts, packet.duration or 0, packet.is_keyframe)


@pytest.mark.slow
@pytest.mark.parametrize("bframes", [1, 3])
def test_frames_that_nothing_refers_to_are_left_out_and_the_others_are_the_same(bframes: int) -> None:
    """Those that are not needed, before a cut. The frames of the clip itself have every pixel."""
    ordered = ("-x264-params", "b-adapt=0")
    path = cached_film(Film(size=(320, 180), seconds=Fraction(4), audio=None, bframes=bframes, extra=ordered))
    frames: dict[bool, dict[int | None, bytes]] = {}
    needed = 60
    for leaving_out in (False, True):
        with av.open(str(path)) as film:
            decoder = Decoder(film.streams.video[0])
            packs = [pack_of(packet) for packet in film.demux(video=0) if packet.size]
            begin = sorted(pack.pts for pack in packs)[needed]
            found = [frame for pack in packs for frame in decoder.decode(pack, spare=leaving_out and pack.pts < begin)]
            found += decoder.flush()
        frames[leaving_out] = {frame.pts: frame.to_ndarray().tobytes() for frame in found}
    assert len(frames[False]) == 100
    assert len(frames[True]) < 75  # half of the frames are not referred to; of three others between, one is
    later = [{pts: one[pts] for pts in one if pts is not None and pts >= begin} for one in frames.values()]
    assert len(later[0]) == 100 - needed
    assert later[1] == later[0]
