"""Which formats a wish leads to."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from src.errors import FormatNotAvailable, RequestInvalid
from src.models.source import SourceFormat
from src.services.youtube.selection import Encoding, Preferences, choose

SIZES = {
    144: (256, 144), 240: (426, 240), 360: (640, 360), 480: (854, 480), 720: (1280, 720), 1080: (1920, 1080),
    1440: (2560, 1440), 2160: (3840, 2160), 4320: (7680, 4320),
}  # fmt: skip
CONTAINERS = {"avc1": "mp4", "hevc": "mp4", "av01": "mp4", "vp9": "webm", "vp8": "webm"}


def picture(codec: str, resolution: int, **more: Any) -> SourceFormat:
    width, height = SIZES[resolution]
    entry = SourceFormat(
        id=f"{codec}-{resolution}",
        container=CONTAINERS[codec],
        protocol="https",
        video_codec=codec,
        width=width,
        height=height,
        resolution=resolution,
        fps=25,
    )
    return replace(entry, **more)


def sound(codec: str, **more: Any) -> SourceFormat:
    container = "webm" if codec in ("opus", "vorbis") else "mp4"
    entry = SourceFormat(id=codec, container=container, protocol="https", audio_codec=codec, bit_rate=128_000)
    return replace(entry, **more)


SOUNDS = [sound("mp4a"), sound("opus")]
BOTH = picture("avc1", 360, id="18", audio_codec="mp4a")
LADDER = [
    *SOUNDS,
    BOTH,
    *(picture("avc1", name) for name in (144, 240, 360, 480, 720, 1080)),
    *(picture(codec, name) for name in SIZES if name <= 2160 for codec in ("vp9", "av01")),
]
NONE, H265 = Encoding.NONE, Encoding.LOSSLESS_H265


@pytest.mark.parametrize(
    ("wish", "video", "audio", "container", "encoding", "obtained"),
    [
        (Preferences("mp4", "1080p"), "avc1-1080", "mp4a", "mp4", NONE, "1080p"),
        (Preferences("mp4", "144p"), "avc1-144", "mp4a", "mp4", NONE, "144p"),
        (Preferences("mp4", "360p"), "avc1-360", "mp4a", "mp4", NONE, "360p"),
        (Preferences("mp4", "1440p"), "vp9-1440", "opus", "mp4", H265, "1440p"),
        (Preferences("mp4", "2160p"), "vp9-2160", "opus", "mp4", H265, "2160p"),
        (Preferences("mp4", "4320p"), "vp9-2160", "opus", "mp4", H265, "2160p"),
        (Preferences("mp4", "best"), "vp9-2160", "opus", "mp4", H265, "2160p"),
        (Preferences("mp4", "2160p", high_resolution_mp4="remux"), "av01-2160", "mp4a", "mp4", NONE, "2160p"),
        (Preferences("mp4", "2160p", "h265", "remux"), "vp9-2160", "opus", "mp4", H265, "2160p"),
        (Preferences("mp4", "720p", "h265"), "vp9-720", "opus", "mp4", H265, "720p"),
        (Preferences("webm", "1080p"), "vp9-1080", "opus", "webm", NONE, "1080p"),
        (Preferences("webm", "2160p"), "vp9-2160", "opus", "webm", NONE, "2160p"),
        (Preferences("webm", "best"), "vp9-2160", "opus", "webm", NONE, "2160p"),
        (Preferences("webm", "1080p", "h265"), "vp9-1080", "opus", "webm", NONE, "1080p"),
        (Preferences("best", "best"), "vp9-2160", "opus", "webm", NONE, "2160p"),
        (Preferences("best", "480p"), "vp9-480", "opus", "webm", NONE, "480p"),
        (Preferences("mp4", "900p"), "avc1-720", "mp4a", "mp4", NONE, "720p"),
    ],
)
def test_the_ladder(
    wish: Preferences, video: str, audio: str, container: str, encoding: Encoding, obtained: str
) -> None:
    chosen = choose(LADDER, wish)
    assert (chosen.video.id, chosen.audio and chosen.audio.id) == (video, audio)
    assert (chosen.container, chosen.encoding, chosen.obtained) == (container, encoding, obtained)
    assert chosen.wanted == wish.resolution


def test_a_clip_that_will_be_encoded_is_cut_as_webm_first() -> None:
    chosen = choose(LADDER, Preferences("mp4", "1440p"))
    assert (chosen.cut_container, chosen.container) == ("webm", "mp4")


@pytest.mark.parametrize(
    ("formats", "wish", "video", "audio", "container"),
    [
        # Nothing lower exists: the lowest.
        ([*SOUNDS, picture("avc1", 720)], Preferences("mp4", "360p"), "avc1-720", "mp4a", "mp4"),
        # No H.264 at this resolution: AV1, then VP9, in an MP4.
        ([*SOUNDS, picture("av01", 1080), picture("vp9", 1080)], Preferences("mp4"), "av01-1080", "mp4a", "mp4"),
        ([*SOUNDS, picture("vp9", 1080), picture("avc1", 720)], Preferences("mp4"), "vp9-1080", "mp4a", "mp4"),
        ([sound("opus"), picture("avc1", 720)], Preferences("mp4"), "avc1-720", "opus", "mp4"),
        # A fresh upload has no VP9 yet at the high resolutions.
        ([*SOUNDS, picture("avc1", 1080), picture("vp9", 480)], Preferences("webm"), "vp9-480", "opus", "webm"),
        ([*SOUNDS, picture("avc1", 1080), picture("vp9", 480)], Preferences("best"), "avc1-1080", "mp4a", "mp4"),
        ([*SOUNDS, picture("av01", 1080)], Preferences("webm"), "av01-1080", "opus", "webm"),
        # Sound that fits no WebM.
        ([sound("mp4a"), picture("vp9", 1080)], Preferences("best"), "vp9-1080", "mp4a", "mp4"),
        # High dynamic range only where there is nothing else.
        (
            [*SOUNDS, picture("vp9", 1080, id="hdr", hdr=True), picture("av01", 1080)],
            Preferences("best"),
            "av01-1080",
            "opus",
            "webm",
        ),
        (
            [*SOUNDS, picture("vp9", 1080, hdr=True), picture("vp9", 480)],
            Preferences("webm"),
            "vp9-1080",
            "opus",
            "webm",
        ),
        # A playlist of segments, an upscaled picture and one file for both only where there is nothing else.
        (
            [*SOUNDS, picture("avc1", 1080, id="hls", protocol="hls"), picture("avc1", 1080)],
            Preferences("mp4"),
            "avc1-1080",
            "mp4a",
            "mp4",
        ),
        ([*SOUNDS, picture("avc1", 1080, protocol="hls")], Preferences("mp4"), "avc1-1080", "mp4a", "mp4"),
        (
            [*SOUNDS, picture("avc1", 1080, altered=True), picture("avc1", 480)],
            Preferences("mp4"),
            "avc1-480",
            "mp4a",
            "mp4",
        ),
        ([*SOUNDS, BOTH], Preferences("mp4"), "18", None, "mp4"),
        ([BOTH, picture("avc1", 360)], Preferences("mp4", "360p"), "18", None, "mp4"),
        # A film without sound stays without sound.
        ([picture("avc1", 360)], Preferences("mp4", "360p"), "avc1-360", None, "mp4"),
        # The better of two.
        (
            [*SOUNDS, picture("avc1", 1080), picture("avc1", 1080, id="60", fps=50)],
            Preferences("mp4"),
            "60",
            "mp4a",
            "mp4",
        ),
        (
            [*SOUNDS, picture("vp9", 1080, bit_rate=3), picture("vp9", 1080, id="premium", preference=99)],
            Preferences("webm"),
            "premium",
            "opus",
            "webm",
        ),
    ],
)
def test_other_supplies(
    formats: list[SourceFormat], wish: Preferences, video: str, audio: str | None, container: str
) -> None:
    chosen = choose(formats, wish)
    assert (chosen.video.id, chosen.audio.id if chosen.audio else None) == (video, audio)
    assert (chosen.container, chosen.encoding) == (container, NONE)


def test_h265_that_is_there_is_not_made_again() -> None:
    formats = [*SOUNDS, picture("hevc", 1440), picture("avc1", 1440), picture("vp9", 1440)]
    for wish, video in (
        (Preferences("mp4", "1440p"), "avc1-1440"),
        (Preferences("mp4", "1440p", "h265"), "hevc-1440"),
    ):
        chosen = choose(formats, wish)
        assert (chosen.video.id, chosen.encoding) == (video, NONE)


@pytest.mark.parametrize(
    ("sounds", "audio"),
    [
        (
            [
                sound("mp4a", id="dub", language="de", bit_rate=256_000),
                sound("mp4a", id="original", language="en", language_preference=10),
            ],
            "original",
        ),
        ([sound("mp4a", id="drc", altered=True, bit_rate=256_000), sound("mp4a", id="plain")], "plain"),
        ([sound("mp4a", id="low", bit_rate=48_000), sound("mp4a", id="high")], "high"),
        (
            [sound("opus", id="original", language_preference=10), sound("mp4a", id="dub")],
            "original",
        ),
    ],
)
def test_the_sound_is_the_original_one_and_the_best_of_it(sounds: list[SourceFormat], audio: str) -> None:
    chosen = choose([*sounds, picture("avc1", 1080)], Preferences("mp4"))
    assert chosen.audio is not None
    assert chosen.audio.id == audio


@pytest.mark.parametrize(
    ("formats", "wish"),
    [
        ([], Preferences("mp4")),
        (SOUNDS, Preferences("mp4")),
        ([*SOUNDS, picture("avc1", 1080)], Preferences("webm")),
        ([sound("mp4a"), picture("vp9", 1080)], Preferences("webm")),
    ],
)
def test_what_does_not_exist_is_told(formats: list[SourceFormat], wish: Preferences) -> None:
    with pytest.raises(FormatNotAvailable):
        choose(formats, wish)


@pytest.mark.parametrize("text", ["", "1080", "p", "-1p", "1080P", "10800p", "٣٦٠p", "worst"])
def test_a_resolution_is_written_in_one_way(text: str) -> None:
    with pytest.raises(RequestInvalid):
        choose(LADDER, Preferences("mp4", text))
