"""Recordings with a version of FFmpeg that lacks newer options of its reader of playlists."""

from __future__ import annotations

from pathlib import Path

import pytest

from src.services.streams.converting import playlist_options
from tests.tools.media_kit import FFMPEG

NEWER = ("allowed_segment_extensions", "extension_picky")


@pytest.mark.parametrize("missing", [(), NEWER[:1], NEWER[1:], NEWER], ids=["none", *NEWER, "both"])
def test_options_that_the_program_does_not_list_are_left_out(missing: tuple[str, ...], tmp_path: Path) -> None:
    listed = [name for name in ("allowed_extensions", *NEWER) if name not in missing]
    program = tmp_path / "ffmpeg"
    lines = "".join(rf"  -{name} <string> .D......... text\n" for name in listed)
    program.write_text(f"#!/bin/sh\n[ \"$4\" = demuxer=hls ] && printf '{lines}'\n")
    program.chmod(0o755)
    given = [word.removeprefix("-") for word in playlist_options(program) if word.startswith("-")]
    assert given == ["protocol_whitelist", "f", *listed]


def test_the_pinned_program_gets_all_of_them() -> None:
    assert {f"-{name}" for name in NEWER} <= set(playlist_options(Path(FFMPEG)))
