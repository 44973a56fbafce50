"""Describes a process as the services that run jobs see it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from src.services.jobs.lease import ShutdownFlag


@dataclass(frozen=True)
class Process:
    """The name of a process, its shutdown flag, and a function that ends it at once.

    ``end`` is the last resort against work that hangs; without it such work is left alone.
    """

    worker: str = "api"
    shutdown: ShutdownFlag = field(default_factory=ShutdownFlag)
    end: Callable[[], None] | None = None
