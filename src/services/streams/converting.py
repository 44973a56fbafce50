"""Converts parts of a recording that differ from the rest, such as advertisements, so that all fit into one track."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

from src.errors import CodecNotRemuxable
from src.models.outcome import Note, NoteCode
from src.models.progress import Monitor
from src.services.ffmpeg_utils_service import FFmpeg
from src.services.streams.placing import Kind, Placement, Run
from src.utils.ffmpeg_options import understands

# Not all versions of FFmpeg have these options, and those that lack one refuse to start with it.
_NEWER_PLAYLIST_OPTIONS = {"allowed_segment_extensions": "ALL", "extension_picky": "0"}
# Fast, and visually equal to the source. No B-frames, so that adjacent parts meet without a gap.
_ENCODERS = {
    "h264": ("libx264", "-preset", "veryfast", "-crf", "17", "-bf", "0"),
    "hevc": ("libx265", "-preset", "superfast", "-crf", "18", "-bf", "0", "-x265-params", "log-level=error"),
    "av1": ("libsvtav1", "-preset", "10", "-crf", "25"),
    "vp9": ("libvpx-vp9", "-deadline", "realtime", "-cpu-used", "7", "-b:v", "0", "-crf", "20"),
}
_COPIED_AUDIO = frozenset({"aac", "mp3", "ac3", "eac3", "opus", "flac", "alac", "mp2"})
_PLAIN_PROFILES = ("LC", "")  # of AAC; packets of our encoder cannot share a track with other profiles
_BITS_PER_CHANNEL = 96_000


def playlist_options(program: Path) -> list[str]:
    """Return the options that FFmpeg needs before ``-i`` to read a playlist that we wrote, with any file names."""
    options = ["-protocol_whitelist", "file", "-f", "hls", "-allowed_extensions", "ALL"]
    for name, value in _NEWER_PLAYLIST_OPTIONS.items():
        if understands(program, "demuxer=hls", name):
            options += [f"-{name}", value]
    return options


@dataclass(frozen=True, slots=True)
class Source:
    """Where the packets of a run are: files to be read one after the other, and FFmpeg's name of their format."""

    paths: tuple[Path, ...]
    format: str


class Converter:
    """Chooses a common layout for all parts and converts those that differ, on demand.

    The common layout of the video is the one that lasts longest, that of the audio the first one.
    """

    def __init__(
        self,
        placement: Placement,
        playlists: Mapping[int, Path],
        files: Mapping[int, tuple[Path, ...]],
        folder: Path,
        ffmpeg: FFmpeg,
        monitor: Monitor,
    ) -> None:
        """``playlists`` and ``files`` (initialisation and segments) of each run, by its place in the placement."""
        self._places = {id(run): place for place, run in enumerate(placement.runs)}
        self._playlists, self._files, self._folder, self._monitor = playlists, files, folder, monitor
        reads = sorted({path.parent for path in playlists.values()})
        self._ffmpeg = ffmpeg.confined(reads=reads, writes=[folder])
        self._video = _longest(placement)
        self._audio = next((run.layout("audio") for run in placement.of_kind("audio")), None)
        self._all_video = self._video is not None and self._video[0] not in _ENCODERS and self._differ(placement)
        self._all_audio = self._audio is not None and self._must_convert_all(placement, self._audio)
        self._written: list[Path] = []
        self._converted: dict[Kind, list[Run]] = {"video": [], "audio": []}

    @property
    def notes(self) -> list[Note]:
        """Describe what was converted."""
        notes = []
        if (runs := self._converted["video"]) and self._video is not None:
            width, height = self._video[1:3]
            text = f"The video of {_parts_text(runs)} differs from the rest: it was encoded as {width}x{height}."
            notes.append(Note(NoteCode.VIDEO_CONVERTED, text))
        if (runs := self._converted["audio"]) and self._audio is not None:
            rate, channels = self._audio[1:3]
            text = f"The audio of {_parts_text(runs)} was converted to {rate} Hz and {channels} channels."
            notes.append(Note(NoteCode.SOUND_CONVERTED, text))
        return notes

    def source(self, run: Run, kind: Kind) -> Source:
        """Return the packets of one stream of a run, converted if necessary.

        Raises:
            EncodeFailed, DiskFull, CodecNotRemuxable, and what the monitor raises.
        """
        place = self._places[id(run)]
        if not self._must_convert(run, kind):
            # Two formats are read directly: FFmpeg's playlist reader reports the times of some audio one packet early.
            if run.container in ("mpegts", "mov"):
                return Source(self._files[place], run.container)
            return Source((self._playlists[place],), "hls")
        path = self._folder / f"converted-{kind}-{place}.nut"
        options = self._video_options() if kind == "video" else self._audio_options()
        self._ffmpeg.run(
            [
                *("-copyts", *playlist_options(self._ffmpeg.program), "-i", str(self._playlists[place])),
                *("-map", f"0:{kind[0]}:0", *options, "-f", "nut", str(path)),
            ],
            monitor=self._monitor,
        )
        self._written.append(path)
        self._converted[kind].append(run)
        return Source((path,), "nut")

    def clean(self) -> None:
        """Delete the converted files."""
        for path in self._written:
            path.unlink()

    def _must_convert(self, run: Run, kind: Kind) -> bool:
        layout = run.layout(kind)
        if layout is None:
            return False
        if kind == "video":
            return self._all_video or layout != self._video
        return self._all_audio or layout != self._audio

    def _differ(self, placement: Placement) -> bool:
        return any(run.layout("video") != self._video for run in placement.of_kind("video"))

    def _must_convert_all(self, placement: Placement, layout: tuple[str, ...]) -> bool:
        codec, _, _, profile = layout
        if codec not in _COPIED_AUDIO:
            return True
        different = any(run.layout("audio") != layout for run in placement.of_kind("audio"))
        return different and (codec != "aac" or profile not in _PLAIN_PROFILES)

    def _video_options(self) -> list[str]:
        assert self._video is not None
        codec, width, height, pixel_format, aspect = self._video
        shown = max(2, round(int(width) * Fraction(aspect) / 2) * 2)
        filters = [
            "scale=iw*sar:ih,setsar=1",
            f"scale={shown}:{height}:force_original_aspect_ratio=decrease",
            f"pad={shown}:{height}:-1:-1",
            f"scale={width}:{height}",
            f"setsar={Fraction(aspect)}".replace("/", ":") if "/" in str(Fraction(aspect)) else "setsar=1",
            f"format={pixel_format}",
        ]
        encoder = _ENCODERS.get(codec, _ENCODERS["h264"])
        timing = ("-fps_mode", "passthrough", "-enc_time_base:v", "1:90000")
        return ["-vf", ",".join(filters), *timing, "-c:v", *encoder]

    def _audio_options(self) -> list[str]:
        assert self._audio is not None
        _, rate, channels, _ = self._audio
        if not int(rate) or not int(channels):
            raise CodecNotRemuxable("The audio of this stream cannot be read.")
        return ["-c:a", "aac", "-ar", rate, "-ac", channels, "-b:a", str(_BITS_PER_CHANNEL * min(int(channels), 6))]


def _longest(placement: Placement) -> tuple[str, ...] | None:
    seconds: dict[tuple[str, ...], float] = {}
    for run in placement.of_kind("video"):
        layout, span = run.layout("video"), run.span("video")
        if layout is not None and span is not None:
            seconds[layout] = seconds.get(layout, 0.0) + span[1] - span[0]
    return max(seconds, key=lambda layout: seconds[layout], default=None)


def _parts_text(runs: list[Run]) -> str:
    if len(runs) > 1:
        return f"{len(runs)} parts"
    start, end = runs[0].whole_span
    return f"the part from {start + runs[0].moved:.1f} to {end + runs[0].moved:.1f} s"
