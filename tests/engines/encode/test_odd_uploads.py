"""Uploads with odd colours, sizes, channels and starts: each is encoded right, or a note says what is different."""

from __future__ import annotations

import dataclasses
import itertools
import subprocess
import wave
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest

from src.models.encode_plan import EncodeReport
from src.models.media import AudioStream
from src.models.outcome import NoteCode
from src.models.progress import SilentMonitor
from src.services.encoding.audio import plan_track
from src.services.encoding.audio_extraction import AudioService
from src.services.encoding.audio_trial import try_tracks
from src.services.encoding.hdr import dolby_vision, lost
from src.services.encoding_service import EncodingService
from src.services.ffmpeg_utils_service import FFmpeg
from src.services.media import facts
from src.services.media.probe import examine, probe
from tests.engines.encode.look import frame_times
from tests.tools.media_kit import FFMPEG, TESTED_FFMPEG
from tests.tools.media_kit.boxes import changed

pytestmark = pytest.mark.slow
FAST = ("-c:v", "libx264", "-preset", "ultrafast", "-g", "10", "-pix_fmt", "yuv420p")


def run(*args: str) -> None:
    done = subprocess.run([FFMPEG, "-v", "error", "-nostdin", "-y", *args], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def picture(size: str = "160x90", seconds: float = 0.4) -> tuple[str, ...]:
    return ("-f", "lavfi", "-i", f"testsrc2=s={size}:r=25:d={seconds}")


def encode(source: Path, output: Path, codec: Any = "h264", quality: Any = "medium") -> EncodeReport:
    return EncodingService(FFmpeg(TESTED_FFMPEG)).encode_video_to_mp4(source, output, codec, quality)


def codes(report: EncodeReport) -> set[NoteCode]:
    return {note.code for note in report.notes}


# --- colours ----------------------------------------------------------------------------------------------------


def tagged(path: Path, **numbers: int) -> Path:
    """An H.264 file whose colour tags are these numbers of ITU-T H.273."""
    told = ":".join(f"{name}={number}" for name, number in numbers.items())
    run(*picture("64x64", 0.12), *FAST, "-bsf:v", f"h264_metadata={told}", str(path))
    return path


@pytest.mark.matrix(5)
@pytest.mark.parametrize("number", list(facts.TRANSFERS))
def test_every_transfer_characteristic(number: int, tmp_path: Path) -> None:
    source = tagged(tmp_path / "film.mkv", transfer_characteristics=number)
    for codec, quality in (("h264", "medium"), ("h265", "medium"), ("av1", "medium"), ("h265", "lossless")):
        report = encode(source, tmp_path / "out.mp4", codec, quality)
        made = probe(tmp_path / "out.mp4").main_video
        assert made is not None
        if NoteCode.TONE_MAPPED not in codes(report):
            assert made.color_transfer == facts.TRANSFERS[number]
        assert NoteCode.COLOR_TAGS_DROPPED not in codes(report)


@pytest.mark.parametrize("codec", ["h264", "h265", "av1"])
def test_tags_that_an_encoder_refuses_are_left_out(codec: str, tmp_path: Path) -> None:
    for name, number in (("colour_primaries", 22), ("matrix_coefficients", 0)):
        report = encode(tagged(tmp_path / "film.mkv", **{name: number}), tmp_path / "out.mp4", codec)
        refused = number == 0 or codec == "h265"
        assert (NoteCode.COLOR_TAGS_DROPPED in codes(report)) is refused


@pytest.mark.parametrize("codec", ["qtrle", "png"])
def test_colours_of_a_palette(codec: str, tmp_path: Path) -> None:
    source, output = tmp_path / "film.mov", tmp_path / "out.mp4"
    graph = "format=rgba,split[a][b];[a]palettegen[p];[b][p]paletteuse"
    run(
        "-f",
        "lavfi",
        "-i",
        "color=0xff8000:s=64x64:r=25:d=0.2",
        "-vf",
        graph,
        "-c:v",
        codec,
        "-pix_fmt",
        "pal8",
        str(source),
    )
    for quality in ("medium", "lossless"):
        encode(source, output, "h264", quality)
        with av.open(str(output)) as made:
            seen = next(made.decode(video=0)).to_ndarray(format="rgb24").reshape(-1, 3).mean(axis=0)
        assert np.abs(seen - (255, 128, 0)).max() <= 4, seen


# --- HDR --------------------------------------------------------------------------------------------------------


LIGHT = "master-display=G(13250,34500)B(7500,3000)R(34000,16000)WP(15635,16450)L(10000000,50):max-cll=1000,400"
PQ = "format=yuv420p10le,setparams=color_primaries=bt2020:color_trc=smpte2084:colorspace=bt2020nc"


@pytest.fixture(scope="module")
def hdr10(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("hdr") / "film.mp4"
    x265 = ("-c:v", "libx265", "-preset", "ultrafast", "-x265-params", f"log-level=error:{LIGHT}")
    run(*picture("128x128"), "-vf", PQ, *x265, "-tag:v", "hvc1", str(path))
    return path


@pytest.mark.parametrize(
    ("codec", "quality"), [("h265", "high"), ("av1", "high"), ("h265", "lossless"), ("h264", "lossless")]
)
def test_the_light_of_hdr_is_kept_or_told(codec: str, quality: str, hdr10: Path, tmp_path: Path) -> None:
    report = encode(hdr10, tmp_path / "out.mp4", codec, quality)
    had, has = probe(hdr10).main_video, probe(tmp_path / "out.mp4").main_video
    assert had is not None and has is not None and had.mastering is not None
    assert had.mastering.max_luminance == 1000.0 and had.mastering.primaries[0] == (0.68, 0.32)
    assert has.light_level == had.light_level
    assert has.mastering is not None
    assert np.allclose(has.mastering.primaries, had.mastering.primaries, atol=0.0001)
    assert NoteCode.HDR_METADATA_DROPPED not in codes(report)


def test_hdr_metadata_that_a_file_lacks_are_told(hdr10: Path) -> None:
    had = probe(hdr10).main_video
    assert had is not None
    had = dataclasses.replace(had, dynamic_metadata=("HDR10+",))
    poor = dataclasses.replace(had, mastering=None, light_level=None, dynamic_metadata=())
    assert lost(had, had) == ()
    (note,) = lost(had, poor)
    assert (note.code, note.text) == (
        NoteCode.HDR_METADATA_DROPPED,
        "HDR metadata that were omitted: mastering display, light levels, HDR10+",
    )
    assert lost(had, dataclasses.replace(poor, color_transfer="bt709")) == ()


def test_dolby_vision_without_a_base_layer(tmp_path: Path) -> None:
    source = tmp_path / "film.mp4"
    x265 = ("-c:v", "libx265", "-preset", "ultrafast", "-x265-params", "log-level=error", "-pix_fmt", "yuv420p10le")
    run(*picture("128x128"), *x265, "-tag:v", "hvc1", str(source))
    path = (b"moov", b"trak", b"mdia", b"minf", b"stbl", b"stsd")
    source.write_bytes(changed(source.read_bytes(), path, lambda inside: inside.replace(b"hvc1", b"dvh1")))
    video = probe(source).main_video
    assert video is not None and video.is_dolby_vision
    assert NoteCode.DOLBY_VISION in codes(encode(source, tmp_path / "out.mp4", "h265"))
    assert dolby_vision(dataclasses.replace(video, color_transfer="arib-std-b67")) == ()


# --- sizes ------------------------------------------------------------------------------------------------------


ENCODERS = {
    "vp8": (".webm", ("-c:v", "libvpx", "-deadline", "realtime", "-cpu-used", "8", "-b:v", "2M")),
    "vp9": (".webm", ("-c:v", "libvpx-vp9", "-deadline", "realtime", "-cpu-used", "8", "-b:v", "2M")),
    "h264": (".ts", FAST),
    "h264, MP4": (".mkv", FAST),
    "hevc": (".ts", ("-c:v", "libx265", "-preset", "ultrafast", "-x265-params", "log-level=error:repeat-headers=1")),
    "av1": (".webm", ("-c:v", "libaom-av1", "-cpu-used", "8", "-row-mt", "1", "-usage", "realtime", "-b:v", "1M")),
    "mpeg2": (".ts", ("-c:v", "mpeg2video", "-q:v", "3")),
    "mpeg4": (".avi", ("-c:v", "mpeg4", "-q:v", "3")),
    "mjpeg": (".mkv", ("-c:v", "mjpeg", "-q:v", "3")),
    "flv1": (".flv", ("-c:v", "flv1", "-q:v", "3")),
}
SIZES = ("160x90", "90x160", "320x180")


def changing(path: Path, options: tuple[str, ...], sizes: tuple[str, ...]) -> Path:
    """A video whose parts of ten frames have these sizes, one after the other."""
    parts = []
    for number, size in enumerate(sizes):
        parts.append(path.with_name(f"part{number}{path.suffix}"))
        start = ("-output_ts_offset", str(number * 0.4)) if path.suffix == ".ts" else ()
        run(
            *picture(size),
            *options,
            "-pix_fmt",
            "yuvj420p" if "mjpeg" in options else "yuv420p",
            *start,
            str(parts[-1]),
        )
    listed = path.with_suffix(".txt")
    listed.write_text("".join(f"file {part.name}\n" for part in parts))
    run("-f", "concat", "-i", str(listed), "-c", "copy", str(path))
    return path


def bars(frame: np.ndarray[Any, Any]) -> tuple[int, int]:
    """The width and height of what is not black."""
    bright = frame.max(axis=2) > 40
    wide, high = np.flatnonzero(bright.any(axis=0)), np.flatnonzero(bright.any(axis=1))
    return int(wide[-1] - wide[0] + 1), int(high[-1] - high[0] + 1)


@pytest.mark.matrix(3)
@pytest.mark.parametrize("case", ENCODERS)
def test_a_size_that_changes_keeps_the_shape_of_every_frame(case: str, tmp_path: Path) -> None:
    suffix, options = ENCODERS[case]
    source = changing(tmp_path / f"film{suffix}", options, SIZES)
    report = encode(source, tmp_path / "out.mp4", "h264", "medium")
    assert (report.width, report.height) == (320, 180)
    # FFmpeg's decoder of MPEG-2 drops the frame that it holds back when the size changes.
    assert report.frames == 30 or (case == "mpeg2" and report.frames == 28)
    assert NoteCode.SIZE_CHANGED in codes(report)
    assert (NoteCode.SOURCE_DAMAGED in codes(report)) is (report.frames < 30)
    with av.open(str(tmp_path / "out.mp4")) as made:
        frames = [frame.to_ndarray(format="rgb24") for frame in made.decode(video=0)]
    for number, (width, height) in ((5, (320, 180)), (15, (102, 180)), (25, (320, 180))):
        seen = bars(frames[number])
        assert abs(seen[0] - width) <= 8 and abs(seen[1] - height) <= 8, (number, seen)


@pytest.mark.parametrize("order", list(itertools.permutations(SIZES)))
def test_sizes_are_found_in_any_order(order: tuple[str, ...], tmp_path: Path) -> None:
    _, timeline = examine(changing(tmp_path / "film.webm", ENCODERS["vp8"][1], order))
    assert timeline.video is not None
    assert [f"{size.width}x{size.height}" for size in timeline.video.sizes] == list(order)


def test_lossless_with_two_sizes_is_encoded_and_proven(tmp_path: Path) -> None:
    source = changing(tmp_path / "film.mkv", FAST, SIZES[:2])
    report = encode(source, tmp_path / "out.mp4", "h264", "lossless")
    assert report.verified_frames == 20
    assert NoteCode.SIZE_CHANGED in codes(report) and NoteCode.REMUXED not in codes(report)


# --- channels ---------------------------------------------------------------------------------------------------


@pytest.mark.matrix(3)
@pytest.mark.parametrize("channels", range(3, 17))
def test_channels_without_a_layout(channels: int, tmp_path: Path) -> None:
    source, output = tmp_path / "film.mkv", tmp_path / "out.mp4"
    with wave.open(str(tmp_path / "tones.wav"), "wb") as tones:  # without a mask of speakers
        tones.setparams((channels, 2, 48000, 0, "NONE", ""))
        tones.writeframes(np.random.default_rng(1).integers(-3000, 3000, 19200 * channels, dtype=np.int16).tobytes())
    run(*picture(), "-i", str(tmp_path / "tones.wav"), *FAST, "-c:a", "copy", str(source))
    report = encode(source, output)
    made = probe(output)
    assert report.frames == 10 and len(made.audio) == 1
    assert made.audio[0].channels == (2 if channels > 8 else 6 if channels <= 6 else 8)
    assert (NoteCode.SOUND_CONVERTED in codes(report)) is (channels not in (6, 8))


@pytest.mark.matrix(3)
@pytest.mark.parametrize(
    "layout", ["2.1", "3.0", "quad", "5.0", "5.1(side)", "6.1", "7.1(wide)", "octagonal", "hexadecagonal", "22.2"]
)
def test_channels_with_a_layout(layout: str, tmp_path: Path) -> None:
    source, output = tmp_path / "film.mov", tmp_path / "out.mp4"
    heard = ("-f", "lavfi", "-i", f"anoisesrc=d=0.4:a=0.1,aformat=channel_layouts={layout}")
    run(*picture(), *heard, *FAST, "-c:a", "pcm_s16le", str(source))
    report = encode(source, output)
    assert report.frames == 10 and [track.channels > 1 for track in probe(output).audio] == [True]


def test_a_track_that_cannot_be_mixed_or_decoded_costs_no_video(tmp_path: Path) -> None:
    source = tmp_path / "film.mkv"
    run(*picture(), "-f", "lavfi", "-i", "sine=d=0.4", *FAST, "-c:a", "pcm_s16le", "-ac", "4", str(source))
    media = probe(source)
    rare = dataclasses.replace(media, audio=(dataclasses.replace(media.audio[0], index=7, codec="rare"),))
    assert try_tracks(FFmpeg(TESTED_FFMPEG), source, media, SilentMonitor()).unusable == frozenset()
    assert try_tracks(FFmpeg(TESTED_FFMPEG), source, rare, SilentMonitor()).unusable == {7}
    # Behind those that cannot be decoded come others in their place.
    known, lost = media.audio[0], rare.audio[0]
    many = dataclasses.replace(media, audio=(lost, *[known] * 7, dataclasses.replace(lost, index=8), *[known] * 2))
    assert try_tracks(FFmpeg(TESTED_FFMPEG), source, many, SilentMonitor()).unusable == {7, 8}
    unknown = AudioStream(1, "pcm_s16le", 48000, 12, "12 channels")
    assert (plan_track(unknown).layout, plan_track(unknown).first_two) == ("stereo", True)


def test_a_track_of_an_unknown_codec_is_told(tmp_path: Path) -> None:
    source = tmp_path / "film.mov"
    run(*picture(), "-f", "lavfi", "-i", "sine=d=0.4", *FAST, "-c:a", "pcm_s16le", str(source))
    path = (b"moov", b"trak", b"mdia", b"minf", b"stbl", b"stsd")
    source.write_bytes(changed(source.read_bytes(), path, lambda inside: inside.replace(b"sowt", b"q0dd")))
    media = probe(source)
    assert (media.audio, media.unreadable) == ((), ("audio",))
    assert NoteCode.TRACKS_DROPPED in codes(encode(source, tmp_path / "out.mp4"))


@pytest.mark.matrix(5)
@pytest.mark.parametrize("format_", ["mp3", "wav", "flac"])
@pytest.mark.parametrize("channels", [3, 8, 10, 16])
def test_an_audio_file_of_any_channels(format_: Any, channels: int, tmp_path: Path) -> None:
    source, output = tmp_path / "tones.wav", tmp_path / f"out.{format_}"
    with wave.open(str(source), "wb") as tones:
        tones.setparams((channels, 2, 48000, 0, "NONE", ""))
        tones.writeframes(np.random.default_rng(1).integers(-3000, 3000, 19200 * channels, dtype=np.int16).tobytes())
    for loudness in (False, True):
        report = AudioService(FFmpeg(TESTED_FFMPEG)).extract(source, output, format_, normalize_loudness=loudness)
        assert abs(report.duration_seconds - 0.4) < 0.1
        assert report.channels in (2, channels)
        converted = report.channels == 2 and format_ != "mp3"
        assert not converted or {note.code for note in report.notes} == {NoteCode.SOUND_CONVERTED}


# --- starts -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("suffix", [".mkv", ".mp4", ".ts"])
@pytest.mark.parametrize("quality", ["medium", "lossless"])
def test_a_video_that_starts_late_keeps_its_distance_from_the_sound(suffix: str, quality: str, tmp_path: Path) -> None:
    source, output = tmp_path / f"film{suffix}", tmp_path / "out.mp4"
    run("-itsoffset", "1.48", *picture(), "-f", "lavfi", "-i", "sine=d=3", *FAST, "-c:a", "aac", str(source))
    encode(source, output, "h265", quality)
    # Older programs start such a video of a Matroska file a frame later, which is not noticed (ITU-R BT.1359: 45 ms).
    most = 0.03 if Path(FFMPEG) == TESTED_FFMPEG else 0.045
    assert abs(frame_times(output)[0] - frame_times(source)[0]) <= most
    assert abs(frame_times(output)[0] - 1.48) <= 0.05


@pytest.mark.parametrize("suffix", [".mkv", ".mp4", ".ts"])
def test_a_start_that_is_moved_is_told(suffix: str, tmp_path: Path) -> None:
    source = tmp_path / f"film{suffix}"
    run(*picture(), *FAST, "-output_ts_offset", "1.48", str(source))
    report = encode(source, tmp_path / "out.mp4")
    assert NoteCode.START_MOVED in codes(report) and report.frames == 10
    run(*picture(), *FAST, str(source))
    assert suffix == ".ts" or NoteCode.START_MOVED not in codes(encode(source, tmp_path / "out.mp4"))
