"""Which formats a preview is made of, and which times its frames have."""

from __future__ import annotations

from fractions import Fraction

import pytest

from src.errors import FormatNotAvailable
from src.models.media import FrameIndex
from src.models.source import SourceFormat
from src.services.clips.previews import Frames, choose_preview, frames_from
from src.services.youtube.selection import Preferences


def picture(height: int, fps: float, codec: str = "avc1", rate: int = 1000, protocol: str = "https") -> SourceFormat:
    name = f"{height}p{fps:g} {codec} {protocol}"
    return SourceFormat(
        name, "mp4", protocol, codec, None, height, height, height, fps, bit_rate=rate * height, language_preference=0
    )


def sound(codec: str, rate: int, language: int = -1) -> SourceFormat:
    return SourceFormat(f"{codec} {rate}", "mp4", "https", None, codec, bit_rate=rate, language_preference=language)


SITE = [
    *(picture(height, 30) for height in (144, 240, 360, 480)),
    *(picture(height, 60) for height in (720, 1080)),
    sound("opus", 48_000),
    sound("mp4a", 128_000),
    sound("mp4a", 48_000),
]


def chosen(
    formats: list[SourceFormat], resolution: str = "1080p", most_bytes: int = 10**8
) -> tuple[str, str | None, int]:
    preferences = Preferences("mp4", resolution)
    selection, per_step = choose_preview(formats, preferences, seconds=30, most_bytes=most_bytes)
    return selection.video.id, selection.audio.id if selection.audio else None, per_step


def test_the_smallest_format_with_the_frame_rate_of_the_clip() -> None:
    assert chosen(SITE) == ("720p60 avc1 https", "mp4a 48000", 1)
    assert chosen(SITE, "480p") == ("144p30 avc1 https", "mp4a 48000", 1)
    assert chosen([picture(144, 30, "av01"), *SITE], "480p")[0] == "144p30 avc1 https"
    assert chosen([picture(144, 30, protocol="m3u8"), *SITE[1:]], "480p")[0] == "240p30 avc1 https"
    assert chosen([picture(144, 29.97), picture(480, 30)])[::2] == ("144p29.97 avc1 https", 1)


def test_above_the_limit_a_preview_has_fewer_frames_a_second() -> None:
    assert chosen(SITE, most_bytes=2_000_000) == ("144p30 avc1 https", "mp4a 48000", 2)
    assert chosen([picture(144, 15), *SITE[1:]], most_bytes=2_000_000)[::2] == ("240p30 avc1 https", 2)
    assert chosen(SITE, most_bytes=1)[0] == "720p60 avc1 https", "nothing fits: the same frames matter most"


def test_the_sound_has_the_language_of_the_clip() -> None:
    dubbed = [picture(144, 30), sound("mp4a", 48_000), sound("mp4a", 128_000, language=10)]
    assert chosen(dubbed)[1] == "mp4a 128000"
    assert chosen([picture(144, 30)])[1] is None


def test_what_no_browser_plays_has_no_preview() -> None:
    with pytest.raises(FormatNotAvailable):
        chosen([picture(144, 30, "hevc"), sound("mp4a", 1)])


def test_times_of_frames_are_whole_numbers_in_the_time_of_the_video() -> None:
    index = FrameIndex(Fraction(1, 12800), (1024, 0, 512), (0,))
    frames = frames_from(Fraction(721, 90), index)
    assert frames == Frames((922880, 927488, 932096), Fraction(1, 115200))
    assert frames.times[0] * frames.time_base == Fraction(721, 90)
