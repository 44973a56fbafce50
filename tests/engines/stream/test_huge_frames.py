"""Segments whose frames are larger than any that the service accepts are not decoded."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from src.services.media.probe_child import MAX_PIXELS
from src.services.streams.segment_probe import probe_segment
from src.utils.ffmpeg_program import find_programs


@pytest.mark.parametrize(("height", "is_decoded"), [(4608, True), (4624, False)])
def test_only_frames_of_the_largest_size_are_decoded(tmp_path: Path, height: int, is_decoded: bool) -> None:
    segment = tmp_path / "a.ts"
    picture = ["-f", "lavfi", "-i", f"color=size=8192x{height}:rate=25", "-frames:v", "1", "-c:v", "libx264"]
    program = find_programs("")[0].path
    subprocess.run(
        [program, *picture, "-preset", "ultrafast", "-threads", "1", segment], check=True, capture_output=True
    )
    assert (8192 * height <= MAX_PIXELS) is is_decoded
    facts = probe_segment(segment.read_bytes(), deep=True)
    assert (facts is not None and not facts.damaged) is is_decoded
