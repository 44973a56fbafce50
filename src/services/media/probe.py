"""Probing: what is in a file, found out in a child process that cannot hurt the one that asks."""

from __future__ import annotations

import logging
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Literal

from pydantic import TypeAdapter

from src.errors import AppError, Busy, MediaInvalid
from src.models.media import FrameIndex, MediaInfo, Timeline
from src.services.media.child import ENVIRONMENT, ROOT, Ended, ProbeLimits, sandbox_of
from src.services.media.forks import MediaForks
from src.services.media.probe_child import NO_MEMORY
from src.services.media.upload_turns import Turns, again
from src.utils.process import dying_with
from src.utils.sandbox import locked_into

Need = Literal["video", "audio", "any"]
_MEBIBYTE = 2**20
UPLOAD_SECONDS = 60.0
"""How long a request waits until its upload was read; below the timeouts of nginx (``deploy/nginx.conf.example``)."""
# Each reader of an 8K video takes a core for a second or two, and 1 GB. Two API processes are the default.
upload_turns = Turns(max((os.cpu_count() or 1) // 2, 1), longest_queue=32)

log = logging.getLogger(__name__)


UNHURRIED = ProbeLimits(wall_seconds=120.0)  # for jobs: a busy machine is no reason to doubt a file
SCAN_LIMITS = ProbeLimits(cpu_seconds=1800, wall_seconds=1800.0)


def probe(path: Path, *, need: Need = "video", limits: ProbeLimits | None = None) -> MediaInfo:
    """What ``path`` holds. Its content is not trusted: only well-known containers, only this one file, at most 8K,
    and the wanted kind of stream must give at least one decoded frame.

    Raises:
        MediaInvalid: it is nothing that can be read; the message says in one sentence why, and the detail ``reason``
            is crash, time or memory where the child process did not end by itself.
        Busy: the machine did not get round to it.
    """
    return TypeAdapter(MediaInfo).validate_json(_read("probe", path, need, limits or UNHURRIED))


def probe_upload(
    path: Path, *, need: Need = "video", seconds: float = UPLOAD_SECONDS, turns: Turns = upload_turns
) -> MediaInfo:
    """Like ``probe``, for a request that waits: files are read in turn, and it takes at most ``seconds`` in all.

    Raises:
        MediaInvalid: as ``probe``.
        Busy: not within ``seconds``; with ``retry_after_seconds``.
    """
    with turns.turn(seconds) as left:
        return probe(path, need=need, limits=ProbeLimits(wall_seconds=left))


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


def examine(
    path: Path, *, need: Need = "video", check: bool = False, proven: bool = False, forks: MediaForks | None = None
) -> tuple[MediaInfo, Timeline]:
    """What ``probe`` and ``inspect_output`` (``check_output``, with ``check``) tell, by one process: to start one costs
    as much as to encode a second of video. ``proven``: every frame of the video has been decoded and compared
    already, so the check decodes the sound. ``forks`` reads several files of a job with one start.

    Raises:
        MediaInvalid: as they do.
    """
    reading = "scan"
    if check:
        reading = "hear" if proven else "check"
    info, timeline = _read(f"probe,{reading}", path, need, SCAN_LIMITS, forks).splitlines()
    return TypeAdapter(MediaInfo).validate_json(info), TypeAdapter(Timeline).validate_json(timeline)


def index_frames(path: Path, forks: MediaForks | None = None) -> FrameIndex:
    """When each frame of the main video is shown, from its packets.

    Raises:
        MediaInvalid: it cannot be read, or its packets do not tell.
    """
    return TypeAdapter(FrameIndex).validate_json(_read("index", path, "video", SCAN_LIMITS, forks))


def poster(path: Path) -> bytes:
    """A picture from the beginning of a film, as JPEG.

    Raises:
        MediaInvalid: there is none, or it cannot be read.
    """
    return _read("poster", path, "video", ProbeLimits())


def _read(tasks: str, path: Path, need: Need, limits: ProbeLimits, forks: MediaForks | None = None) -> bytes:
    """The answer of a process of its own for this file; it sees no variable of our environment, no other file and no
    network."""
    try:
        ended = (_in_process if forks is None else forks.read)(tasks, need, path, limits)
    except subprocess.TimeoutExpired:
        raise Busy("The machine is too busy to read this file; please try again shortly.", **again()) from None
    if ended.code == 0:
        return ended.answer
    if ended.code == 1 and ended.answer:
        raise MediaInvalid(ended.answer.decode("utf-8", "replace").strip())
    raise failure_of(ended.code, ended.said, tasks, limits)


def _in_process(tasks: str, need: Need, path: Path, limits: ProbeLimits) -> Ended:
    bind = dying_with(os.getpid())
    with locked_into(sandbox_of(path)) as enter:

        def prepare() -> None:
            enter()
            bind()
            limits.apply()

        done = subprocess.run(
            [sys.executable, "-m", "src.services.media.probe_child", tasks, need, str(path.absolute())],
            cwd=ROOT,
            env=ENVIRONMENT,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=limits.wall_seconds,
            preexec_fn=prepare,
            check=False,
        )
    return Ended(done.returncode, done.stdout, done.stderr.decode("utf-8", "replace"))


def failure_of(code: int, said: str, tasks: str, limits: ProbeLimits) -> AppError:
    """What the end of a child process means that gave no answer: ``code`` is its exit code, or a signal below 0."""
    if code == -signal.SIGXCPU:
        text = f"This file takes more than {limits.cpu_seconds} seconds of processor time to read"
        return MediaInvalid(text, reason="time")
    if code == NO_MEMORY or (code == 1 and said.rstrip().endswith("MemoryError")):
        text = f"This file takes more than {limits.memory_bytes // _MEBIBYTE} MB of memory to read"
        return MediaInvalid(text, reason="memory")
    if code == -signal.SIGKILL:  # by nobody here: the kernel does so when the memory of the machine runs out
        return Busy("Reading this file was stopped from outside; please try again shortly.", **again())
    how = (signal.strsignal(-code) or str(code)) if code < 0 else f"exit code {code}"
    log.error("the reader of a media file crashed (%s, %s): %s", tasks, how, said[-2000:].strip())
    return MediaInvalid("The program that reads videos crashed on this file", reason="crash")
