"""Defines chunks: parts of a long encode, from key frame to key frame, which workers encode independently."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from src.models.encode_plan import EncodePlan
from src.models.video import Lease


@dataclass(frozen=True, slots=True)
class ChunkTask:
    """What the chunks of one encode share: everything that a worker needs besides the chunk itself."""

    plan: EncodePlan
    source: Path


@dataclass(frozen=True, slots=True)
class Chunk:
    """A chunk: its number, its start in the source in seconds, its number of frames, and its output file."""

    number: int
    start_seconds: float
    frames: int
    path: Path


@dataclass(frozen=True, slots=True)
class ChunkRecord:
    """A chunk of a job as it is stored. ``task`` is the shared part as JSON, ``path`` the finished file.

    ``frames_done`` is the progress that its worker last reported.
    """

    id: str
    job_id: str
    number: int
    start_seconds: float
    frames: int
    task: str
    lease: Lease | None = None
    frames_done: int = 0
    path: Path | None = None
    size_bytes: int = 0
    attempts: int = 0
