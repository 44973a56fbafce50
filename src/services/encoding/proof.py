"""Proves that an encode is lossless by comparing the hashes of all frames before and after it."""

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
    input_hashes: Path,
    monitor: Monitor,
    *,
    hashed_input: bool,
) -> int:
    """Prove that all frames are equal. Returns their number.

    With ``hashed_input``, the encode has written ``input_hashes``; otherwise (copied streams, encodes in chunks) they
    are computed from the source.

    Raises:
        EncodeFailed: a frame differs or is missing.
    """
    output_hashes = input_hashes.with_suffix(".out")
    try:
        if plan.video.action == "copy" or not hashed_input:
            filters = plan.video.filters
            _hash_frames(program, source, plan.demuxer, plan.video.stream_index, filters, input_hashes, monitor)
        form = plan.video.pixel_format if plan.video.encoder == "libx264rgb" else None
        back = () if form is None else (Filter("format", (("pix_fmts", form),)),)
        _hash_frames(program, output, "mov", 0, back, output_hashes, monitor)
        return compare(input_hashes, output_hashes)
    finally:
        output_hashes.unlink(missing_ok=True)
        input_hashes.unlink(missing_ok=True)


def compare(input_hashes: Path, output_hashes: Path) -> int:
    """Require that the hashes of two framehash files are equal. Returns their number."""
    count = 0
    with input_hashes.open() as before, output_hashes.open() as after:
        for count, (put, got) in enumerate(zip_longest(_hashes(before), _hashes(after)), start=1):
            if put != got:
                raise EncodeFailed(f"The encode is not lossless: frame {count - 1} differs", frame=count - 1)
    if not count:
        raise EncodeFailed("The encode has no frames")
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
