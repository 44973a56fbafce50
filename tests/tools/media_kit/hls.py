"""HLS playlists with the faults of real ones: segments that are missing or spoiled, clocks that jump, advertisements.

``segmented`` cuts a film into a ``Playlist``; its methods give a copy with one more fault each, and ``files`` is what
a server sends. A segment that is missing has no file, so that the server answers 404::

    film = segmented(FILM)                                 # four segments of two seconds, MPEG-TS
    film.missing(1).files("film")                          # film.m3u8, film-0.seg, film-2.seg, film-3.seg
    film.gap(1)                                            # the same, and the playlist says so (EXT-X-GAP)
    film.spoiled(1, HTML)                                  # another content; also ``truncated`` and ``garbled``
    film[:2].then(segmented(FILM, clock=1200)[2:])         # the clock jumps, without a tag
    film[:2].then(advertisement, tag=True).then(film[2:], tag=True)  # with EXT-X-DISCONTINUITY
    film.behind(png(70))                                   # every segment begins with an image
    segmented(FILM, only="video"), segmented(FILM, only="audio")  # the tracks apart; ``master`` lists them

Frames show their numbers and every second has its own mark, so ``frame_numbers`` and ``audio_marks`` tell what of the
film is there, and where.
"""

from __future__ import annotations

import random
import subprocess
import tempfile
import zipfile
import zlib
from dataclasses import dataclass, replace
from fractions import Fraction
from pathlib import Path
from typing import Literal

from tests.tools.media_kit.cache import cached_file, cached_film
from tests.tools.media_kit.film import FFMPEG, Film

FILM = Film(size=(256, 144), seconds=Fraction(8), gop_frames=25, bframes=2, crf=36, audio_bitrate="48k")
"""Eight seconds: four segments."""
SEGMENT_SECONDS = 2
HTML = b"<!DOCTYPE html><html><head><title>Sorry</title></head><body>" + b"<p>Not found</p>" * 40 + b"</body></html>"
Track = Literal["both", "video", "audio"]
_MAPS: dict[Track, tuple[str, ...]] = {"both": ("0:v", "0:a"), "video": ("0:v",), "audio": ("0:a",)}


@dataclass(frozen=True)
class Segment:
    """A segment of a playlist. ``content`` None: the server answers 404. ``init``: the content of its initialisation.
    ``tag``: EXT-X-DISCONTINUITY stands before it."""

    content: bytes | None
    seconds: Fraction
    init: bytes | None = None
    tag: bool = False
    is_gap: bool = False


@dataclass(frozen=True)
class Playlist:
    """Segments, and whether the playlist says that nothing will be added."""

    segments: tuple[Segment, ...]
    ended: bool = True
    first_number: int = 0

    def __getitem__(self, part: slice) -> Playlist:
        """Some of the segments."""
        return replace(self, segments=self.segments[part])

    @property
    def seconds(self) -> Fraction:
        """What the playlist promises."""
        return sum((one.seconds for one in self.segments), Fraction(0))

    def missing(self, *places: int) -> Playlist:
        """The server answers 404 for these segments, which may count from the end (-1)."""
        return self._changed(places, content=None)

    def gap(self, *places: int) -> Playlist:
        """The playlist says that these segments are missing, and they are."""
        return self._changed(places, content=None, is_gap=True)

    def spoiled(self, place: int, content: bytes) -> Playlist:
        """A segment holds something else."""
        return self._changed((place,), content=content)

    def truncated(self, place: int, share: Fraction = Fraction(1, 2)) -> Playlist:
        """Only the beginning of a segment is there."""
        content = self._content(place)
        return self.spoiled(place, content[: int(len(content) * share)])

    def garbled(self, place: int, begin: Fraction = Fraction(1, 4), end: Fraction = Fraction(3, 4)) -> Playlist:
        """A stretch in the middle of a segment holds random bytes."""
        content = self._content(place)
        first, last = int(len(content) * begin), int(len(content) * end)
        noise = random.Random(place).randbytes(last - first)
        return self.spoiled(place, content[:first] + noise + content[last:])

    def behind(self, header: bytes) -> Playlist:
        """Every segment begins with these bytes."""
        changed = tuple(
            one if one.content is None else replace(one, content=header + one.content) for one in self.segments
        )
        return replace(self, segments=changed)

    def of_an_unknown_codec(self) -> Playlist:
        """The video of every segment (MPEG-TS) is declared as AVS3, for which FFmpeg has no decoder of its own."""
        changed = tuple(
            one if one.content is None else replace(one, content=_declared(one.content, 0x1B, 0xD4))
            for one in self.segments
        )
        return replace(self, segments=changed)

    def then(self, other: Playlist, *, tag: bool = False) -> Playlist:
        """Another playlist behind this one; ``tag``: with an EXT-X-DISCONTINUITY between them."""
        first = replace(other.segments[0], tag=tag)
        return replace(self, segments=(*self.segments, first, *other.segments[1:]))

    def endless(self) -> Playlist:
        """The playlist does not say that it has ended."""
        return replace(self, ended=False)

    def files(self, name: str, suffix: str = ".seg") -> dict[str, Path | bytes]:
        """``<name>.m3u8``, its segments ``<name>-<place><suffix>`` and initialisations ``<name>-init<number>``."""
        found: dict[str, Path | bytes] = {}
        inits = list(dict.fromkeys(one.init for one in self.segments if one.init is not None))
        longest = max(round(one.seconds + Fraction(1, 2)) for one in self.segments)
        lines = ["#EXTM3U", "#EXT-X-VERSION:8", f"#EXT-X-TARGETDURATION:{longest}"]
        lines += [f"#EXT-X-MEDIA-SEQUENCE:{self.first_number}"]
        init = None
        for place, one in enumerate(self.segments):
            lines += ["#EXT-X-DISCONTINUITY"] if one.tag else []
            if one.init is not None and one.init != init:
                lines.append(f'#EXT-X-MAP:URI="{name}-init{inits.index(one.init)}"')
                init = one.init
            lines += ["#EXT-X-GAP"] if one.is_gap else []
            lines += [f"#EXTINF:{float(one.seconds):.6f},", f"{name}-{place}{suffix}"]
            if one.content is not None:
                found[f"{name}-{place}{suffix}"] = one.content
        found |= {f"{name}-init{number}": content for number, content in enumerate(inits)}
        lines += ["#EXT-X-ENDLIST"] if self.ended else []
        return found | {f"{name}.m3u8": "\n".join([*lines, ""]).encode()}

    def _content(self, place: int) -> bytes:
        content = self.segments[place].content
        assert content is not None
        return content

    def _changed(self, places: tuple[int, ...], **fields: object) -> Playlist:
        segments = list(self.segments)
        for place in places:
            segments[place] = replace(segments[place], **fields)  # type: ignore[arg-type]
        return replace(self, segments=tuple(segments))


def _declared(content: bytes, old: int, new: int) -> bytes:
    """A transport stream whose program maps name another stream type (ISO 13818-1, 2.4.4.8), with their checksums."""
    packets = [bytearray(content[at : at + 188]) for at in range(0, len(content), 188)]
    for packet in packets:
        begin = 5 + packet[4] if not packet[3] & 0x20 else 0  # a table follows the pointer field
        if not packet[1] & 0x40 or not begin or packet[begin] != 2:
            continue
        end = begin + 3 + ((packet[begin + 1] & 15) << 8 | packet[begin + 2]) - 4
        place = begin + 12 + ((packet[begin + 10] & 15) << 8 | packet[begin + 11])
        while place < end:
            if packet[place] == old:
                packet[place] = new
            place += 5 + ((packet[place + 3] & 15) << 8 | packet[place + 4])
        packet[end : end + 4] = _checksum(packet[begin:end]).to_bytes(4, "big")
    return b"".join(packets)


def _checksum(data: bytes | bytearray) -> int:
    """CRC-32 of MPEG-2 (ISO 13818-1, annex A)."""
    value = 0xFFFFFFFF
    for byte in data:
        value ^= byte << 24
        for _ in range(8):
            value = (value << 1) ^ 0x04C11DB7 if value & 0x80000000 else value << 1
            value &= 0xFFFFFFFF
    return value


def segmented(film: Film = FILM, *, fragmented: bool = False, only: Track = "both", clock: float = 10) -> Playlist:
    """A film in segments of two seconds: MPEG-TS, or ``fragmented`` MP4. Its time begins near ``clock`` seconds.

    Not at 0 where the tracks lie apart: FFmpeg would move each of them by itself, to hold what is decoded earlier.
    """
    command = [FFMPEG, "-v", "error", "-nostdin", "-i", str(cached_film(film))]
    for track in _MAPS[only]:
        command += ["-map", track]
    command += ["-c", "copy", "-output_ts_offset", str(clock), "-f", "hls", "-hls_time", str(SEGMENT_SECONDS)]
    command += ["-hls_list_size", "0", "-hls_segment_filename", "%05d.seg"]
    if fragmented:
        command += ["-hls_segment_type", "fmp4", "-hls_fmp4_init_filename", "init"]
    command.append("list.m3u8")
    package = cached_file("hls 1 " + " ".join(command), ".zip", lambda path: _pack(command, path))
    with zipfile.ZipFile(package) as archive:
        files = {name: archive.read(name) for name in archive.namelist()}
    lines = files["list.m3u8"].decode().splitlines()
    lengths = [Fraction(line.removeprefix("#EXTINF:").rstrip(",")) for line in lines if line.startswith("#EXTINF:")]
    contents = [files[line] for line in lines if line and not line.startswith("#")]
    init = files.get("init")
    return Playlist(tuple(Segment(*one, init) for one in zip(contents, lengths, strict=True)))


def _pack(command: list[str], package: Path) -> None:
    with tempfile.TemporaryDirectory() as folder:
        subprocess.run(command, check=True, cwd=folder)
        with zipfile.ZipFile(package, "w", zipfile.ZIP_DEFLATED) as archive:
            for path in sorted(Path(folder).iterdir()):
                archive.write(path, path.name)


def master(video: str, *renditions: str, audio_codec: str = "mp4a.40.2") -> bytes:
    """A master playlist with one variant at ``video``; ``renditions`` are the attributes of EXT-X-MEDIA of its audio
    behind TYPE and GROUP-ID."""
    lines = ["#EXTM3U", *(f'#EXT-X-MEDIA:TYPE=AUDIO,GROUP-ID="a",{one}' for one in renditions)]
    group = ',AUDIO="a"' if renditions else ""
    stream = f'#EXT-X-STREAM-INF:BANDWIDTH=900000,RESOLUTION=256x144,CODECS="avc1.42c00d,{audio_codec}"{group}'
    return "\n".join([*lines, stream, video, ""]).encode()


def png(size: int) -> bytes:
    """A whole PNG of one pixel with so many bytes, at least 70."""
    head = b"\x89PNG\r\n\x1a\n" + _chunk(b"IHDR", bytes.fromhex("00000001000000010806000000"))
    end = _chunk(b"IEND", b"")
    spare = size - len(head + end) - 12 * 2
    # Letters G: the byte that packets of a transport stream begin with.
    comment = _chunk(b"tEXt", b"G" * (spare - 13)) if spare >= 25 else b""
    pixels = zlib.compress(bytes(5)).ljust(size - len(head + comment + end) - 12, b"\0")
    return head + comment + _chunk(b"IDAT", pixels) + end


def jpeg(size: int) -> bytes:
    """What begins and ends like a JPEG, with noise in between."""
    return b"\xff\xd8\xff\xe0" + random.Random(size).randbytes(size - 6) + b"\xff\xd9"


def _chunk(kind: bytes, data: bytes) -> bytes:
    return len(data).to_bytes(4, "big") + kind + data + zlib.crc32(kind + data).to_bytes(4, "big")
