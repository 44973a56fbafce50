"""Chooses the formats of a clip and how they become the requested file. Pure decisions."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Literal

from src.errors import FormatNotAvailable, RequestInvalid
from src.models.params import Container
from src.models.source import SourceFormat
from src.services.youtube.formats import resolution_name, unaltered

ClipContainer = Literal["mp4", "webm"]

# From here on YouTube's own MP4 formats are AV1 only, and the specification asks for lossless H.265 instead.
HIGH_RESOLUTION = 1440
# Best first. For MP4: the most widely supported codec. For WebM and "best": the best quality per bit.
_VIDEO_ORDER: dict[Container, tuple[str, ...]] = {
    "mp4": ("avc1", "hevc", "av01", "vp9"),
    "webm": ("vp9", "av01", "vp8"),
    "best": ("vp9", "av01", "hevc", "avc1", "vp8"),
}
_AUDIO_ORDER: dict[ClipContainer, tuple[str, ...]] = {
    "mp4": ("mp4a", "opus", "ac-3", "ec-3"),
    "webm": ("opus", "vorbis"),
}
# Codecs that an MP4 of high resolution may contain without encoding: every player of H.265 supports them.
_NO_ENCODE_NEEDED = ("hevc", "avc1")


class Encoding(StrEnum):
    """The encode that turns the cut clip into the requested file."""

    NONE = "none"
    LOSSLESS_H265 = "lossless-h265"


@dataclass(frozen=True, slots=True)
class Preferences:
    """The requested format. ``resolution`` is "best" or a name like "1080p"."""

    container: Container = "mp4"
    resolution: str = "1080p"
    compatibility: Literal["h265"] | None = None
    high_resolution_mp4: Literal["h265-lossless", "remux"] = "h265-lossless"


@dataclass(frozen=True, slots=True)
class Selection:
    """The chosen formats and the plan.

    The clip is cut into ``cut_container``; with an ``encoding``, the result is an MP4. ``audio`` is None if ``video``
    includes audio or the video has none.
    """

    video: SourceFormat
    audio: SourceFormat | None
    cut_container: ClipContainer
    encoding: Encoding
    wanted: str
    obtained: str

    @property
    def container(self) -> ClipContainer:
        """The container of the finished file."""
        return "mp4" if self.encoding is not Encoding.NONE else self.cut_container


def choose(formats: Sequence[SourceFormat], preferences: Preferences) -> Selection:
    """Choose the formats for these preferences.

    The requested resolution, otherwise the next lower one, otherwise the lowest. Formats with HDR, altered ones and
    playlists of segments are only used if that resolution has no others.

    Raises:
        FormatNotAvailable: no format matches the container.
        RequestInvalid: the resolution is not written like "1080p".
    """
    wanted = wanted_resolution(preferences.resolution)
    encoding = _encoding(formats, preferences, wanted)
    container: Container = preferences.container if encoding is Encoding.NONE else "best"
    video = _best_video(formats, _video_order(container, preferences), wanted)
    if video is None:
        raise FormatNotAvailable(
            f"The video does not exist as {preferences.container}", container=preferences.container
        )
    cut = _cut_container(container, video, formats)
    audio = None if video.audio_codec else _best_audio(formats, cut)
    if audio is None and not video.audio_codec and any(_is_audio_only(entry) for entry in formats):
        raise FormatNotAvailable(f"The audio of the video does not exist as {cut}", container=cut)
    return Selection(
        video=video,
        audio=audio,
        cut_container=cut,
        encoding=encoding,
        wanted=preferences.resolution,
        obtained=resolution_name(video.resolution or 0),
    )


def wanted_resolution(text: str) -> int | None:
    """Return the number in "1080p", or None for "best". Raises RequestInvalid for other texts."""
    if text == "best":
        return None
    number = text.removesuffix("p")
    if not (text.endswith("p") and number.isascii() and number.isdigit() and len(number) <= 4):
        raise RequestInvalid("resolution_preference must be 144p ... 4320p or best")
    return int(number)


def _encoding(formats: Sequence[SourceFormat], preferences: Preferences, wanted: int | None) -> Encoding:
    """Decide whether an MP4 is encoded: if the client requires H.265, or from 1440p on unless the operator disabled it.

    It is not encoded if the source already has a suitable codec.
    """
    if preferences.container != "mp4":
        return Encoding.NONE
    best = _best_video(formats, _VIDEO_ORDER["mp4"], wanted)
    if best is None:
        return Encoding.NONE
    insisted = preferences.compatibility == "h265"
    high = (best.resolution or 0) >= HIGH_RESOLUTION and preferences.high_resolution_mp4 == "h265-lossless"
    if not (insisted or high):
        return Encoding.NONE
    enough = ("hevc",) if insisted else _NO_ENCODE_NEEDED
    native = [entry for entry in unaltered(formats) if entry.resolution == best.resolution and not entry.hdr]
    return Encoding.NONE if any(entry.video_codec in enough for entry in native) else Encoding.LOSSLESS_H265


def _video_order(container: Container, preferences: Preferences) -> tuple[str, ...]:
    if container == "mp4" and preferences.compatibility == "h265":
        return ("hevc", *_VIDEO_ORDER["mp4"])
    return _VIDEO_ORDER[container]


def _cut_container(container: Container, video: SourceFormat, formats: Iterable[SourceFormat]) -> ClipContainer:
    if container != "best":
        return container
    audio_formats = {video.audio_codec} if video.audio_codec else {e.audio_codec for e in formats if _is_audio_only(e)}
    fits = video.video_codec in _VIDEO_ORDER["webm"] and (
        not audio_formats or audio_formats & set(_AUDIO_ORDER["webm"])
    )
    return "webm" if fits else "mp4"


def _is_audio_only(entry: SourceFormat) -> bool:
    return entry.video_codec is None and entry.audio_codec is not None


def _best_video(formats: Sequence[SourceFormat], order: Sequence[str], wanted: int | None) -> SourceFormat | None:
    candidates = unaltered(entry for entry in formats if entry.video_codec in order)
    has_audio = any(_is_audio_only(entry) for entry in formats)
    obtained = _nearest({entry.resolution or 0 for entry in candidates}, wanted)
    at_resolution = [entry for entry in candidates if entry.resolution == obtained]
    return max(at_resolution, key=_video_rank(order, has_audio), default=None)


def _nearest(available: set[int], wanted: int | None) -> int | None:
    if not available:
        return None
    if wanted is None:
        return max(available)
    return max((name for name in available if name <= wanted), default=min(available))


def _video_rank(order: Sequence[str], has_audio: bool) -> Callable[[SourceFormat], tuple[float, ...]]:
    """Return a key for ``max``: higher is better, earlier parts decide."""

    def rank(entry: SourceFormat) -> tuple[float, ...]:
        return (
            not entry.hdr,
            (entry.audio_codec is None) == has_audio,  # separate audio if available, otherwise included audio
            not entry.segmented,
            -order.index(entry.video_codec or ""),
            entry.fps or 0,
            entry.preference,
            entry.bit_rate or 0,
        )

    return rank


def _best_audio(formats: Iterable[SourceFormat], container: ClipContainer) -> SourceFormat | None:
    order = _AUDIO_ORDER[container]

    def rank(entry: SourceFormat) -> tuple[float, ...]:
        return (
            entry.language_preference,
            not entry.altered,
            not entry.segmented,
            -order.index(entry.audio_codec or ""),
            entry.preference,
            entry.bit_rate or 0,
        )

    audio_formats = [entry for entry in formats if _is_audio_only(entry) and entry.audio_codec in order]
    return max(audio_formats, key=rank, default=None)
