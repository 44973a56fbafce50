"""The engine's small parts: intervals, playlists, NAL units, EBML."""

from __future__ import annotations

import random
from fractions import Fraction

import pytest

from src.errors import DrmProtected, LiveNotSupported, StreamUnreadable
from src.models.media_source import SourceUnreadable
from src.services.cutting.engine.codecs import nal
from src.services.cutting.engine.indexes.cloaked_segments import MOST_HEADER_BYTES, media_start
from src.services.cutting.engine.indexes.webm import read_element
from src.services.fetch.resource import Decryptor
from src.services.fetch.spool import Intervals
from src.services.hls.live_playlist import read_live_playlist
from src.services.hls.playlist import ByteRange, parse_playlist, playable
from src.services.hls.variants import best_variant, variants
from tests.tools.media_kit.hls import png

BASE = "https://media.example/films/list.m3u8"


def test_intervals_behave_like_a_set() -> None:
    chance, intervals, members = random.Random(5), Intervals(), set[int]()
    for _ in range(300):
        start = chance.randrange(200)
        end = start + chance.randrange(20)
        intervals.add(start, end)
        members |= set(range(start, end))
        first, last = sorted((chance.randrange(220), chance.randrange(220)))
        missing = {n for begin, stop in intervals.missing(first, last) for n in range(begin, stop)}
        assert missing == set(range(first, last)) - members
        assert intervals.end_of(first) == next(n for n in range(first, 500) if n not in members)


def playlist(*lines: str, end: bool = True) -> str:
    return "\n".join(["#EXTM3U", "#EXT-X-TARGETDURATION:5", *lines, *(["#EXT-X-ENDLIST"] if end else [])])


def test_a_playlist() -> None:
    segments = parse_playlist(
        playlist(
            "#EXT-X-MEDIA-SEQUENCE:7",
            '#EXT-X-MAP:URI="init.mp4",BYTERANGE="100@0"',
            "#EXTINF:4.004,",
            "#EXT-X-BYTERANGE:1000@100",
            "all.mp4",
            "#EXTINF:3.5,title",
            "#EXT-X-BYTERANGE:500",
            "all.mp4",
            "#EXT-X-DISCONTINUITY",
            '#EXT-X-KEY:METHOD=AES-128,URI="/key",IV=0x00000000000000000000000000000005',
            "#EXTINF:2,",
            "../other.ts",
        ),
        BASE,
    ).segments
    assert [(s.start, s.end, s.number, s.group) for s in segments] == [
        (Fraction(0), Fraction("4.004"), 7, 0),
        (Fraction("4.004"), Fraction("7.504"), 8, 0),
        (Fraction("7.504"), Fraction("9.504"), 9, 1),
    ]
    assert [s.piece.range for s in segments] == [ByteRange(100, 1000), ByteRange(1100, 500), None]
    assert segments[0].init is not None and segments[0].init.range == ByteRange(0, 100)
    assert segments[2].piece.url == "https://media.example/other.ts"
    assert segments[2].piece.key is not None
    assert segments[2].piece.key.url == "https://media.example/key"
    assert segments[2].piece.key.iv == bytes(15) + b"\x05"


def test_gaps_and_other_initialisations_are_borders() -> None:
    lines = ['#EXT-X-MAP:URI="a"', "#EXTINF:2,", "1", "#EXT-X-GAP", "#EXTINF:2,", "2", "#EXTINF:2,", "3"]
    lines += ['#EXT-X-MAP:URI="b"', "#EXTINF:2,", "4", "#EXTINF:2,", "5", "#EXT-X-DISCONTINUITY", "#EXTINF:2,", "6"]
    found = playable(parse_playlist(playlist(*lines), BASE).segments)
    assert [(int(s.start), s.number, s.group) for s in found] == [
        (0, 0, 0),
        (4, 2, 1),
        (6, 3, 2),
        (8, 4, 2),
        (10, 5, 3),
    ]
    with pytest.raises(SourceUnreadable):
        playable(parse_playlist(playlist("#EXT-X-GAP", "#EXTINF:2,", "1"), BASE).segments)


def test_the_best_variant() -> None:
    master = '#EXTM3U\n#EXT-X-STREAM-INF:BANDWIDTH=1,CODECS="a,b"\nlow\n#EXT-X-STREAM-INF:BANDWIDTH=9\nhigh\n'
    assert best_variant(master, BASE) == "https://media.example/films/high"
    assert best_variant(playlist("#EXTINF:1,", "a.ts"), BASE) is None


MAIN = 'NAME="main",AUTOSELECT=YES,DEFAULT=YES'
COMMENTARY = 'NAME="comment",AUTOSELECT=NO,DEFAULT=NO,URI="comment"'


@pytest.mark.parametrize(
    ("renditions", "apart"),
    [
        ([MAIN, COMMENTARY], None),
        ([COMMENTARY, MAIN], None),
        ([MAIN + ',URI="main"', COMMENTARY], "main"),
        ([COMMENTARY, MAIN + ',URI="main"'], "main"),
        ([COMMENTARY, 'NAME="main",AUTOSELECT=YES'], None),
        ([COMMENTARY, 'NAME="main",AUTOSELECT=YES,URI="main"'], "main"),
        ([COMMENTARY], "comment"),
        (['NAME="main"', COMMENTARY], None),
        ([COMMENTARY.replace('URI="comment"', 'X-URI="comment"')], None),
        ([], None),
    ],
)
def test_the_audio_that_a_player_takes_by_itself(renditions: list[str], apart: str | None) -> None:
    """Audio without an address of its own is muxed into the segments of the variant (RFC 8216, 4.3.4.1)."""
    lines = ["#EXTM3U", *(f'#EXT-X-MEDIA:TYPE=AUDIO,GROUP-ID="a",{one}' for one in renditions)]
    lines += ['#EXT-X-MEDIA:TYPE=AUDIO,GROUP-ID="other",NAME="other",DEFAULT=YES,URI="other"']
    lines += ['#EXT-X-STREAM-INF:BANDWIDTH=9,AUDIO="a"', "film"]
    (found,) = variants("\n".join(lines), BASE)
    assert found.sound_url == (f"https://media.example/films/{apart}" if apart else None)


TRANSPORT = b"".join(b"\x47\x40\x11\x10" + bytes([n]) * 184 for n in range(9))
FRAGMENT = b"\0\0\0\x10styp" + b"msdh\0\0\0\0" + b"\0\0\0\x10moof" + bytes(8) + b"\0\0\0\x09mdat\0"
IMAGES = {
    "png": png(70),
    "png of some kilobytes": png(5000),
    "png as long as is skipped": png(MOST_HEADER_BYTES),
    "jpeg": b"\xff\xd8\xff\xe0" + b"G" * 700 + b"\xff\xd9",
    "gif": b"GIF89a" + bytes(800),
    "bmp": b"BM" + bytes(60),
    "webp": b"RIFF\x10\0\0\0WEBPVP8 " + bytes(100),
}


@pytest.mark.parametrize("image", list(IMAGES))
@pytest.mark.parametrize("media", [TRANSPORT, TRANSPORT[:376], FRAGMENT], ids=["ts", "two packets", "fmp4"])
def test_an_image_before_the_media_is_skipped(image: str, media: bytes) -> None:
    segment = IMAGES[image] + media
    assert media_start(segment) == len(IMAGES[image])


def test_an_image_that_is_too_long_or_hides_nothing_is_no_media() -> None:
    for segment in (png(70), png(MOST_HEADER_BYTES + 1) + TRANSPORT, IMAGES["jpeg"], IMAGES["jpeg"] + bytes(90_000)):
        assert media_start(segment) is None


@pytest.mark.parametrize("plain", [TRANSPORT, FRAGMENT, b"", b"<html>", b"ID3\4\0"])
def test_segments_without_an_image_stay_as_they_are(plain: bytes) -> None:
    assert media_start(plain) == 0


@pytest.mark.parametrize(
    ("text", "error"),
    [
        ("<html>", SourceUnreadable),
        (playlist(), SourceUnreadable),
        (playlist("#EXTINF:1,", "a.ts", end=False), LiveNotSupported),
        (playlist('#EXT-X-KEY:METHOD=SAMPLE-AES,URI="k",KEYFORMAT="com.apple.streamingkeydelivery"'), DrmProtected),
        (playlist('#EXT-X-KEY:METHOD=SAMPLE-AES,URI="k"', "#EXTINF:1,", "a.ts"), DrmProtected),
        (playlist('#EXT-X-KEY:METHOD=SAMPLE-AES-CTR,URI="k"', "#EXTINF:1,", "a.m4s"), DrmProtected),
        (playlist('#EXT-X-KEY:METHOD=ROT-13,URI="k"', "#EXTINF:1,", "a.ts"), SourceUnreadable),
        (playlist("#EXTINF:long,", "a.ts"), SourceUnreadable),
        (playlist("#EXT-X-MEDIA-SEQUENCE:", "#EXTINF:1,", "a.ts"), SourceUnreadable),
        (playlist("#EXT-X-KEY:METHOD=AES-128", "#EXTINF:1,", "a.ts"), SourceUnreadable),
        (playlist("#EXTINF:1e3000000,", "a.ts"), SourceUnreadable),  # a number that would take seconds to make
        (playlist("#EXTINF:1/0,", "a.ts"), SourceUnreadable),
        (playlist("#EXTINF:-1,", "a.ts"), SourceUnreadable),
        (playlist("#EXTINF:1,", "#EXT-X-BYTERANGE:x@y", "a.ts"), SourceUnreadable),
        (playlist("#EXT-X-MAP:BYTERANGE=1", "#EXTINF:1,", "a.mp4"), SourceUnreadable),
        (playlist(f'#EXT-X-KEY:METHOD=AES-128,URI="k",IV=0x{"f" * 40}', "#EXTINF:1,", "a.ts"), SourceUnreadable),
        (playlist("#EXTINF:1,", "http://[/a.ts"), SourceUnreadable),
    ],
)
def test_playlists_that_are_refused(text: str, error: type[Exception]) -> None:
    with pytest.raises(error):
        parse_playlist(text, BASE)


@pytest.mark.parametrize("attributes", ["BANDWIDTH=abc", "BANDWIDTH=\u00b2", "BANDWIDTH=1" + "0" * 5000])
def test_master_playlists_that_are_refused(attributes: str) -> None:
    with pytest.raises(SourceUnreadable):
        best_variant(f"#EXTM3U\n#EXT-X-STREAM-INF:{attributes}\nfilm.m3u8\n", BASE)


@pytest.mark.parametrize("tag", ["DISCONTINUITY-SEQUENCE:x", "TARGETDURATION:1e3000000"])
def test_live_playlists_that_are_refused(tag: str) -> None:
    with pytest.raises(SourceUnreadable):
        read_live_playlist(playlist(f"#EXT-X-{tag}", "#EXTINF:1,", "a.ts", end=False), BASE)


def test_decryption_in_any_pieces() -> None:
    from Cryptodome.Cipher import AES
    from Cryptodome.Util.Padding import pad

    plain = bytes(range(256)) * 5 + b"end"
    secret = AES.new(b"k" * 16, AES.MODE_CBC, b"i" * 16).encrypt(pad(plain, 16))
    for size in (1, 7, 16, 33, 10_000):
        decryptor = Decryptor(b"k" * 16, b"i" * 16)
        found = b"".join(decryptor.update(secret[at : at + size]) for at in range(0, len(secret), size))
        assert found + decryptor.finish() == plain
    with pytest.raises(StreamUnreadable):
        Decryptor(b"other key 123456", b"i" * 16).finish()


def test_emulation_prevention_is_undone_and_done() -> None:
    chance = random.Random(3)
    for _ in range(200):
        raw = bytes(chance.choice((0, 0, 0, 1, 2, 3, 200)) for _ in range(40)) + b"\x80"
        safe = nal.protect(raw)
        assert all(bad not in safe for bad in (b"\0\0\0", b"\0\0\1", b"\0\0\2"))
        assert nal.BitReader(safe).bits(8 * len(raw)) == int.from_bytes(raw, "big")


def test_exp_golomb_both_ways() -> None:
    writer = nal.BitWriter()
    values = [0, 1, 2, 3, 7, 8, 254, 255, 256, 70_000]
    for value in values:
        writer.ue(value)
    reader = nal.BitReader(writer.payload())
    assert [reader.ue() for _ in values] == values


@pytest.mark.parametrize(
    ("data", "end"),
    [(b"\xec\x84abcd", 6), (b"\xec\x40\x04abcd", 7), (b"\x18\x53\x80\x67\x01" + b"\xff" * 7, None)],
)
def test_ebml_sizes(data: bytes, end: int | None) -> None:
    element = read_element(data, 0)
    assert element is not None and element.end == end
