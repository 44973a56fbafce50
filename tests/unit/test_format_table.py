"""What yt-dlp says of formats, as our records and as the table of choices."""

from __future__ import annotations

from datetime import UTC, date, datetime
from typing import Any

import pytest

from src.models.source import LiveStatus
from src.services.youtube.formats import format_table, read_format, read_info, resolution_of

URL = "https://www.youtube.com/watch?v=dQw4w9WgXcQ"


def raw(format_id: str = "137", **more: Any) -> dict[str, Any]:
    return {
        "format_id": format_id,
        "url": "https://rr1.googlevideo.com/videoplayback",
        "protocol": "https",
        "ext": "mp4",
        "vcodec": "avc1.640028",
        "acodec": "none",
        "width": 1920,
        "height": 1080,
        "fps": 25,
        "tbr": 4123.4,
        "format_note": "1080p",
        "dynamic_range": "SDR",
        "source_preference": -1,
        "language_preference": -1,
        **more,
    }


def webm(height: int, **more: Any) -> dict[str, Any]:
    width = {144: 256, 480: 854, 720: 1280, 1080: 1920, 1440: 2560}[height]
    return raw(f"vp9-{height}", ext="webm", vcodec="vp9", width=width, height=height, format_note=f"{height}p", **more)


@pytest.mark.parametrize(
    ("size", "name"),
    [
        ((256, 144), 144),
        ((426, 240), 240),
        ((640, 360), 360),
        ((854, 480), 480),
        ((1280, 720), 720),
        ((1920, 1080), 1080),
        ((2560, 1440), 1440),
        ((3840, 2160), 2160),
        ((7680, 4320), 4320),
        ((1080, 1920), 1080),
        ((360, 640), 360),
        ((1080, 1080), 1080),
        ((1440, 1080), 1080),
        ((1920, 804), 1080),
        ((640, 272), 360),
        ((16000, 9000), 4320),
        ((None, None), None),
        ((0, 0), None),
    ],
)
def test_a_resolution_is_named_as_the_site_names_it(size: tuple[int | None, int | None], name: int | None) -> None:
    assert resolution_of(*size) == name


def test_a_format_is_read() -> None:
    entry = read_format(raw(filesize=123456))
    assert entry is not None
    assert (entry.id, entry.container, entry.protocol) == ("137", "mp4", "https")
    assert (entry.video_codec, entry.audio_codec) == ("avc1", None)
    assert (entry.width, entry.height, entry.resolution, entry.fps) == (1920, 1080, 1080, 25)
    assert (entry.bit_rate, entry.size_bytes) == (4_123_400, 123_456)
    assert (entry.hdr, entry.altered, entry.segmented) == (False, False, False)


@pytest.mark.parametrize(
    ("codec", "family"),
    [
        ("avc1.42001E", "avc1"),
        ("vp9", "vp9"),
        ("vp09.00.51.08", "vp9"),
        ("vp9.2", "vp9"),
        ("av01.0.12M.08", "av01"),
        ("hev1.1.6.L120", "hevc"),
        ("vp8", "vp8"),
    ],
)
def test_codecs_are_families(codec: str, family: str) -> None:
    entry = read_format(raw(vcodec=codec))
    assert entry is not None
    assert entry.video_codec == family


def test_the_label_of_the_site_goes_before_the_size() -> None:
    entry = read_format(raw(width=1920, height=804, format_note="1080p60, HDR", dynamic_range="HDR10"))
    assert entry is not None
    assert (entry.resolution, entry.hdr) == (1080, True)


def test_sound_is_read() -> None:
    entry = read_format(
        raw("140", ext="m4a", vcodec="none", acodec="mp4a.40.2", width=None, height=None, fps=None,
            format_note="English original, medium, DRC", language="en", language_preference=10)
    )  # fmt: skip
    assert entry is not None
    assert (entry.container, entry.video_codec, entry.audio_codec, entry.resolution) == ("mp4", None, "mp4a", None)
    assert (entry.language, entry.language_preference, entry.altered) == ("en", 10, True)


def test_sound_in_a_playlist_of_its_own_is_read_though_nobody_tells_its_codec() -> None:
    """yt-dlp does not take the codec of an audio group from the variants that name it."""
    apart = {"vcodec": "none", "width": None, "height": None, "format_note": "Default", "protocol": "m3u8_native"}
    found = read_format({name: value for name, value in raw("234", **apart).items() if name != "acodec"})
    assert found is not None and (found.video_codec, found.audio_codec) == (None, "mp4a") and found.segmented
    assert read_format(raw("sb0", **apart)) is None, "told to have none"


@pytest.mark.parametrize(
    "more",
    [
        {"has_drm": True},
        {"url": None},
        {"protocol": "mhtml"},
        {"protocol": "http_dash_segments"},
        {"vcodec": "none", "acodec": "none"},
        {"vcodec": "unknown"},
    ],
)
def test_what_cannot_be_fetched_is_left_out(more: dict[str, Any]) -> None:
    assert read_format(raw(**more)) is None


def test_the_facts_of_a_video() -> None:
    info = read_info(
        {
            "id": "dQw4w9WgXcQ",
            "title": "A film",
            "duration": 20,
            "thumbnail": "https://i.ytimg.com/x.jpg",
            "uploader": "Somebody",
            "upload_date": "20260118",
            "view_count": 7,
            "live_status": "is_upcoming",
            "release_timestamp": 1768730400,
            "formats": [raw(), {"format_id": "sb0", "protocol": "mhtml"}],
        },
        URL,
    )
    assert (info.id, info.title, info.url, info.duration_seconds) == ("dQw4w9WgXcQ", "A film", URL, 20)
    assert (info.uploader, info.uploaded_on, info.view_count) == ("Somebody", date(2026, 1, 18), 7)
    assert (info.live_status, info.changes_soon) == (LiveStatus.IS_UPCOMING, True)
    assert info.release_at == datetime(2026, 1, 18, 10, 0, tzinfo=UTC)
    assert [entry.id for entry in info.formats] == ["137"]


def test_little_is_enough() -> None:
    info = read_info({"id": "dQw4w9WgXcQ", "live_status": "a new word", "upload_date": "soon"}, URL)
    assert (info.title, info.live_status, info.uploaded_on, info.formats) == ("", LiveStatus.NOT_LIVE, None, ())


def test_the_table_is_the_documented_one() -> None:
    formats = [webm(1440), webm(1080), webm(720), webm(480), webm(144), raw(), raw("136", width=1280, height=720)]
    formats[-1]["format_note"] = "720p"
    formats.append(raw("140", ext="m4a", vcodec="none", acodec="mp4a.40.2", format_note="medium"))
    table = format_table("dQw4w9WgXcQ", [entry for one in formats if (entry := read_format(one))])
    assert table.video_id == "dQw4w9WgXcQ"
    assert table.resolutions == ("1440p", "1080p", "720p")
    assert table.extensions == ("mp4", "webm")
    assert table.formats == {"1440p": ("webm",), "1080p": ("mp4", "webm"), "720p": ("mp4", "webm")}


def test_an_upscaled_picture_is_no_resolution_of_the_video() -> None:
    formats = [
        webm(
            1080,
        ),
        webm(1440),
    ]
    formats[1]["format_note"] = "1440p, AI-upscaled"
    table = format_table("dQw4w9WgXcQ", [entry for one in formats if (entry := read_format(one))])
    assert table.resolutions == ("1080p",)


def test_a_small_video_offers_nothing_high() -> None:
    table = format_table("dQw4w9WgXcQ", [entry for one in [webm(480)] if (entry := read_format(one))])
    assert (table.resolutions, table.extensions, table.formats) == ((), (), {})
