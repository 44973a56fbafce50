"""What a program writes costs a bounded amount of memory: one that reads untrusted media may write anything."""

from __future__ import annotations

import tracemalloc
from pathlib import Path

import pytest

from src.errors import EncodeFailed
from src.services.ffmpeg_utils_service import FFmpeg

WRITTEN_BYTES, NAMES, MOST_BYTES = 3_000_000, 20_000, 1_000_000


def peak_of(program: Path, script: str) -> int:
    """Run a program that fails; return the most memory that reading its output took, in bytes."""
    program.write_text(f"#!/bin/sh\n{script}\nexit 1\n")
    program.chmod(0o700)
    tracemalloc.start()
    try:
        with pytest.raises(EncodeFailed):
            FFmpeg(program).run([])
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


def test_a_line_without_an_end(tmp_path: Path) -> None:
    assert peak_of(tmp_path / "program", f"head -c {WRITTEN_BYTES} /dev/zero | tr '\\0' x >&2") < MOST_BYTES


def test_readings_of_countless_names(tmp_path: Path) -> None:
    script = f'while [ "$1" != -progress ]; do shift; done; seq -f "n%.0f=value" {NAMES} >"/proc/self/fd/${{2#pipe:}}"'
    assert peak_of(tmp_path / "program", script) < MOST_BYTES
