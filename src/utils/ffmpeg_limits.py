"""Defines the limits of an FFmpeg process: time, memory, and the size of its file."""

from __future__ import annotations

import resource
from dataclasses import dataclass

from src.utils.process import use_at_most


@dataclass(frozen=True, slots=True)
class Limits:
    """The limits of one FFmpeg process; None is unlimited.

    ``wall_seconds`` from start to end; ``stall_seconds`` without any new frame, time or byte; ``cpu_seconds`` of all
    its threads together; ``memory_bytes`` of address space; ``file_bytes`` of the largest file that it writes.
    """

    wall_seconds: float | None = None
    stall_seconds: float | None = 180.0
    cpu_seconds: int | None = None
    memory_bytes: int | None = None
    file_bytes: int | None = None

    def apply(self) -> None:
        """Apply the limits that the kernel enforces to the current process; call it in the child."""
        pairs = (
            (resource.RLIMIT_CPU, self.cpu_seconds),
            (resource.RLIMIT_AS, self.memory_bytes),
            (resource.RLIMIT_FSIZE, self.file_bytes),
            (resource.RLIMIT_CORE, 0),
        )
        for name, value in pairs:
            if value is not None:
                use_at_most(name, value)
