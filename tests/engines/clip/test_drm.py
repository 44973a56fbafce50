"""Films that need a licence are refused as such, in every container and however they are delivered."""

from __future__ import annotations

import subprocess
from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import pytest

from src.errors import DrmProtected
from src.models.media_source import ClipSource, Fragment, NetworkSettings, TimeRange, Track
from src.models.progress import SilentMonitor
from tests.engines.clip.origin import Origin
from tests.engines.clip.sources import SMALL
from tests.tools.engine_calls import make_clip
from tests.tools.media_kit import FFMPEG, cached_film

pytestmark = pytest.mark.slow
KEY = "00112233445566778899aabbccddeeff"


def encrypted(path: Path, *options: str) -> Path:
    """The film with its samples encrypted by ISO/IEC 23001-7 (cenc), as licence systems want it."""
    film = cached_film(replace(SMALL, fragmented="dash"))
    command = [FFMPEG, "-v", "error", "-i", str(film), "-c", "copy", "-encryption_scheme", "cenc-aes-ctr"]
    command += ["-encryption_key", KEY, "-encryption_kid", KEY, *options, str(path)]
    subprocess.run(command, check=True)
    return path


def protected_webm(path: Path) -> Path:
    """A WebM whose picture names a ContentEncryption (RFC 9559, 5.1.4.1.31.8) behind its other settings."""
    data = bytearray(cached_film(replace(SMALL, codec="vp9", bframes=0, audio=None), ".webm").read_bytes())
    tracks = data.index(b"\x16\x54\xae\x6b", data.index(b"\x16\x54\xae\x6b") + 1)  # the first is the SeekHead's
    width = 9 - data[tracks + 4].bit_length()
    size = int.from_bytes(data[tracks + 4 : tracks + 4 + width], "big") & ((1 << 7 * width) - 1)
    body = bytes(data[tracks + 4 + width : tracks + 4 + width + size])
    entry = body.index(b"\xae")
    length_width = 9 - body[entry + 1].bit_length()
    length = int.from_bytes(body[entry + 1 : entry + 1 + length_width], "big") & ((1 << 7 * length_width) - 1)
    inside = body[entry + 1 + length_width : entry + 1 + length_width + length]
    encodings = b"\x6d\x80\x89" + b"\x62\x40\x86" + b"\x50\x35\x83" + b"\x47\xe1\x80"
    rest = body[entry + 1 + length_width + length :]
    made = body[:entry] + b"\xae" + _size(len(inside) + len(encodings)) + inside + encodings + rest
    path.write_bytes(data[:tracks] + b"\x16\x54\xae\x6b" + _size(len(made)) + made + data[tracks + 4 + width + size :])
    return path


def _size(value: int) -> bytes:
    return (value | 1 << 56).to_bytes(8, "big")


def refuse(files: dict[str, Path | bytes], track: Track, folder: Path) -> None:
    with Origin(files) as origin:
        fragments = tuple(replace(one, url=origin.url(one.url)) for one in track.fragments)
        source = ClipSource((replace(track, url=origin.url(track.url), fragments=fragments),))
        with pytest.raises(DrmProtected):
            make_clip(
                source,
                TimeRange(Fraction(3), Fraction(5)),
                folder / "clip.mp4",
                work_dir=folder,
                network=NetworkSettings(),
                monitor=SilentMonitor(),
            )


@pytest.mark.parametrize(
    "options", [[], ["-movflags", "+frag_keyframe+dash+delay_moov+global_sidx"]], ids=["progressive", "sidx"]
)
def test_an_mp4(options: list[str], tmp_path: Path) -> None:
    refuse({"film": encrypted(tmp_path / "film.mp4", *options)}, Track("film"), tmp_path)


def test_a_webm(tmp_path: Path) -> None:
    refuse({"film": protected_webm(tmp_path / "film.webm")}, Track("film", container="webm"), tmp_path)


def test_dash_fragments(tmp_path: Path) -> None:
    content = encrypted(tmp_path / "film.mp4", "-movflags", "+frag_keyframe+empty_moov+default_base_moof").read_bytes()
    head = content.index(b"moof") - 4
    fragments = (Fragment("init"), Fragment("rest", 12.0))
    track = Track("init", protocol="dash", fragments=fragments)
    refuse({"init": content[:head], "rest": content[head:]}, track, tmp_path)


@pytest.mark.parametrize(
    "key",
    [
        '#EXT-X-KEY:METHOD=SAMPLE-AES,URI="skd://some",KEYFORMAT="com.apple.streamingkeydelivery",KEYFORMATVERSIONS="1"',
        '#EXT-X-KEY:METHOD=SAMPLE-AES-CTR,URI="data:text/plain;base64,AA==",'
        'KEYFORMAT="urn:uuid:edef8ba9-79d6-4ace-a3c8-27dcd51d21ed"',
        '#EXT-X-KEY:METHOD=SAMPLE-AES,URI="key.bin"',
    ],
    ids=["fairplay", "widevine", "sample-aes"],
)
def test_playlists(key: str, tmp_path: Path) -> None:
    playlist = f"#EXTM3U\n#EXT-X-TARGETDURATION:5\n{key}\n#EXTINF:5,\na.ts\n#EXT-X-ENDLIST\n"
    refuse({"film.m3u8": playlist.encode()}, Track("film.m3u8", protocol="hls"), tmp_path)


def test_a_playlist_that_does_not_say_so(tmp_path: Path) -> None:
    content = encrypted(tmp_path / "film.mp4", "-movflags", "+frag_keyframe+empty_moov+default_base_moof").read_bytes()
    head = content.index(b"moof") - 4
    playlist = '#EXTM3U\n#EXT-X-TARGETDURATION:12\n#EXT-X-MAP:URI="init"\n#EXTINF:12,\nrest\n#EXT-X-ENDLIST\n'
    files: dict[str, Path | bytes] = {"film.m3u8": playlist.encode(), "init": content[:head], "rest": content[head:]}
    refuse(files, Track("film.m3u8", protocol="hls"), tmp_path)
