"""Which formats a clip is made of, and how they become the file that was asked for. Pure decisions."""

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
# Best first. For MP4: what plays most widely. For WebM and "best": the best picture per bit.
_VIDEO_ORDER: dict[Container, tuple[str, ...]] = {
    "mp4": ("avc1", "hevc", "av01", "vp9"),
    "webm": ("vp9", "av01", "vp8"),
    "best": ("vp9", "av01", "hevc", "avc1", "vp8"),
}
_AUDIO_ORDER: dict[ClipContainer, tuple[str, ...]] = {
    "mp4": ("mp4a", "opus", "ac-3", "ec-3"),
    "webm": ("opus", "vorbis"),
}
# Codecs that an MP4 of high resolution may simply hold: every player that takes H.265 takes these.
_NO_ENCODE_NEEDED = ("hevc", "avc1")


class Encoding(StrEnum):
    """What is done to the cut clip before it is the file that was asked for."""

    NONE = "none"
    LOSSLESS_H265 = "lossless-h265"


@dataclass(frozen=True, slots=True)
class Preferences:
    """What was asked for. ``resolution`` is "best" or a name like "1080p"."""

    container: Container = "mp4"
    resolution: str = "1080p"
    compatibility: Literal["h265"] | None = None
    high_resolution_mp4: Literal["h265-lossless", "remux"] = "h265-lossless"


@dataclass(frozen=True, slots=True)
class Selection:
    """The chosen formats and the plan.

    The clip is cut into ``cut_container``; with an ``encoding`` the result is an MP4. ``audio`` is None when
    ``video`` brings its own sound or the video has none.
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


def choose(formats: Sequence[SourceFormat], wish: Preferences) -> Selection:
    """The formats for this wish.

    The resolution asked for, else the next lower one, else the lowest. Formats of high dynamic range, altered ones
    and playlists of segments are taken only where there is nothing else of that resolution.

    Raises:
        FormatNotAvailable: nothing fits the container.
        RequestInvalid: the resolution is not written like "1080p".
    """
    wanted = wanted_resolution(wish.resolution)
    encoding = _encoding(formats, wish, wanted)
    container: Container = wish.container if encoding is Encoding.NONE else "best"
    video = _best_video(formats, _video_order(container, wish), wanted)
    if video is None:
        raise FormatNotAvailable(f"The video does not exist as {wish.container}", container=wish.container)
    cut = _cut_container(container, video, formats)
    audio = None if video.audio_codec else _best_audio(formats, cut)
    if audio is None and not video.audio_codec and any(_only_sound(entry) for entry in formats):
        raise FormatNotAvailable(f"The sound of the video does not exist as {cut}", container=cut)
    return Selection(
        video=video,
        audio=audio,
        cut_container=cut,
        encoding=encoding,
        wanted=wish.resolution,
        obtained=resolution_name(video.resolution or 0),
    )


def wanted_resolution(text: str) -> int | None:
    """The number in "1080p", None for "best". Raises RequestInvalid for anything else."""
    if text == "best":
        return None
    number = text.removesuffix("p")
    if not (text.endswith("p") and number.isascii() and number.isdigit() and len(number) <= 4):
        raise RequestInvalid("resolution_preference must be 144p ... 4320p or best")
    return int(number)


def _encoding(formats: Sequence[SourceFormat], wish: Preferences, wanted: int | None) -> Encoding:
    """An MP4 is encoded when the client insists on H.265, or from 1440p on unless the owner of the service says no.

    Not when the source already is what the encoding would be for.
    """
    if wish.container != "mp4":
        return Encoding.NONE
    best = _best_video(formats, _VIDEO_ORDER["mp4"], wanted)
    if best is None:
        return Encoding.NONE
    insisted = wish.compatibility == "h265"
    high = (best.resolution or 0) >= HIGH_RESOLUTION and wish.high_resolution_mp4 == "h265-lossless"
    if not (insisted or high):
        return Encoding.NONE
    enough = ("hevc",) if insisted else _NO_ENCODE_NEEDED
    native = [entry for entry in unaltered(formats) if entry.resolution == best.resolution and not entry.hdr]
    return Encoding.NONE if any(entry.video_codec in enough for entry in native) else Encoding.LOSSLESS_H265


def _video_order(container: Container, wish: Preferences) -> tuple[str, ...]:
    if container == "mp4" and wish.compatibility == "h265":
        return ("hevc", *_VIDEO_ORDER["mp4"])
    return _VIDEO_ORDER[container]


def _cut_container(container: Container, video: SourceFormat, formats: Iterable[SourceFormat]) -> ClipContainer:
    if container != "best":
        return container
    sounds = {video.audio_codec} if video.audio_codec else {e.audio_codec for e in formats if _only_sound(e)}
    fits = video.video_codec in _VIDEO_ORDER["webm"] and (not sounds or sounds & set(_AUDIO_ORDER["webm"]))
    return "webm" if fits else "mp4"


def _only_sound(entry: SourceFormat) -> bool:
    return entry.video_codec is None and entry.audio_codec is not None


def _best_video(formats: Sequence[SourceFormat], order: Sequence[str], wanted: int | None) -> SourceFormat | None:
    candidates = unaltered(entry for entry in formats if entry.video_codec in order)
    has_audio = any(_only_sound(entry) for entry in formats)
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
    """Higher is better; earlier parts decide."""

    def rank(entry: SourceFormat) -> tuple[float, ...]:
        return (
            not entry.hdr,
            (entry.audio_codec is None) == has_audio,  # sound apart where there is any, otherwise sound included
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

    sounds = [entry for entry in formats if _only_sound(entry) and entry.audio_codec in order]
    return max(sounds, key=rank, default=None)
