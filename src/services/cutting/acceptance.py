"""Verifies what came out of the sandbox: every file is read back before it is handed out."""

from __future__ import annotations

import os
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from src.errors import ClipIncomplete, MediaInvalid
from src.models.media import MediaInfo, StreamTimeline, Timeline, VideoStream
from src.models.progress import Monitor
from src.services.media.probe import Need, WaitingProbe, examine
from src.utils.background import in_background, result_of

# How much later than the video the audio may start, and how much earlier it may end; also where the source ends.
SOUND_TOLERANCE_SECONDS = 0.25
SOUND_TOLERANCE_AT_END_SECONDS = 3.0
START_TOLERANCE_SECONDS = 0.1
_SPARE_FRAMES = 1.5


@dataclass(frozen=True, slots=True)
class Expectation:
    """What the clip must be. ``frames`` is None where they were not counted; ``sound`` is from when to when there must
    be audio, in seconds, or None; ``to_the_end`` when the clip reaches the end of the source, where audio and video
    seldom end together."""

    seconds: float
    frames: int | None
    sound: tuple[float, float] | None
    to_the_end: bool = False


@dataclass(frozen=True, slots=True)
class Accepted:
    """The facts of a clip that passed."""

    media: MediaInfo
    video: VideoStream
    frames: int


def accept(path: Path, expected: Expectation, monitor: Monitor, waiting: WaitingProbe | None = None) -> Accepted:
    """Read the file back: its streams, every packet's time, all key frames, the last frames and all audio decoded.

    ``waiting``: a child that has started already.

    Raises:
        ClipIncomplete: it is not what was expected; the message says in one sentence why.
    """
    media, timeline = _read_back(path, "video", monitor, waiting)
    video, axis = media.main_video, timeline.video
    if video is None or axis is None or axis.units == 0:
        raise ClipIncomplete("The clip has no video")
    if expected.frames is not None and axis.units != expected.frames:
        raise ClipIncomplete(f"The clip has {axis.units} frames instead of {expected.frames}")
    frame = max(axis.largest_gap_seconds, 1 / float(video.frame_rate or 25))
    length = _span(axis)
    if abs(length - expected.seconds) > _SPARE_FRAMES * frame + 0.02:
        raise ClipIncomplete(f"The clip is {length:.2f} s long instead of {expected.seconds:.2f} s")
    if (axis.first_seconds or 0.0) > START_TOLERANCE_SECONDS + frame:
        raise ClipIncomplete("The video of the clip starts late")
    if expected.sound is not None:
        start, end = expected.sound
        _require_sound(timeline.audio, start, min(end, length), to_the_end=expected.to_the_end)
    return Accepted(media, video, axis.units)


def accept_audio(
    path: Path, sound: tuple[float, float] | None, monitor: Monitor, waiting: WaitingProbe | None = None
) -> MediaInfo:
    """Read back a file of which only the audio matters: every packet's time, and all audio decoded.

    ``sound`` is from when to when there must be audio, in seconds.

    Raises:
        ClipIncomplete: it is not what was expected; the message says in one sentence why.
    """
    media, timeline = _read_back(path, "audio", monitor, waiting)
    start, end = sound or (0.0, 0.0)
    _require_sound(timeline.audio, start, end, to_the_end=True)
    return media


def _read_back(path: Path, need: Need, monitor: Monitor, waiting: WaitingProbe | None) -> tuple[MediaInfo, Timeline]:
    # The disk works while the processor decodes; without this, all of it would be written after the check.
    in_background(lambda: _sync(path), "sync")
    reading = in_background(lambda: examine(path, need=need, check=True, waiting=waiting), "check")
    try:
        media, timeline = result_of(reading, monitor.check)
    except MediaInvalid as error:
        raise ClipIncomplete(f"The file cannot be read: {error.message}") from None
    if timeline.errors:
        raise ClipIncomplete("The file cannot be decoded to its end")
    return media, timeline


def _sync(path: Path) -> None:
    """Write the file to the disk. Who stores the file syncs it again, and reports what fails: nothing is told here."""
    with suppress(OSError):
        # It comes from a process that read untrusted input: a pipe must not block, a link not lead elsewhere.
        file = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK)
        try:
            os.fsync(file)
        finally:
            os.close(file)


def _require_sound(tracks: tuple[StreamTimeline, ...], first: float, last: float, *, to_the_end: bool) -> None:
    if not tracks or tracks[0].units == 0:
        raise ClipIncomplete("The file has lost its audio")
    start, end = tracks[0].first_seconds or 0.0, tracks[0].end_seconds or 0.0
    tolerance = SOUND_TOLERANCE_AT_END_SECONDS if to_the_end else SOUND_TOLERANCE_SECONDS
    if start > first + SOUND_TOLERANCE_SECONDS or end < last - tolerance:
        raise ClipIncomplete(f"The audio lasts from {start:.2f} to {end:.2f} s of {last:.2f} s")


def _span(axis: StreamTimeline) -> float:
    return (axis.end_seconds or 0.0) - (axis.first_seconds or 0.0)
