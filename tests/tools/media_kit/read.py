"""What a file really shows and plays: frame numbers, sound marks, their offset, and what FFmpeg finds wrong."""

from __future__ import annotations

import statistics
import subprocess
from fractions import Fraction
from pathlib import Path
from typing import NamedTuple

import av
import numpy as np

from tests.tools.media_kit import pattern, sound
from tests.tools.media_kit.film import FFMPEG
from tests.tools.media_kit.sound import SECONDS_MODULUS, AudioMark, Samples, SoundUnreadable

MOST_DRIFT_SECONDS = 0.005


class NumberedFrame(NamedTuple):
    """A shown frame: presentation time in seconds and the number in its picture."""

    pts: Fraction
    number: int


def frame_numbers(path: Path, *, edit_list: bool = True) -> list[NumberedFrame]:
    """All frames that a player shows, in the order in which it shows them.

    ``edit_list=False`` reads an MP4 as a player that ignores its edit list.

    Raises:
        FrameUnreadable: a frame does not show one valid number.
    """
    options = {} if edit_list else {"ignore_editlist": "1"}
    frames = []
    with av.open(str(path), options=options) as container:
        stream = container.streams.video[0]
        stream.thread_type = "AUTO"
        for frame in container.decode(stream):
            if frame.pts is None or frame.time_base is None:
                raise pattern.FrameUnreadable("a frame has no timestamp")
            frames.append(NumberedFrame(frame.pts * frame.time_base, pattern.read_number(frame)))
    return frames


def first_last(path: Path, *, edit_list: bool = True) -> tuple[int, int]:
    """Numbers of the first and the last frame that a player shows. Raises FrameUnreadable like ``frame_numbers``."""
    frames = frame_numbers(path, edit_list=edit_list)
    if not frames:
        raise pattern.FrameUnreadable("the film shows no frame")
    return frames[0].number, frames[-1].number


def audio_marks(path: Path) -> list[AudioMark]:
    """All whole marks in the first sound track, at their presentation times in seconds."""
    start, samples, rate = _heard(path)
    return [AudioMark(start + mark.at, mark.second) for mark in sound.find_marks(samples, rate)]


def audio_gaps(path: Path) -> list[tuple[float, float]]:
    """Stretches (from, to) in seconds of presentation time, 10 ms and more, in which the sound is missing."""
    start, samples, rate = _heard(path)
    return [(start + begin, start + end) for begin, end in sound.find_gaps(samples, rate)]


def av_offset(path: Path, fps: Fraction) -> float:
    """Seconds by which the sound is late against the picture of a film of nominal rate ``fps``; negative: early.

    Raises:
        SoundUnreadable: there is no mark, or the offset changes by more than 5 ms within the file.
        FrameUnreadable: like ``frame_numbers``.
    """
    picture = float(statistics.median(frame.pts - frame.number / fps for frame in frame_numbers(path)))
    half = SECONDS_MODULUS / 2
    offsets = [(at - second - picture + half) % SECONDS_MODULUS - half for at, second in audio_marks(path)]
    if not offsets:
        raise SoundUnreadable("the sound holds no whole mark")
    if max(offsets) - min(offsets) > MOST_DRIFT_SECONDS:
        raise SoundUnreadable(f"the offset is not constant: {[round(offset, 4) for offset in offsets]}")
    return statistics.median(offsets)


def decode_errors(path: Path) -> str:
    """What FFmpeg says when it decodes the whole file and accepts no error; empty for a sound file."""
    command = [
        FFMPEG,
        "-hide_banner",
        "-nostdin",
        "-v",
        "error",
        "-xerror",
        "-err_detect",
        "+crccheck+bitstream+buffer",
    ]
    command += ["-i", str(path), "-map", "0:v?", "-map", "0:a?", "-fps_mode", "passthrough", "-f", "null", "-"]
    done = subprocess.run(command, capture_output=True, text=True, errors="replace")
    said = done.stderr.strip()
    return said or (f"FFmpeg ended with code {done.returncode}" if done.returncode else "")


def _heard(path: Path) -> tuple[float, Samples, int]:
    """(presentation time of the first sample, mono samples with silence where nothing is played, rate)."""
    pieces: list[tuple[Fraction, Samples]] = []
    with av.open(str(path)) as container:
        stream = container.streams.audio[0]
        rate = stream.codec_context.sample_rate
        resampler = av.AudioResampler(format="fltp", layout="mono", rate=rate)
        for frame in container.decode(stream):
            if frame.pts is None or frame.time_base is None:
                raise SoundUnreadable("a piece of sound has no timestamp")
            at = frame.pts * frame.time_base
            for mono in resampler.resample(frame):
                pieces.append((at, mono.to_ndarray()[0].astype(np.float64)))
    if not pieces:
        return 0.0, np.zeros(0), rate
    start = pieces[0][0]
    end = max(round((at - start) * rate) + len(samples) for at, samples in pieces)
    timeline = np.zeros(end)
    for at, samples in pieces:
        first = max(round((at - start) * rate), 0)
        timeline[first : first + len(samples)] = samples[: end - first]
    return float(start), timeline, rate
