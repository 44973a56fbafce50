"""A process that reads one media file: what it may use and touch, and how it ended."""

from __future__ import annotations

import resource
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from src.utils.process import use_at_most
from src.utils.sandbox import SandboxRules

ROOT: Final = Path(__file__).parents[3]
ENVIRONMENT: Final = {"LANG": "C.UTF-8", "PYTHONDONTWRITEBYTECODE": "1"}  # no variable of our own
_MEBIBYTE = 2**20


@dataclass(frozen=True, slots=True)
class ProbeLimits:
    """What reading one file may use: processor seconds, seconds on the clock, bytes of address space."""

    cpu_seconds: int = 15
    wall_seconds: float = 20.0
    memory_bytes: int = 2048 * _MEBIBYTE

    def apply(self) -> None:
        """Put them on this process (called in the child)."""
        for name, value in (
            (resource.RLIMIT_CPU, self.cpu_seconds + 1),
            (resource.RLIMIT_AS, self.memory_bytes),
            (resource.RLIMIT_FSIZE, 0),
            (resource.RLIMIT_CORE, 0),
        ):
            use_at_most(name, value)
        # SIGXCPU comes at the lower limit: with both equal it would be SIGKILL, which others send as well.
        _, most = resource.getrlimit(resource.RLIMIT_CPU)
        resource.setrlimit(resource.RLIMIT_CPU, (min(self.cpu_seconds, most), most))


@dataclass(frozen=True, slots=True)
class Ended:
    """A process that has ended: its exit code, or a signal below 0, and what it wrote."""

    code: int
    answer: bytes
    said: str


def sandbox_of(*paths: Path) -> SandboxRules:
    """These files and folders, and what Python itself and the packages need; of this project's folder only the code."""
    python = Path(sys.executable)
    return SandboxRules(
        reads=(*paths, Path(sys.prefix), Path(sys.base_prefix, "lib"), ROOT / "src"),
        programs=(python, python.resolve()),
        lists=(ROOT,),
    )
