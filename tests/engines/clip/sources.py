"""Films in all the ways in which sites serve them, and the clips that are made of them."""

from __future__ import annotations

import shutil
import subprocess
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from pathlib import Path

from src.models.media_source import ClipSource, Fragment, Mode, NetworkSettings, TimeRange, Track
from src.models.progress import Monitor, SilentMonitor
from src.services.cutting.engine.model import ClipReport
from tests.engines.clip.origin import Faults, Origin
from tests.tools.engine_calls import make_clips
from tests.tools.media_kit import FFMPEG, TESTED_FFMPEG, Film, cached_file, cached_film, frame_numbers

SMALL = Film(size=(320, 180), seconds=Fraction(12), gop_frames=50, bframes=3)


@dataclass(frozen=True)
class Kind:
    """A way to serve a film: ``file`` is one URL, ``pair`` one for picture and one for sound, ``dash`` fragments."""

    name: str
    film: Film
    suffix: str = ".mp4"
    how: str = "file"
    output: str = ".mp4"
    smart: bool = True
    """Whether a clip of several groups of pictures is made with copying."""


NTSC = Fraction(30000, 1001)
KINDS = [
    Kind("h264-sidx", replace(SMALL, fragmented="dash")),
    Kind("h264-sidx-29.97-silent", replace(SMALL, fps=NTSC, audio=None, bframes=2, fragmented="dash")),
    Kind("h264-progressive", replace(SMALL, faststart=True)),
    Kind("h264-progressive-60-moov-behind", replace(SMALL, fps=Fraction(60), gop_frames=90)),
    Kind("h264-vfr", replace(SMALL, fps=Fraction(30), vfr=True)),
    Kind("h264-open-gop", replace(SMALL, open_gop=True, fragmented="dash"), smart=False),
    Kind("hevc-sidx", replace(SMALL, codec="hevc", fragmented="dash")),
    Kind("hevc-open-gop-10bit", replace(SMALL, codec="hevc", open_gop=True, pixel_format="yuv420p10le")),
    Kind("vp9-webm", replace(SMALL, codec="vp9", bframes=1, audio="opus"), ".webm", output=".webm"),
    Kind(
        "vp9-webm-29.97-cues-behind-silent",
        replace(SMALL, codec="vp9", fps=NTSC, bframes=0, audio=None, cues_first=False),
        ".webm",
        output=".webm",
    ),
    Kind(
        "vp9-webm-vfr",
        replace(SMALL, codec="vp9", fps=Fraction(30), vfr=True, bframes=0, audio="opus"),
        ".webm",
        output=".webm",
    ),
    Kind(
        "vp9-10bit",
        replace(SMALL, codec="vp9", bframes=0, pixel_format="yuv420p10le", audio="opus"),
        ".webm",
        output=".webm",
    ),
    Kind("vp9-mp4", replace(SMALL, codec="vp9", bframes=0, fragmented="dash")),
    Kind("av1-sidx", replace(SMALL, codec="av1", fragmented="dash")),
    Kind("av1-webm", replace(SMALL, codec="av1", bframes=0, audio="opus"), ".webm", output=".webm"),
    Kind("hls-ts", SMALL, how="ts"),
    Kind("hls-ts-encrypted-60", replace(SMALL, fps=Fraction(60)), how="ts-encrypted"),
    Kind("hls-fmp4-29.97", replace(SMALL, fps=NTSC), how="fmp4"),
    Kind("hls-byte-ranges", SMALL, how="single"),
    Kind("pair-h264-aac", replace(SMALL, fragmented="dash"), how="pair"),
    Kind("pair-vp9-opus", replace(SMALL, codec="vp9", bframes=0, audio="opus"), ".webm", how="pair", output=".webm"),
    Kind("dash-fragments", replace(SMALL, fragmented="dash"), how="dash"),
]


def served(kind: Kind, folder: Path) -> tuple[dict[str, Path | bytes], Callable[[Origin], ClipSource]]:
    """The files of a kind, and its source once an origin serves them."""
    if kind.how == "file":
        name = f"film{kind.suffix}"
        track = Track("", container=kind.suffix[1:], has_audio=kind.film.audio is not None)
        path = cached_film(kind.film, kind.suffix)
        return {name: path}, lambda origin: ClipSource((replace(track, url=origin.url(name)),))
    if kind.how == "pair":
        names = [f"picture{kind.suffix}", f"sound{kind.suffix}"]
        films = [replace(kind.film, audio=None), replace(kind.film, codec=None)]
        paths = [cached_film(film, kind.suffix) for film in films]

        def pair(origin: Origin) -> ClipSource:
            urls = [origin.url(name) for name in names]
            return ClipSource((Track(urls[0], has_audio=False), Track(urls[1], has_video=False)))

        return dict(zip(names, paths, strict=True)), pair
    if kind.how == "dash":
        return _fragments(cached_film(kind.film, ".mp4"), kind.film)
    return _playlist(kind, folder)


def _playlist(kind: Kind, folder: Path) -> tuple[dict[str, Path | bytes], Callable[[Origin], ClipSource]]:
    options = ["-hls_time", "2", "-hls_list_size", "0", "-hls_playlist_type", "vod"]
    if kind.how == "fmp4":
        options += ["-hls_segment_type", "fmp4"]
    elif kind.how == "single":
        options += ["-hls_flags", "single_file"]
    elif kind.how == "ts-encrypted":
        (folder / "film.key").write_bytes(b"sixteen bytes ok")
        (folder / "info").write_text(f"film.key\n{folder}/film.key\n")
        options += ["-hls_key_info_file", str(folder / "info")]
    film = cached_film(kind.film, ".mp4")
    command = [FFMPEG, "-v", "error", "-i", str(film), "-c", "copy", "-f", "hls", *options, "film.m3u8"]
    subprocess.run(command, check=True, cwd=folder)
    files: dict[str, Path | bytes] = {path.name: path for path in folder.iterdir() if path.name != "info"}
    return files, lambda origin: ClipSource((Track(origin.url("film.m3u8"), protocol="hls", container="ts"),))


def _fragments(film: Path, recipe: Film) -> tuple[dict[str, Path | bytes], Callable[[Origin], ClipSource]]:
    """A fragmented MP4 taken apart: its head, and each moof with its mdat."""
    content, position, boxes = film.read_bytes(), 0, []
    while position < len(content):
        size = int.from_bytes(content[position : position + 4], "big")
        boxes.append((content[position + 4 : position + 8], content[position : position + size]))
        position += size
    files: dict[str, Path | bytes] = {"init": b"".join(data for name, data in boxes if name in (b"ftyp", b"moov"))}
    bodies = [data for name, data in boxes if name in (b"moof", b"mdat")]
    seconds = float(recipe.gop_frames / recipe.fps)
    names = []
    for number in range(0, len(bodies), 2):
        names.append(f"fragment{number // 2}")
        files[names[-1]] = bodies[number] + bodies[number + 1]

    def source(origin: Origin) -> ClipSource:
        fragments = [Fragment(origin.url("init")), *(Fragment(origin.url(name), seconds) for name in names)]
        return ClipSource((Track(origin.url("init"), protocol="dash", fragments=tuple(fragments)),))

    return files, source


def reference(kind: Kind) -> list[tuple[Fraction, int]]:
    """(time, number) of all frames of the film, as a player shows it."""
    film = replace(kind.film, audio=None) if kind.how == "pair" else kind.film
    return [(frame.pts, frame.number) for frame in frame_numbers(cached_film(film, kind.suffix))]


@dataclass(frozen=True)
class Made:
    """A finished clip."""

    path: Path
    report: ClipReport


def make(
    kind: Kind,
    ranges: Sequence[tuple[Fraction | str | int, Fraction | str | int]],
    folder: Path,
    *,
    mode: Mode = "exact",
    faults: Faults | None = None,
    network: NetworkSettings | None = None,
    monitor: Monitor | None = None,
    output: str | None = None,
) -> list[Made]:
    """Clips of a kind, served by an origin of their own and checked to leave nothing behind."""
    with tempfile.TemporaryDirectory(dir=folder) as served_from:
        files, source_of = served(kind, Path(served_from))
        work = folder / "work"
        work.mkdir(exist_ok=True)
        outputs = [folder / f"clip{number}{output or kind.output}" for number in range(len(ranges))]
        with Origin(files, faults=faults) as origin:
            try:
                reports = make_clips(
                    source_of(origin),
                    [TimeRange(Fraction(start), Fraction(end)) for start, end in ranges],
                    outputs,
                    work_dir=work,
                    network=network or NetworkSettings(),
                    mode=mode,
                    ffmpeg=TESTED_FFMPEG,
                    monitor=monitor or SilentMonitor(),
                )
            finally:
                assert list(work.iterdir()) == []
        return [Made(path, report) for path, report in zip(outputs, reports, strict=True)]


def keyed_copy(path: Path, target: Path) -> Path:
    """A private copy of a cached file."""
    shutil.copyfile(path, target)
    return target


__all__ = ["KINDS", "SMALL", "Kind", "Made", "cached_file", "keyed_copy", "make", "reference", "served"]
