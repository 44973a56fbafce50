"""A decoder that is dropped in the middle of its work does not stop the process."""

from __future__ import annotations

import subprocess
import sys
from fractions import Fraction
from pathlib import Path

import pytest

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
