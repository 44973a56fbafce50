"""Proof of a lossless encode: the hash of every frame that went in against that of every frame that comes out."""

from __future__ import annotations

from itertools import zip_longest
from pathlib import Path

import ffmpeg

from src.errors import EncodeFailed
from src.models.encode_plan import EncodePlan, Filter
from src.models.progress import Monitor
from src.services.encoding.arguments import PROOF_OPTIONS, file_url, filtered, input_options
from src.services.ffmpeg_utils_service import FFmpeg


def prove(
    program: FFmpeg,
    plan: EncodePlan,
    source: Path,
    output: Path,
    went_in: Path,
    monitor: Monitor,
    *,
    went_in_known: bool,
) -> int:
    """The number of frames that are proven equal.

    ``went_in`` holds the hashes that were written beside the encode, if ``went_in_known``; otherwise (copied streams,
    encodes in chunks) they are made here from the source.

    Raises:
        EncodeFailed: one frame differs, or one is missing.
    """
    came_out = went_in.with_suffix(".out")
    try:
        if plan.video.action == "copy" or not went_in_known:
            filters = plan.video.filters
            _hash_frames(program, source, plan.demuxer, plan.video.stream_index, filters, went_in, monitor)
        form = plan.video.pixel_format if plan.video.encoder == "libx264rgb" else None
        back = () if form is None else (Filter("format", (("pix_fmts", form),)),)
        _hash_frames(program, output, "mov", 0, back, came_out, monitor)
        return compare(went_in, came_out)
    finally:
        came_out.unlink(missing_ok=True)
        went_in.unlink(missing_ok=True)


def compare(went_in: Path, came_out: Path) -> int:
    """The number of lines of two framemd5 files whose hashes are all equal, in order."""
    count = 0
    with went_in.open() as before, came_out.open() as after:
        for count, (put, got) in enumerate(zip_longest(_hashes(before), _hashes(after)), start=1):
            if put != got:
                raise EncodeFailed(f"The encode is not lossless: frame {count - 1} differs", frame=count - 1)
    if not count:
        raise EncodeFailed("The encode gave no frame")
    return count


def _hashes(lines: object) -> list[str]:
    assert hasattr(lines, "__iter__")
    return [line.rsplit(",", 1)[1].strip() for line in lines if line.strip() and not line.startswith("#")]


def _hash_frames(
    program: FFmpeg,
    path: Path,
    demuxer: str,
    index: int,
    filters: tuple[Filter, ...],
    out: Path,
    monitor: Monitor,
) -> None:
    frames = ffmpeg.input(file_url(path), **input_options(demuxer, keep_rotation=True))[str(index)]
    frames = filtered(frames, filters)
    program.run(ffmpeg.get_args(ffmpeg.output(frames, file_url(out), **PROOF_OPTIONS)), monitor=monitor)
