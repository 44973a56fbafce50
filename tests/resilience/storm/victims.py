"""Who can be struck: the kinds of processes of a running service, and how to find them."""

from __future__ import annotations

import os
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from tests.tools.live_service import LiveService, descendants


class Kind(StrEnum):
    """What a process is to the service."""

    WORKER = "worker"
    CHILD = "worker child"
    SCHEDULER = "scheduler"
    API = "API process"
    FFMPEG = "FFmpeg"
    BROKER = "broker"
    DATABASE = "database"


STORES = frozenset({Kind.BROKER, Kind.DATABASE})


@dataclass(frozen=True, slots=True)
class Process:
    """One process as it is now: its id, its parent's, the kernel's short name and the command line."""

    pid: int
    parent: int
    name: str
    command: str


def look(pid: int) -> Process | None:
    """The process of this id, unless it has ended (a zombie has)."""
    try:
        name, rest = Path(f"/proc/{pid}/stat").read_text().split("(", 1)[1].rsplit(")", 1)
        state, parent = rest.split()[:2]
        command = Path(f"/proc/{pid}/cmdline").read_text(errors="replace").replace("\0", " ")
    except (OSError, IndexError):
        return None
    return None if state in "ZX" else Process(pid, int(parent), name, command)


def family(service: LiveService) -> list[Process]:
    """All processes that the launcher started, and theirs, oldest first."""
    return [found for pid in descendants(service.pid) if (found := look(pid)) is not None]


def kind_of(process: Process, launcher: int) -> Kind | None:
    """What a process of the family is; ``None`` for those in between (gunicorn's master, sandboxes)."""
    own = process.parent == launcher
    if process.name.startswith("ffmpeg"):
        return Kind.FFMPEG
    if "mongod" in process.command and own:
        return Kind.DATABASE
    if "valkey" in process.command and own:
        return Kind.BROKER
    if "src.scheduler" in process.command and own:
        return Kind.SCHEDULER
    if "celery" in process.command:
        return Kind.WORKER if own else Kind.CHILD
    if "gunicorn" in process.command and not own:
        return Kind.API
    return None


def victims(service: LiveService, kind: Kind) -> list[int]:
    """The processes of one kind, oldest first."""
    return [each.pid for each in family(service) if kind_of(each, service.pid) is kind]


def belongs_to(service: LiveService, mark: str) -> set[int]:
    """Processes anywhere on this machine that came from this service: by a mark in their environment, or by a path
    of its folder in their command (FFmpeg gets an empty environment)."""
    found = set()
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            marked = mark.encode() in (folder / "environ").read_bytes()
            named = str(service.folder).encode() in (folder / "cmdline").read_bytes()
        except OSError:
            continue
        if (marked or named) and int(folder.name) != os.getpid() and look(int(folder.name)) is not None:
            found.add(int(folder.name))
    return found
