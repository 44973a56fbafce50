"""HLS as the site serves it: films cut into MPEG-TS segments, and the playlists of one that is complete."""

from __future__ import annotations

import functools
import math
import subprocess
import tempfile
import zipfile
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

from tests.tools.media_kit import FFMPEG, Film, cached_file, make_film
from tests.tools.offline_youtube.http import Reply, playlist
from tests.tools.offline_youtube.ladder import SECONDS
from tests.tools.offline_youtube.situations import VideoId, situation


@dataclass(frozen=True)
class Rendition:
    """One quality of a stream: its number on the site, the film, and seconds of each segment."""

    itag: int
    film: Film
    segment_seconds: int
    bandwidth: int

    @property
    def segment_count(self) -> int:
        """Number of segments."""
        return math.ceil(self.film.seconds / self.segment_seconds)

    @functools.cached_property
    def segments(self) -> list[bytes]:
        """The segments, whose timestamps go on from one to the next."""
        package = cached_file(f"hls 2 {self.film!r} {self.segment_seconds}", ".zip", self._cut)
        with zipfile.ZipFile(package) as archive:
            return [archive.read(name) for name in sorted(archive.namelist())]

    def _cut(self, package: Path) -> None:
        with tempfile.TemporaryDirectory() as folder:
            whole = make_film(Path(folder) / "whole.ts", self.film)
            pieces = Path(folder) / "pieces"
            pieces.mkdir()
            options = ["-c", "copy", "-f", "segment", "-segment_time", str(self.segment_seconds)]
            command = [FFMPEG, "-v", "error", "-nostdin", "-i", str(whole), *options, str(pieces / "%05d.ts")]
            subprocess.run(command, check=True)
            # MPEG-TS of small pictures is mostly stuffing.
            with zipfile.ZipFile(package, "w", zipfile.ZIP_DEFLATED) as archive:
                for piece in sorted(pieces.iterdir()):
                    archive.write(piece, piece.name)


def _rendition(itag: int, size: tuple[int, int], seconds: int, segment_seconds: int, audio: str) -> Rendition:
    film = Film(size=size, seconds=Fraction(seconds), gop_frames=segment_seconds * 25, crf=36, audio_bitrate=audio)
    return Rendition(itag, film, segment_seconds, bandwidth=size[1] * 1000)


VOD = (_rendition(91, (256, 144), SECONDS, 4, "48k"), _rendition(93, (640, 360), SECONDS, 4, "96k"))
LIVE_SECONDS = 180
LIVE = (
    _rendition(91, (256, 144), LIVE_SECONDS, 2, "32k"),
    _rendition(92, (426, 240), LIVE_SECONDS, 2, "32k"),
)


def renditions(video_id: VideoId) -> tuple[Rendition, ...]:
    """The qualities of a film that has HLS."""
    return LIVE if situation(video_id).live == "now" else VOD


def master_playlist(video_id: VideoId, extraction: str, manifest_host: str) -> Reply:
    """The list of qualities."""
    lines = ["#EXTM3U", "#EXT-X-INDEPENDENT-SEGMENTS"]
    for rendition in renditions(video_id):
        width, height = rendition.film.size
        lines.append(
            f"#EXT-X-STREAM-INF:BANDWIDTH={rendition.bandwidth},RESOLUTION={width}x{height},"
            f'FRAME-RATE={rendition.film.fps},CODECS="mp4a.40.2,avc1.64001E"'
        )
        path = f"api/manifest/hls_playlist/id/{video_id}/itag/{rendition.itag}/ei/{extraction}/playlist/index.m3u8"
        lines.append(f"https://{manifest_host}/{path}")
    return playlist(lines)


def complete_playlist(rendition: Rendition, address: str) -> Reply:
    """All segments of one quality; ``address`` has a place for the segment's number."""
    lines = ["#EXTM3U", "#EXT-X-VERSION:3", "#EXT-X-PLAYLIST-TYPE:VOD"]
    lines += [f"#EXT-X-TARGETDURATION:{rendition.segment_seconds}", "#EXT-X-MEDIA-SEQUENCE:0"]
    for number in range(rendition.segment_count):
        lines += [f"#EXTINF:{rendition.segment_seconds:.3f},", address.format(number)]
    return playlist([*lines, "#EXT-X-ENDLIST"])
