"""Streams as sites serve them: master playlists, discontinuities, sound apart, live windows."""

from __future__ import annotations

import subprocess
import time
from collections.abc import Callable
from dataclasses import replace
from fractions import Fraction
from pathlib import Path

from tests.engines.clip.origin import Origin
from tests.tools.media_kit import FFMPEG, Film, cached_film

FILM = Film(size=(320, 180), seconds=Fraction(8), gop_frames=25, bframes=2)
SMALL = replace(FILM, size=(192, 108))
Files = dict[str, Path | bytes]


def cut(film: Film, folder: Path, name: str, *options: str) -> Files:
    """A VOD playlist ``<name>.m3u8`` of segments of one second, and all its files."""
    folder = folder / name
    folder.mkdir(parents=True)
    source = cached_film(film, ".mp4")
    given = ["-hls_time", "1", "-hls_list_size", "0", "-hls_playlist_type", "vod", *options]
    names = ["-hls_segment_filename", f"{name}-%03d.seg"]
    command = [FFMPEG, "-v", "error", "-i", str(source), "-c", "copy", "-f", "hls", *given]
    if "single_file" not in options:
        command += names
    if "fmp4" in options:
        command += ["-hls_fmp4_init_filename", f"{name}-init.mp4"]
    subprocess.run([*command, f"{name}.m3u8"], check=True, cwd=folder)
    return {path.name: path for path in folder.iterdir()}


def encrypted(film: Film, folder: Path, name: str) -> Files:
    """The same with AES-128."""
    key = folder / "film.key"
    key.write_bytes(b"sixteen bytes ok")
    (folder / "info").write_text(f"film.key\n{key}\n")
    return {**cut(film, folder, name, "-hls_key_info_file", str(folder / "info")), "film.key": key}


def master(*lines: str) -> bytes:
    """A master playlist."""
    return "\n".join(["#EXTM3U", *lines, ""]).encode()


def text_of(content: Path | bytes) -> str:
    return content.decode() if isinstance(content, bytes) else content.read_text()


def body_of(playlist: str) -> list[str]:
    """The lines about segments."""
    lines = playlist.splitlines()
    return [line for line in lines if line.startswith(("#EXTINF", "#EXT-X-MAP")) or (line and not line.startswith("#"))]


class GrowingSite:
    """An origin whose playlist shows a window that moves by one segment every ``seconds``."""

    def __init__(self, files: Files, name: str, *, seconds: float, window: int = 4) -> None:
        self._lines = body_of(text_of(files[name]))
        self._name, self._seconds, self._window = name, seconds, window
        self._began = time.monotonic()
        self.origin = Origin({**files, name: b""})
        self.origin.on_request = self._refresh
        self._refresh(0)

    def _refresh(self, number: int) -> None:
        segments = list(zip(self._lines[::2], self._lines[1::2], strict=True))
        end = min(len(segments), self._window + int((time.monotonic() - self._began) / self._seconds))
        start = max(end - self._window, 0)
        shown = [line for pair in segments[start:end] for line in pair]
        text = ["#EXTM3U", "#EXT-X-TARGETDURATION:1", f"#EXT-X-MEDIA-SEQUENCE:{start}", *shown]
        self.origin.files[self._name] = "\n".join([*text, ""]).encode()


Stop = Callable[[], None]
