"""The plan of an encode, row by row: facts in, decisions out; no program runs."""

from __future__ import annotations

import dataclasses
from fractions import Fraction
from pathlib import Path
from typing import Any

import pytest

from src.errors import CodecUnsupported, MediaInvalid
from src.models.encode_plan import EncodePlan
from src.models.media import AudioStream, MediaInfo, StreamTimeline, SubtitleStream, Timeline, VideoStream
from src.models.outcome import NoteCode
from src.services.encoding.arguments import encode_arguments
from src.services.encoding.interlace import read_counts
from src.services.encoding.pixel_formats import layout
from src.services.encoding.planner import Preferences, plan_encode

VIDEO = VideoStream(
    index=0,
    codec="vp9",
    width=1280,
    height=720,
    pixel_format="yuv420p",
    frame_rate=Fraction(25),
    base_rate=Fraction(25),
    time_base=Fraction(1, 1000),
)
AUDIO = AudioStream(index=1, codec="opus", sample_rate=48000, channels=2)


def media(**video: Any) -> MediaInfo:
    """A WebM of 10 s, its video changed as named."""
    return MediaInfo("matroska,webm", 10.0, 1_000_000, video=(dataclasses.replace(VIDEO, **video),), audio=(AUDIO,))


def codes(plan: EncodePlan) -> set[NoteCode]:
    return {note.code for note in plan.notes}


@pytest.mark.parametrize(
    ("source", "codec", "quality", "pixel_format", "encoder"),
    [
        ("yuv420p", "h264", "high", "yuv420p", "libx264"),
        ("yuv420p10le", "h264", "medium", "yuv420p", "libx264"),
        ("yuv420p10le", "h265", "high", "yuv420p10le", "libx265"),
        ("yuv444p12le", "av1", "medium", "yuv420p10le", "libsvtav1"),
        ("bgra", "h265", "medium", "yuv420p", "libx265"),
        ("gray", "h264", "high", "yuv420p", "libx264"),
        ("gray", "h265", "lossless", "gray", "libx265"),
        ("gray", "h264", "lossless", "yuv420p", "libx264"),
        ("yuv422p", "h264", "lossless", "yuv422p", "libx264"),
        ("yuv422p12le", "h264", "lossless", "yuv422p10le", "libx264"),
        ("yuv444p12le", "h265", "lossless", "yuv444p12le", "libx265"),
        ("yuv420p", "av1", "lossless", "yuv420p", "libsvtav1"),
        ("yuv420p10le", "av1", "lossless", "yuv420p10le", "libaom-av1"),
        ("yuv444p", "av1", "lossless", "yuv444p", "libaom-av1"),
        ("nv12", "h264", "lossless", "yuv420p", "libx264"),
        ("p010le", "h265", "lossless", "yuv420p10le", "libx265"),
        ("rgb24", "h264", "lossless", "rgb24", "libx264rgb"),
        ("gbrp10le", "h265", "lossless", "gbrp10le", "libx265"),
        ("pal8", "av1", "lossless", "gbrp", "libaom-av1"),
        ("yuv411p", "h265", "lossless", "yuv444p", "libx265"),
        ("yuvj420p", "h264", "medium", "yuv420p", "libx264"),
        ("nonsense", "h264", "medium", "yuv420p", "libx264"),
    ],
)
def test_pixel_formats(source: str, codec: Any, quality: Any, pixel_format: str, encoder: str) -> None:
    plan = plan_encode(media(pixel_format=source), codec, quality)
    assert (plan.video.pixel_format, plan.video.encoder) == (pixel_format, encoder)


@pytest.mark.parametrize(
    ("facts", "codec", "quality", "told"),
    [
        ({}, "h264", "high", set()),
        ({}, "h265", "lossless", {NoteCode.SOUND_LOSSY}),
        ({}, "h264", "lossless", {NoteCode.SOUND_LOSSY, NoteCode.PLAYBACK_LIMITED}),
        ({"pixel_format": "yuv420p10le"}, "h264", "high", {NoteCode.BIT_DEPTH_REDUCED}),
        ({"pixel_format": "yuva420p"}, "h265", "high", {NoteCode.ALPHA_DROPPED}),
        ({"alpha": True}, "av1", "high", {NoteCode.ALPHA_DROPPED}),
        ({"pixel_format": "yuv444p"}, "av1", "medium", {NoteCode.CHROMA_REDUCED}),
        ({"width": 1279}, "h264", "medium", {NoteCode.CROPPED}),
        ({"width": 1279}, "h265", "lossless", {NoteCode.PADDED, NoteCode.SOUND_LOSSY}),
        ({"width": 1279}, "av1", "lossless", {NoteCode.SOUND_LOSSY}),
        ({"width": 10, "height": 10}, "h265", "medium", {NoteCode.PADDED}),
        ({"color_transfer": "smpte2084", "pixel_format": "yuv420p10le"}, "h264", "high", {NoteCode.TONE_MAPPED}),
        ({"color_transfer": "smpte2084", "pixel_format": "yuv420p10le"}, "h265", "high", set()),
        ({"pixel_format": "yuv440p"}, "h265", "lossless",
         {NoteCode.PIXELS_CONVERTED, NoteCode.SOUND_LOSSY, NoteCode.PLAYBACK_LIMITED}),
    ],
)  # fmt: skip
def test_what_is_told(facts: dict[str, Any], codec: Any, quality: Any, told: set[NoteCode]) -> None:
    assert codes(plan_encode(media(**facts), codec, quality)) == told


@pytest.mark.parametrize(
    ("facts", "quality", "size"),
    [
        ({}, "high", (1280, 720)),
        ({"rotation_degrees": 90}, "high", (720, 1280)),
        ({"rotation_degrees": 90}, "lossless", (1280, 720)),
        ({"width": 1279, "height": 719}, "high", (1278, 718)),
        ({"width": 1279, "height": 719}, "lossless", (1280, 720)),
        ({"width": 1, "height": 1}, "high", (2, 2)),
    ],
)
def test_sizes(facts: dict[str, Any], quality: Any, size: tuple[int, int]) -> None:
    plan = plan_encode(media(**facts), "h264", quality)
    assert (plan.video.width, plan.video.height) == size


def axis(smallest: float, largest: float) -> Timeline:
    return Timeline((StreamTimeline(0, "video", 100, 0.0, 3.96, 4.0, largest, smallest, 1),))


@pytest.mark.parametrize(
    ("smallest", "largest", "facts", "time_base"),
    [
        (0.04, 0.04, {}, None),
        (0.039, 0.041, {}, None),
        (0.02, 0.06, {}, Fraction(1, 1000)),
        (0.04, 60.0, {}, Fraction(1, 1000)),
        (0.08, 0.08, {}, Fraction(1, 1000)),
        (0.01, 0.06, {"time_base": Fraction(1, 1_000_000)}, Fraction(1, 90_000)),
    ],
)
def test_cadence(smallest: float, largest: float, facts: dict[str, Any], time_base: Fraction | None) -> None:
    plan = plan_encode(media(**facts), "h264", "high", timeline=axis(smallest, largest))
    assert plan.video.time_base == time_base


def test_fast_and_tiny_av1_leave_svt() -> None:
    assert plan_encode(media(frame_rate=Fraction(500)), "av1", "high").video.encoder == "libaom-av1"
    assert plan_encode(media(height=32), "av1", "high").video.encoder == "libaom-av1"


@pytest.mark.parametrize(
    ("codec", "source", "container", "quality", "action"),
    [
        ("h264", "h264", "mov,mp4,m4a,3gp,3g2,mj2", "lossless", "copy"),
        ("h265", "hevc", "matroska,webm", "lossless", "copy"),
        ("av1", "av1", "matroska,webm", "lossless", "copy"),
        ("h264", "h264", "mpegts", "lossless", "encode"),
        ("h264", "h264", "mov,mp4,m4a,3gp,3g2,mj2", "high", "encode"),
        ("h265", "h264", "mov,mp4,m4a,3gp,3g2,mj2", "lossless", "encode"),
    ],
)
def test_remux(codec: Any, source: str, container: str, quality: Any, action: str) -> None:
    had = dataclasses.replace(media(codec=source), container=container)
    assert plan_encode(had, codec, quality).video.action == action
    assert plan_encode(had, codec, quality, preferences=Preferences(always_encode=True)).video.action == "encode"


@pytest.mark.parametrize(
    ("facts", "quality", "wanted"),
    [
        ({}, "high", ("encode", 192, "stereo", 48000)),
        ({"channels": 1, "sample_rate": 8000}, "high", ("encode", 192, "mono", 8000)),
        ({"channels": 6}, "medium", ("encode", 384, "5.1", 48000)),
        ({"channels": 4}, "medium", ("encode", 384, "5.1", 48000)),
        ({"channels": 8, "sample_rate": 96000}, "medium", ("encode", 512, "7.1", 48000)),
        ({"sample_rate": 88200}, "high", ("encode", 192, "stereo", 44100)),
        ({"sample_rate": 37800}, "high", ("encode", 192, "stereo", 44100)),
        ({"codec": "aac"}, "high", ("encode", 192, "stereo", 48000)),
        ({"codec": "aac"}, "lossless", ("copy", 192, None, None)),
    ],
)
def test_sound(facts: dict[str, Any], quality: Any, wanted: tuple[object, ...]) -> None:
    had = dataclasses.replace(media(), audio=(dataclasses.replace(AUDIO, **facts),))
    (track,) = plan_encode(had, "h264", quality).audio
    assert (track.action, track.kilobits, track.layout, track.sample_rate) == wanted


def test_tracks_subtitles_and_cover() -> None:
    cover = dataclasses.replace(VIDEO, index=5, codec="mjpeg", attached_picture=True)
    texts = (SubtitleStream(3, "subrip", "eng"), SubtitleStream(4, "hdmv_pgs_subtitle"))
    had = dataclasses.replace(media(), audio=(AUDIO,) * 10, subtitles=texts, video=(cover, VIDEO))
    plan = plan_encode(had, "h265", "high")
    assert (len(plan.audio), len(plan.subtitles), plan.cover_art_index, plan.video.stream_index) == (8, 1, 5, 0)
    assert codes(plan) == {NoteCode.TRACKS_DROPPED, NoteCode.SUBTITLES_DROPPED}


def test_every_stream_that_is_left_out_is_told() -> None:
    covers = tuple(dataclasses.replace(VIDEO, index=n, codec="png", attached_picture=True) for n in (5, 6))
    had = dataclasses.replace(media(), video=(VIDEO, *covers, dataclasses.replace(VIDEO, index=7)), others=3)
    (note,) = plan_encode(had, "h264", "high").notes
    assert (note.code, note.text) == (
        NoteCode.STREAMS_DROPPED,
        "Further tracks were omitted: 1 video, 1 cover, 3 data",
    )


@pytest.mark.parametrize(
    ("begins", "silences", "picture", "end"),
    [
        (0.0, ((3.0, 50.0),), 4.0, None),  # not so long that it harms
        (0.0, ((3.0, 600.0),), 4.0, 3.0),
        (0.0, ((3.0, 600.0),), 700.0, None),  # a camera whose sound was off for a while
        (0.0, ((10.0, 20.0), (3000.0, 3010.0)), 1.0, None),  # an album with one picture
        (0.0, ((1.0, 3 * 3600.0), (3.1 * 3600, 7 * 3600.0)), 8 * 3600.0, 3.1 * 3600),
        (500.0, (), 4.0, 0.0),
        (500.0, (), 501.0, None),
    ],
)
def test_no_time_stamp_makes_hours_of_silence(
    begins: float, silences: tuple[tuple[float, float], ...], picture: float, end: float | None
) -> None:
    zero = 1.5  # where the clock of the source begins
    shown = StreamTimeline(0, "video", 100, zero, picture + zero, picture + zero, 0.04, 0.04)
    spans = tuple((begin + zero, stop + zero) for begin, stop in silences)
    heard = StreamTimeline(1, "audio", 100, begins + zero, silences=spans)
    had = dataclasses.replace(media(), start_seconds=zero)
    plan = plan_encode(had, "h264", "high", timeline=Timeline((shown, heard)))
    assert [track.end_seconds for track in plan.audio] == ([] if end == 0 else [end and pytest.approx(end)])
    assert (NoteCode.SOUND_CUT in codes(plan)) == (end is not None)
    assert NoteCode.TRACKS_DROPPED not in codes(plan)


def test_a_track_without_any_sound_is_left_out() -> None:
    """As in a fragmented MP4 that was cut off in its first fragment."""
    axes = (StreamTimeline(0, "video", 5, 0.0, 0.2, 0.2), StreamTimeline(1, "audio", 0))
    plan = plan_encode(media(), "h264", "high", timeline=Timeline(axes))
    assert not plan.audio
    assert codes(plan) == {NoteCode.TRACKS_DROPPED}


def test_interlace() -> None:
    soft = plan_encode(media(), "h264", "high", scan="tff")
    assert ("bwdif", NoteCode.DEINTERLACED in codes(soft)) == (soft.video.filters[0].name, True)
    hard = plan_encode(media(), "h264", "lossless", scan="bff")
    assert NoteCode.INTERLACED in codes(hard)
    assert "bwdif" not in {one.name for one in hard.video.filters}


def test_idet_is_read_over_all_its_closings() -> None:
    closing = "[idet] Multi frame detection: TFF: {} BFF: {} Progressive: {} Undetermined: 0"
    assert read_counts(closing.format(0, 0, 0) + "\n" + closing.format(3, 40, 7)) == "bff"
    assert read_counts(closing.format(30, 0, 31)) == "progressive"
    assert read_counts("nothing") == "progressive"


def test_layouts_of_full_chroma_are_not_grey() -> None:
    assert not layout("yuv444p12le").gray
    assert layout("gray10le").gray
    assert layout("yuv410p").chroma == (2, 2)
    assert layout("ya8").alpha


def test_refusals() -> None:
    with pytest.raises(CodecUnsupported):
        plan_encode(media(), "vp9", "high")  # type: ignore[arg-type]
    with pytest.raises(CodecUnsupported):
        plan_encode(media(), "h264", "low")  # type: ignore[arg-type]
    with pytest.raises(MediaInvalid):
        plan_encode(dataclasses.replace(media(), video=()), "h264", "high")


def test_arguments_say_what_the_plan_says() -> None:
    plan = plan_encode(media(), "h265", "lossless")
    text = " ".join(encode_arguments(plan, Path("/in: put.webm"), Path("/o.mp4"), proof=Path("/p")))
    for part in (
        "-noautorotate",
        "-protocol_whitelist file",
        "-max_pixels",
        "-i file:/in: put.webm",
        "split=2",
        "-c:v:0 libx265",
        "lossless=1",
        "-tag:v:0 hvc1",
        "-fps_mode:v:0 passthrough",
        "-movflags +faststart",
        "-b:a:0 192k",
        "-f framehash",
        "-hash murmur3",
    ):
        assert part in text
