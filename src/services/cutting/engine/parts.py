"""Describes a part of a video whose packets are copied."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Part:
    """The packets of one stream in files of FFmpeg's ``format``, read one after the other. ``shift``: seconds from
    their clock to the time line of the MP4; ``first``: the first time of the stream on its clock."""

    paths: tuple[Path, ...]
    format: str
    shift: float
    first: float
