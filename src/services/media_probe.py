"""Probing: what is in a file, found out in a child process that cannot hurt the one that asks."""

from __future__ import annotations

import os
import resource
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from pydantic import TypeAdapter

from src.errors import MediaInvalid
from src.models.media import FrameIndex, MediaInfo, Timeline
from src.utils.process import dying_with, use_at_most
from src.utils.sandbox import Cage, locked_into

Need = Literal["video", "audio", "any"]
_ROOT = Path(__file__).parents[2]
_MEBIBYTE = 2**20
_TOO_MUCH = "This file takes more time or memory to read than a video may take"


@dataclass(frozen=True, slots=True)
class ProbeLimits:
    """What reading one file may use: processor seconds, seconds on the clock, bytes of address space."""

    cpu_seconds: int = 15
    wall_seconds: float = 20.0
    memory_bytes: int = 2048 * _MEBIBYTE

    def apply(self) -> None:
        """Put them on this process (called in the child)."""
        for name, value in (
            (resource.RLIMIT_CPU, self.cpu_seconds),
            (resource.RLIMIT_AS, self.memory_bytes),
            (resource.RLIMIT_FSIZE, 0),
            (resource.RLIMIT_CORE, 0),
        ):
            use_at_most(name, value)


UNHURRIED = ProbeLimits(wall_seconds=120.0)  # for jobs: a busy machine is no reason to doubt a file
SCAN_LIMITS = ProbeLimits(cpu_seconds=1800, wall_seconds=1800.0)


def probe(path: Path, *, need: Need = "video", limits: ProbeLimits | None = None) -> MediaInfo:
    """What ``path`` holds. Its content is not trusted: only well-known containers, only this one file, at most 8K,
    and the wanted kind of stream must give at least one decoded frame.

    Raises:
        MediaInvalid: it is nothing that can be read; the message says in one sentence why.
    """
    return TypeAdapter(MediaInfo).validate_json(_read("probe", path, need, limits or ProbeLimits()))


def inspect_output(path: Path, *, decode: bool = False) -> Timeline:
    """The time axes of a file of our own making, for checking it: from its packets, or from its decoded frames.

    Raises:
        MediaInvalid: it cannot be read.
    """
    return TypeAdapter(Timeline).validate_json(_read("decode" if decode else "scan", path, "any", SCAN_LIMITS))


def check_output(path: Path) -> Timeline:
    """The time axes of a file of our own making from its packets, with every key frame, the end of the picture and
    all sound decoded on the way: ``errors`` is 0 for a file that plays.

    Raises:
        MediaInvalid: it cannot be read.
    """
    return TypeAdapter(Timeline).validate_json(_read("check", path, "any", SCAN_LIMITS))


def examine(path: Path, *, need: Need = "video", check: bool = False) -> tuple[MediaInfo, Timeline]:
    """What ``probe`` and ``inspect_output`` (``check_output``, with ``check``) tell, by one child: to start one costs
    as much as to encode a second of video.

    Raises:
        MediaInvalid: as they do.
    """
    info, timeline = _read("probe,check" if check else "probe,scan", path, need, SCAN_LIMITS).splitlines()
    return TypeAdapter(MediaInfo).validate_json(info), TypeAdapter(Timeline).validate_json(timeline)


def index_frames(path: Path) -> FrameIndex:
    """When each frame of the main video is shown, from its packets.

    Raises:
        MediaInvalid: it cannot be read, or its packets do not tell.
    """
    return TypeAdapter(FrameIndex).validate_json(_read("index", path, "video", SCAN_LIMITS))


def poster(path: Path) -> bytes:
    """A picture from the beginning of a film, as JPEG.

    Raises:
        MediaInvalid: there is none, or it cannot be read.
    """
    return _read("poster", path, "video", ProbeLimits())


def _read(tasks: str, path: Path, need: Need, limits: ProbeLimits) -> bytes:
    """The answer of the child process; it sees no variable of our environment, no other file and no network."""
    bind = dying_with(os.getpid())
    try:
        with locked_into(_cage(path)) as enter:

            def prepare() -> None:
                enter()
                bind()
                limits.apply()

            done = subprocess.run(
                [sys.executable, "-m", "src.services.media_reader", tasks, need, str(path.absolute())],
                cwd=_ROOT,
                env={"LANG": "C.UTF-8", "PYTHONDONTWRITEBYTECODE": "1"},
                stdin=subprocess.DEVNULL,
                capture_output=True,
                timeout=limits.wall_seconds,
                preexec_fn=prepare,
                check=False,
            )
    except subprocess.TimeoutExpired:
        raise MediaInvalid(_TOO_MUCH) from None
    if done.returncode == 0:
        return done.stdout
    if done.returncode == 1 and done.stdout:
        raise MediaInvalid(done.stdout.decode("utf-8", "replace").strip())
    raise MediaInvalid(_TOO_MUCH)


def _cage(path: Path) -> Cage:
    """The file, and what Python itself and the packages need; of this project's folder only the code."""
    python = Path(sys.executable)
    return Cage(
        reads=(path, Path(sys.prefix), Path(sys.base_prefix, "lib"), _ROOT / "src"),
        programs=(python, python.resolve()),
        lists=(_ROOT,),
    )
