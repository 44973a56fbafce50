"""Whether a clip that came out of the sandbox is what was promised. Nothing is handed out that was not read back."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from src.errors import ClipIncomplete, MediaInvalid
from src.models.media import MediaInfo, StreamTimeline, VideoStream
from src.models.progress import Monitor
from src.services.media.probe import check_output, probe
from src.utils.background import in_background, result_of

# How much later than the picture the sound may begin, and how much earlier it may end; where the video ends, as well.
SOUND_TOLERANCE_SECONDS = 0.25
SOUND_TOLERANCE_AT_END_SECONDS = 3.0
START_TOLERANCE_SECONDS = 0.1
_SPARE_FRAMES = 1.5


@dataclass(frozen=True, slots=True)
class Expectation:
    """What the clip must be. ``frames`` is None when nobody counted them; ``sound`` is from when to when there must be
    some, in seconds, None: nowhere; ``to_the_end`` when the clip reaches the end of the video, where sound and picture
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


def accept(path: Path, promise: Expectation, monitor: Monitor) -> Accepted:
    """Read the file back: its streams, every packet's time, all key frames, the last pictures and all sound decoded.

    Raises:
        ClipIncomplete: it is not what was promised, in a sentence that says how.
    """
    probing = in_background(lambda: probe(path), "probe")
    checking = in_background(lambda: check_output(path), "check")
    try:
        media = result_of(probing, monitor.check)
        timeline = result_of(checking, monitor.check)
    except MediaInvalid as error:
        raise ClipIncomplete(f"The clip cannot be read: {error.message}") from None
    video, axis = media.main_video, timeline.video
    if video is None or axis is None or axis.units == 0:
        raise ClipIncomplete("The clip has no picture")
    if timeline.errors:
        raise ClipIncomplete("The clip cannot be decoded to its end")
    if promise.frames is not None and axis.units != promise.frames:
        raise ClipIncomplete(f"The clip has {axis.units} frames instead of {promise.frames}")
    frame = max(axis.largest_gap_seconds, 1 / float(video.frame_rate or 25))
    length = _span(axis)
    if abs(length - promise.seconds) > _SPARE_FRAMES * frame + 0.02:
        raise ClipIncomplete(f"The clip is {length:.2f} s long instead of {promise.seconds:.2f} s")
    if (axis.first_seconds or 0.0) > START_TOLERANCE_SECONDS + frame:
        raise ClipIncomplete("The picture of the clip starts late")
    if promise.sound is not None:
        begin, end = promise.sound
        _require_sound(timeline.audio, begin, min(end, length), to_the_end=promise.to_the_end)
    return Accepted(media, video, axis.units)


def _require_sound(tracks: tuple[StreamTimeline, ...], begin: float, stop: float, *, to_the_end: bool) -> None:
    if not tracks or tracks[0].units == 0:
        raise ClipIncomplete("The clip has lost its sound")
    start, end = tracks[0].first_seconds or 0.0, tracks[0].end_seconds or 0.0
    tolerance = SOUND_TOLERANCE_AT_END_SECONDS if to_the_end else SOUND_TOLERANCE_SECONDS
    if start > begin + SOUND_TOLERANCE_SECONDS or end < stop - tolerance:
        raise ClipIncomplete(f"The sound of the clip lasts from {start:.2f} to {end:.2f} s of {stop:.2f} s")


def _span(axis: StreamTimeline) -> float:
    return (axis.end_seconds or 0.0) - (axis.first_seconds or 0.0)
