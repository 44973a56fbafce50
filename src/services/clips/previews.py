"""Makes previews: small copies of a part of a video, in which a user chooses a moment frame by frame.

The frames of a preview must be those of the clip that is cut later. On the site, small formats often have half the
frame rate; so the smallest format with the frame rate of the clip is used, as long as its size is allowed.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

from src.config import Settings
from src.errors import FormatNotAvailable
from src.models.media import FrameIndex
from src.models.params import PreviewParams
from src.models.progress import Monitor, Phase, Progress
from src.models.source import SourceFormat
from src.services.cutting.cutter import CutterFactory
from src.services.cutting.engine.model import CutOrder
from src.services.cutting.sources import ChosenFormats
from src.services.egress.proxy import EgressProxy
from src.services.ffmpeg_utils_service import FFmpeg
from src.services.media.probe import index_frames
from src.services.youtube.formats import resolution_name, unaltered
from src.services.youtube.ranges import available_range, read_range, require_recorded
from src.services.youtube.selection import Encoding, Preferences, Selection, choose
from src.services.youtube_service import YouTubeService

# What browsers play in an MP4, the most widely supported first.
_VIDEO_ORDER = ("avc1", "av01", "vp9")
_AUDIO_ORDER = ("mp4a", "opus")
_SAME_RATE = 1.5  # frames per second; the site rounds rates to whole numbers
_USUAL_BIT_RATE = 3_000_000  # where the site reports none


@dataclass(frozen=True, slots=True)
class Frames:
    """The presentation times of all frames, in the video's own time, as multiples of ``time_base`` (seconds)."""

    times: tuple[int, ...]
    time_base: Fraction


@dataclass(frozen=True, slots=True)
class Preview:
    """A finished preview. ``start`` and ``end`` in seconds of the video; the file begins at ``start``.

    ``frames_per_step``: how many frames of the later clip one frame of the preview stands for.
    """

    path: Path
    start: Fraction
    end: Fraction
    frames: Frames
    fps: float | None
    frames_per_step: int
    title: str


class PreviewService:
    """Makes previews with the clip engine, without a second method: whoever waits for one does not wait for long."""

    def __init__(self, settings: Settings, youtube: YouTubeService, ffmpeg: FFmpeg, egress: EgressProxy) -> None:
        self._youtube, self._most_bytes = youtube, settings.preview_max_mb * 1_000_000
        self._default_format, self._default_resolution = (
            settings.default_video_format,
            settings.default_video_resolution,
        )
        self._cutters = CutterFactory(settings, ffmpeg, egress)

    def make(self, params: PreviewParams, folder: Path, monitor: Monitor) -> Preview:
        """Produce ``preview.mp4``, from the key frame at or before the start of the range.

        Raises:
            SourceError: the site or the network did not give it, or it has no format for a preview.
            ClipRangeInvalid: the range holds no frame. ClipIncomplete: it did not pass its verification.
            DiskFull, and what ``monitor`` raises.
        """
        monitor.report(Progress(Phase.INITIALIZING))
        wanted = read_range(params.start_time, params.end_time)
        with self._cutters.start() as cutter:
            video = self._youtube.extract(params.youtube_video_id, monitor)
            require_recorded(video.info)
            seconds = float(wanted.end - wanted.start)
            preferences = Preferences(
                params.format_preference or self._default_format,
                params.resolution_preference or self._default_resolution,
            )
            selection, per_step = choose_preview(
                video.info.formats, preferences, seconds=seconds, most_bytes=self._most_bytes
            )
            chosen = ChosenFormats.of(self._youtube, video, selection)
            order = CutOrder(
                source=chosen.source(),
                ranges=(available_range(wanted, video.info.duration_seconds),),
                outputs=(folder / "preview.mp4",),
                work_dir=folder,
                network=cutter.network,
                mode="keyframe",
                from_key_frame=True,
            )
            (cut,) = cutter.clips(order, chosen, monitor)
        start, end = cut.report.actual.start, cut.report.actual.end
        frames = frames_from(start, index_frames(cut.path))
        return Preview(cut.path, start, end, frames, selection.video.fps, per_step, video.info.title)


def frames_from(start: Fraction, index: FrameIndex) -> Frames:
    """Return the times of the frames of a file whose first frame is shown at ``start`` of its source."""
    ticks = sorted(index.ticks)
    base = Fraction(1, math.lcm(start.denominator, index.time_base.denominator))
    step, first = index.time_base / base, start / base
    return Frames(tuple(int(first + (tick - ticks[0]) * step) for tick in ticks), base)


def choose_preview(
    formats: Sequence[SourceFormat], preferences: Preferences, *, seconds: float, most_bytes: int
) -> tuple[Selection, int]:
    """Choose the formats of a preview: the smallest with the frame rate of the clip, and the smallest audio.

    Also returns how many frames of the clip one frame of the preview stands for: 1, unless the frame rate of the clip
    would need more than ``most_bytes`` for ``seconds``.

    Raises:
        FormatNotAvailable: no format can be shown in a browser without encoding.
    """
    playable = [entry for entry in unaltered(formats) if entry.video_codec in _VIDEO_ORDER and not entry.hdr]
    if not playable:
        raise FormatNotAvailable("The video has no format for a preview", container="mp4")
    rate = _rate_of_clip(formats, preferences)
    allowed = [entry for entry in playable if (entry.bit_rate or _USUAL_BIT_RATE) / 8 * seconds <= most_bytes]
    nearest = min(_distance(entry, rate) for entry in allowed or playable)
    same = [entry for entry in allowed or playable if _distance(entry, rate) < nearest + _SAME_RATE]
    video = min(same, key=_smallest(_VIDEO_ORDER, lambda entry: entry.video_codec))
    sounds = [entry for entry in formats if entry.video_codec is None and entry.audio_codec in _AUDIO_ORDER]
    best = max((entry.language_preference for entry in sounds), default=0)
    sounds = [entry for entry in sounds if entry.language_preference == best and not entry.altered]
    audio = None
    if video.audio_codec is None:
        audio = min(sounds, key=_smallest(_AUDIO_ORDER, lambda entry: entry.audio_codec), default=None)
    obtained = resolution_name(video.resolution or 0)
    per_step = max(1, round(rate / video.fps)) if rate and video.fps else 1
    return Selection(video, audio, "mp4", Encoding.NONE, obtained, obtained), per_step


def _distance(entry: SourceFormat, rate: float | None) -> float:
    return 0.0 if rate is None or entry.fps is None else abs(entry.fps - rate)


def _rate_of_clip(formats: Sequence[SourceFormat], preferences: Preferences) -> float | None:
    try:
        return choose(formats, preferences).video.fps
    except FormatNotAvailable:
        return None


def _smallest(
    order: Sequence[str], codec: Callable[[SourceFormat], str | None]
) -> Callable[[SourceFormat], tuple[float, ...]]:
    """Return a key for ``min``: whole files before playlists, then the size of the picture, the codec, the bytes."""

    def rank(entry: SourceFormat) -> tuple[float, ...]:
        return (entry.segmented, entry.resolution or 0, order.index(codec(entry) or ""), entry.bit_rate or 0)

    return rank
