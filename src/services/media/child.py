"""Defines the limits, the sandbox and the result of a child process that reads one media file."""

from __future__ import annotations

import resource
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from src.utils.process import use_at_most
from src.utils.sandbox import SandboxRules

ROOT: Final = Path(__file__).parents[3]
ENVIRONMENT: Final = {"LANG": "C.UTF-8", "PYTHONDONTWRITEBYTECODE": "1"}  # without our own variables
_MEBIBYTE = 2**20


@dataclass(frozen=True, slots=True)
class ProbeLimits:
    """The limits for reading one file: processor seconds, real seconds, bytes of address space."""

    cpu_seconds: int = 15
    wall_seconds: float = 20.0
    memory_bytes: int = 2048 * _MEBIBYTE

    def apply(self) -> None:
        """Apply the limits to this process, the child."""
        for name, value in (
            (resource.RLIMIT_CPU, self.cpu_seconds + 1),
            (resource.RLIMIT_AS, self.memory_bytes),
            (resource.RLIMIT_FSIZE, 0),
            (resource.RLIMIT_CORE, 0),
        ):
            use_at_most(name, value)
        # The soft limit is lower, so that the process gets SIGXCPU: SIGKILL could also come from other processes.
        _, most = resource.getrlimit(resource.RLIMIT_CPU)
        resource.setrlimit(resource.RLIMIT_CPU, (min(self.cpu_seconds, most), most))


@dataclass(frozen=True, slots=True)
class Ended:
    """A process that has ended: its exit code (negative for a signal), its answer, and its error output."""

    code: int
    answer: bytes
    errors: str


def sandbox_of(*paths: Path) -> SandboxRules:
    """Allow these files and folders, Python and its packages, and of the project's folder only the code."""
    python = Path(sys.executable)
    return SandboxRules(
        reads=(*paths, Path(sys.prefix), Path(sys.base_prefix, "lib"), ROOT / "src"),
        programs=(python, python.resolve()),
        lists=(ROOT,),
    )
