"""The files behind the formats: films of 20 s in every resolution and codec that the site offers, made once."""

from __future__ import annotations

import functools
from dataclasses import dataclass
from fractions import Fraction

from tests.tools.media_kit import Film, cached_film
from tests.tools.offline_youtube.situations import Formats

SECONDS = 20
GROUP_SECONDS = 4
"""Distance of two key frames; the site's own is about 5 s."""

_WIDTHS = {144: 256, 240: 426, 360: 640, 480: 854, 720: 1280, 1080: 1920, 1440: 2560, 2160: 3840}
_QUALITIES = {
    144: "tiny",
    240: "small",
    360: "medium",
    480: "large",
    720: "hd720",
    1080: "hd1080",
    1440: "hd1440",
    2160: "hd2160",
}
_AVC_ITAGS = {144: 160, 240: 133, 360: 134, 480: 135, 720: 136, 1080: 137}
_VP9_ITAGS = {144: 278, 240: 242, 360: 243, 480: 244, 720: 247, 1080: 248, 1440: 271, 2160: 313}
_AV1_ITAGS = {144: 394, 240: 395, 360: 396, 480: 397, 720: 398, 1080: 399, 1440: 400, 2160: 401}
_AVC_LEVELS = {144: "0c", 240: "15", 360: "1e", 480: "1e", 720: "1f", 1080: "28"}
_AV1_LEVELS = {144: "00", 240: "00", 360: "01", 480: "04", 720: "05", 1080: "08", 1440: "12", 2160: "12"}


@dataclass(frozen=True)
class Rung:
    """One format: its number on the site, the film in it and how the player interface describes it."""

    itag: int
    film: Film
    suffix: str
    mime: str
    quality: str
    audio_quality: str | None = None

    @functools.cached_property
    def data(self) -> bytes:
        """The whole file (1 MB at most)."""
        return cached_film(self.film, self.suffix).read_bytes()

    def describe(self) -> dict[str, object]:
        """The format as the player interface tells it, without its address."""
        told: dict[str, object] = {
            "itag": self.itag,
            "mimeType": self.mime,
            "bitrate": len(self.data) * 8 // SECONDS,
            "quality": self.quality,
            "contentLength": str(len(self.data)),
            "approxDurationMs": str(SECONDS * 1000),
        }
        if self.film.codec:
            width, height = self.film.size
            fps = round(self.film.fps)
            told |= {"width": width, "height": height, "fps": fps}
            told["qualityLabel"] = f"{height}p{fps if fps > 30 else ''}"
        if self.film.audio:
            told |= {"audioQuality": self.audio_quality, "audioSampleRate": str(self.film.audio_rate)}
            told["audioChannels"] = self.film.audio_channels
        return told


def _avc(height: int, fps: Fraction = Fraction(25), start: Fraction = Fraction(0), *, vfr: bool = False) -> Rung:
    film = Film(
        codec="h264",
        size=(_WIDTHS[height], height),
        fps=fps,
        vfr=vfr,
        seconds=Fraction(SECONDS),
        gop_frames=round(GROUP_SECONDS * fps),
        bframes=2,
        crf=36,
        audio=None,
        start_seconds=start,
        fragmented="dash",
    )
    mime = f'video/mp4; codecs="avc1.6400{_AVC_LEVELS[height]}"'
    return Rung(_AVC_ITAGS[height], film, ".mp4", mime, _QUALITIES[height])


def _vp9(height: int, fps: Fraction = Fraction(25)) -> Rung:
    small = height <= 480  # hidden frames cost four times the time
    film = Film(
        codec="vp9",
        size=(_WIDTHS[height], height),
        fps=fps,
        seconds=Fraction(SECONDS),
        gop_frames=round(GROUP_SECONDS * fps),
        bframes=1 if small else 0,
        crf=50 if small else 63,
        audio=None,
        extra=() if small else ("-cpu-used", "8"),
    )
    return Rung(_VP9_ITAGS[height], film, ".webm", 'video/webm; codecs="vp9"', _QUALITIES[height])


def _av1(height: int) -> Rung:
    film = Film(
        codec="av1",
        size=(_WIDTHS[height], height),
        seconds=Fraction(SECONDS),
        gop_frames=GROUP_SECONDS * 25,
        bframes=1 if height < 2160 else 0,  # half the time
        audio=None,
        fragmented="dash",
    )
    mime = f'video/mp4; codecs="av01.0.{_AV1_LEVELS[height]}M.08"'
    return Rung(_AV1_ITAGS[height], film, ".mp4", mime, _QUALITIES[height])


def _aac(itag: int, bitrate: str, quality: str) -> Rung:
    film = Film(
        codec=None,
        audio="aac",
        audio_rate=44100,
        audio_bitrate=bitrate,
        seconds=Fraction(SECONDS),
        fragmented="dash",
    )
    return Rung(itag, film, ".m4a", 'audio/mp4; codecs="mp4a.40.2"', "tiny", quality)


def _opus(itag: int, bitrate: str, quality: str) -> Rung:
    film = Film(codec=None, audio="opus", audio_bitrate=bitrate, seconds=Fraction(SECONDS))
    return Rung(itag, film, ".webm", 'audio/webm; codecs="opus"', "tiny", quality)


_SOUND = (
    _aac(139, "48k", "AUDIO_QUALITY_LOW"),
    _aac(140, "128k", "AUDIO_QUALITY_MEDIUM"),
    _opus(249, "48k", "AUDIO_QUALITY_LOW"),
    _opus(251, "128k", "AUDIO_QUALITY_MEDIUM"),
)
_PICTURES = (*map(_avc, _AVC_ITAGS), *map(_vp9, _VP9_ITAGS), *map(_av1, _AV1_ITAGS))
_PROGRESSIVE = Rung(
    18,
    Film(seconds=Fraction(SECONDS), gop_frames=GROUP_SECONDS * 25, bframes=2, audio_rate=44100, faststart=True),
    ".mp4",
    'video/mp4; codecs="avc1.64001E, mp4a.40.2"',
    "medium",
    "AUDIO_QUALITY_LOW",
)
_NTSC = Fraction(30000, 1001)

RUNGS: dict[Formats, tuple[Rung, ...]] = {
    "ladder": (*_PICTURES, *_SOUND),
    "withheld": (*_PICTURES[:3], *_SOUND[:2]),
    "no_audio": _PICTURES,
    "fps_30000_1001": (_avc(240, _NTSC), _vp9(240, _NTSC), *_SOUND),
    "fps_60": (_avc(240, Fraction(60)), _vp9(240, Fraction(60)), *_SOUND),
    "variable": (*(_avc(h, vfr=True) for h in (144, 240)), *_SOUND),
    # As on the site, where only the larger formats have the full frame rate.
    "mixed_rates": (
        _avc(144, Fraction(15)),
        _avc(240, Fraction(30)),
        *(_avc(h, Fraction(60)) for h in (360, 480)),
        *_SOUND,
    ),
    "late_low": (_avc(144, start=Fraction(1, 90)), _avc(480), *_SOUND),
    "progressive": (_PROGRESSIVE,),
    "hls": (),
    "live": (),
    "numbered": (),
    "none": (),
}
"""The formats with an address of their own, for each kind of film."""


def ladder_rung(itag: int) -> Rung:
    """A format of the ladder by its number."""
    return next(found for found in RUNGS["ladder"] if found.itag == itag)
