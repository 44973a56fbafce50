"""A chunk: one part of a long encode, from one key frame to another, which any worker can encode by itself."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from src.models.encode_plan import EncodePlan
from src.models.video import Lease


@dataclass(frozen=True, slots=True)
class ChunkTask:
    """What the chunks of one encode have in common: all that a worker needs beside the chunk itself."""

    plan: EncodePlan
    source: Path


@dataclass(frozen=True, slots=True)
class Chunk:
    """One part: its number, from where it is read in seconds, how many frames, and where it is written."""

    number: int
    start_seconds: float
    frames: int
    path: Path


@dataclass(frozen=True, slots=True)
class ChunkRecord:
    """A chunk of a job as it is stored. ``task`` is the common part as JSON, ``path`` the finished file.

    ``frames_done`` is what the worker that has it told last.
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
