"""What a segment is, told from its structure: media, damaged media, or something else."""

from __future__ import annotations

import tracemalloc
from pathlib import Path

import pytest

from src.services.cutting.engine.soundness import Soundness, examine, judge
from tests.tools.media_kit.hls import HTML, png

PACKET = b"\x47\x01\x00\x10" + bytes(184)
M2TS = bytes(4) + PACKET
BOX = b"\0\0\0\x0cmoof\0\0\0\0" + b"\0\0\0\x0cmdat\0\0\0\0"
TAGGED = b"ID3\4\0\0\0\0\0\2ab" + b"\xff\xf1" + bytes(40)
LARGE = 256 << 20


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        (PACKET * 20, Soundness.WHOLE),
        (M2TS * 20, Soundness.WHOLE),
        (BOX, Soundness.WHOLE),
        (TAGGED, Soundness.WHOLE),
        (b"\x1a\x45\xdf\xa3" + bytes(50), Soundness.WHOLE),
        (PACKET * 10 + bytes(188) + PACKET * 10, Soundness.DAMAGED),
        (b"junk" + PACKET * 20, Soundness.DAMAGED),
        (BOX[:-1], Soundness.DAMAGED),
        (BOX[12:], Soundness.FOREIGN),
        (HTML, Soundness.FOREIGN),
        (b"", Soundness.FOREIGN),
        (bytes(20_000), Soundness.FOREIGN),
    ],
)
@pytest.mark.parametrize("header", [b"", png(70), png(5000)], ids=["bare", "small", "large"])
def test_a_segment_is_known_by_its_structure(
    header: bytes, content: bytes, expected: Soundness, tmp_path: Path
) -> None:
    if header and not content.startswith((PACKET, BOX[:12])):
        expected, content = Soundness.FOREIGN, b""
    path = tmp_path / "segment"
    path.write_bytes(header + content)
    assert examine(path) is expected
    soundness, bare = judge(header + content)
    assert soundness is expected
    if expected is not Soundness.FOREIGN:
        assert path.read_bytes() == bare == content


def test_a_large_segment_is_not_held_in_memory(tmp_path: Path) -> None:
    """A playlist may have a whole video as its only segment. The file is sparse: it takes no room."""
    path = tmp_path / "segment"
    with path.open("wb") as file:
        file.write(png(5000) + PACKET * 20)
        file.truncate(LARGE)
    tracemalloc.start()
    try:
        assert examine(path) is Soundness.DAMAGED
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < LARGE / 10
    assert path.stat().st_size == LARGE - 5000
