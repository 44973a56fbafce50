"""Reads the load of this machine from the operating system, without a further package.

The memory is available on Linux only, and the load only where the system reports it.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class MachineReading:
    """Percentages 0-100, ``None`` where the system has no value. ``cpu_percent`` is the load of the last minute per
    core (man 3 getloadavg), so one reading is enough."""

    cpu_percent: float | None
    memory_percent: float | None
    disk_percent: float
    disk_free_bytes: int


def read_machine(folder: Path) -> MachineReading:
    """Return the current load; the disk is the one that contains ``folder``."""
    disk = shutil.disk_usage(folder)
    return MachineReading(_cpu(), _memory(), round(100 * (1 - disk.free / disk.total), 1), disk.free)


def count_processes(programs: Collection[Path]) -> int | None:
    """Return how many processes on this machine run a program of these names (the kernel stores 15 characters)."""
    names = {program.name[:15] for program in programs}
    try:
        entries = [entry for entry in Path("/proc").iterdir() if entry.name.isdigit()]
    except OSError:
        return None
    return sum(_comm(entry) in names for entry in entries)


def _comm(process: Path) -> str:
    try:
        return (process / "comm").read_text(encoding="utf-8", errors="replace").rstrip("\n")
    except OSError:  # it has just ended
        return ""


def _cpu() -> float | None:
    try:
        return round(min(100 * os.getloadavg()[0] / (os.cpu_count() or 1), 100.0), 1)
    except OSError:
        return None


def _memory() -> float | None:
    try:
        lines = Path("/proc/meminfo").read_text(encoding="ascii").splitlines()
        kilobytes = {name: int(value.split()[0]) for name, _, value in (line.partition(":") for line in lines)}
        return round(100 * (1 - kilobytes["MemAvailable"] / kilobytes["MemTotal"]), 1)
    except (OSError, ValueError, KeyError, IndexError):
        return None
