"""Probes files in a sandboxed child process."""

from __future__ import annotations

import json
import logging
import os
import signal
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Literal

from pydantic import TypeAdapter

from src.errors import AppError, Busy, MediaInvalid
from src.models.media import FrameIndex, MediaInfo, Timeline
from src.services.media.child import ENVIRONMENT, ROOT, Ended, ProbeLimits, sandbox_of
from src.services.media.forks import MediaForks
from src.services.media.probe_child import NO_MEMORY
from src.services.media.upload_turns import Turns, retry_later
from src.utils.background import in_background
from src.utils.process import dying_with
from src.utils.sandbox import available, locked_into
from src.utils.template import ForkedChild, fork_child

Need = Literal["video", "audio", "any"]
FORK = "src.services.media.forked_probe"
_MEBIBYTE = 2**20
_MOST_BYTES = 512 * _MEBIBYTE  # a fork that writes more is killed: its output is not trusted
UPLOAD_SECONDS = 60.0
"""The longest time to read an upload during a request; below nginx's timeouts (``deploy/nginx.conf.example``)."""
# Reading an 8K video needs a core for a second or two, and 1 GB. Two API processes are the default.
upload_turns = Turns(max((os.cpu_count() or 1) // 2, 1), longest_queue=32)

log = logging.getLogger(__name__)


# Made once, because each takes as long as reading a clip of some seconds.
_INFO, _TIMELINE, _FRAMES = TypeAdapter(MediaInfo), TypeAdapter(Timeline), TypeAdapter(FrameIndex)

UNHURRIED = ProbeLimits(wall_seconds=120.0)  # for jobs, which can wait on a busy machine
SCAN_LIMITS = ProbeLimits(cpu_seconds=1800, wall_seconds=1800.0)


def probe(path: Path, *, need: Need = "video", limits: ProbeLimits | None = None) -> MediaInfo:
    """Probe an untrusted file: only common containers, only this file, at most 8K. At least one frame of the needed
    kind of stream must be decodable.

    Raises:
        MediaInvalid: it cannot be read; the message is one sentence with the reason, and the detail ``reason`` is
            crash, time or memory if the child process failed.
        Busy: the machine is too busy.
    """
    return _INFO.validate_json(_read("probe", path, need, limits or UNHURRIED))


def probe_upload(
    path: Path, *, need: Need = "video", seconds: float = UPLOAD_SECONDS, turns: Turns = upload_turns
) -> MediaInfo:
    """Probe an upload during a request: files are read in turn, within ``seconds`` including the wait.

    Raises:
        MediaInvalid: see ``probe``.
        Busy: it took longer than ``seconds``; with ``retry_after_seconds``.
    """
    with turns.turn(seconds) as left:
        return probe(path, need=need, limits=ProbeLimits(wall_seconds=left))


def inspect_output(path: Path, *, decode: bool = False) -> Timeline:
    """Read the timelines of a file that we wrote, from its packets or from its decoded frames.

    Raises:
        MediaInvalid: it cannot be read.
    """
    return _TIMELINE.validate_json(_read("decode" if decode else "scan", path, "any", SCAN_LIMITS))


def check_output(path: Path) -> Timeline:
    """Read the timelines of a file that we wrote from its packets, and decode its key frames, the end of its video and
    all audio: ``errors`` is 0 for a file that plays.

    Raises:
        MediaInvalid: it cannot be read.
    """
    return _TIMELINE.validate_json(_read("check", path, "any", SCAN_LIMITS))


def examine(
    path: Path,
    *,
    need: Need = "video",
    check: bool = False,
    proven: bool = False,
    forks: MediaForks | None = None,
    waiting: WaitingProbe | None = None,
) -> tuple[MediaInfo, Timeline]:
    """Do ``probe`` and ``inspect_output`` (with ``check``: ``check_output``) in one process, because its start takes as
    long as encoding a second of video. ``proven``: every frame of the video was already decoded and compared, so only
    the audio is decoded. ``forks`` reads several files of a job with one start; ``waiting`` has started already, and
    checks with two processes at the same time.

    Raises:
        MediaInvalid: the file cannot be read.
    """
    child = waiting.take() if waiting is not None else None
    if check and not proven and child is not None and waiting is not None and (second := waiting.take()) is not None:
        return _examined_by_two(path, need, child, second)
    reading = "scan"
    if check:
        reading = "check_audio" if proven else "check"
    return _examined(f"probe,{reading}", path, need, forks, child)


def _examined(
    tasks: str, path: Path, need: Need, forks: MediaForks | None, child: ForkedChild | None
) -> tuple[MediaInfo, Timeline]:
    info, timeline = _read(tasks, path, need, SCAN_LIMITS, forks, child).splitlines()
    return _INFO.validate_json(info), _TIMELINE.validate_json(timeline)


def _examined_by_two(path: Path, need: Need, one: ForkedChild, other: ForkedChild) -> tuple[MediaInfo, Timeline]:
    """Check a file like ``examine``, with one process for the video and one for all else; they share only the file."""
    video = in_background(lambda: _read("check_video", path, "any", SCAN_LIMITS, child=other), "check of the video")
    try:
        info, timeline = _examined("probe,check_audio", path, need, None, one)
        errors = _TIMELINE.validate_json(video.result()).errors
    except BaseException:
        other.kill()
        raise
    return info, replace(timeline, errors=timeline.errors + errors)


def index_frames(path: Path, forks: MediaForks | None = None) -> FrameIndex:
    """Read the time of each frame of the main video from its packets.

    Raises:
        MediaInvalid: it cannot be read, or its packets do not correspond to frames.
    """
    return _FRAMES.validate_json(_read("index", path, "video", SCAN_LIMITS, forks))


def poster(path: Path) -> bytes:
    """Create a JPEG from the start of a video.

    Raises:
        MediaInvalid: it has no frames, or cannot be read.
    """
    return _read("poster", path, "video", ProbeLimits())


class WaitingProbe:
    """Two children that have started, are in networks of their own, and wait for the one file that they will read.

    Used as a context. After that file, or where there is no template, the next one is read by a child that starts then.
    """

    def __init__(self) -> None:
        """Start them, without waiting for it."""
        self._starting = in_background(lambda: [_forked(), _forked()], "start of a check")

    def __enter__(self) -> WaitingProbe:
        return self

    def __exit__(self, *_: object) -> None:
        while (child := self.take()) is not None:
            child.close()

    def take(self) -> ForkedChild | None:
        """One that still waits, if any does; each once."""
        children = self._starting.result()
        while children:
            child = children.pop(0)
            if child is not None and child.poll() is None:
                return child
            if child is not None:  # the template has ended meanwhile
                child.close()
        return None


def _read(
    tasks: str,
    path: Path,
    need: Need,
    limits: ProbeLimits,
    forks: MediaForks | None = None,
    child: ForkedChild | None = None,
) -> bytes:
    """Return the answer of a separate process for this file, without our environment, other files and a network.

    ``child``: one that waits for a file.
    """
    try:
        child = child or _forked()
        if child is not None:
            ended = _in_fork(child, tasks, need, path, limits)
        else:
            ended = (_in_process if forks is None else forks.read)(tasks, need, path, limits)
    except subprocess.TimeoutExpired:
        raise Busy("The machine is too busy to read this file; please try again shortly.", **retry_later()) from None
    if ended.code == 0:
        return ended.answer
    if ended.code == 1 and ended.answer:
        raise MediaInvalid(ended.answer.decode("utf-8", "replace").strip())
    raise failure_of(ended.code, ended.errors, tasks, limits)


def _forked() -> ForkedChild | None:
    """A fork of the template that waits for a file, or None where there is no template."""
    kind = available()
    return fork_child(FORK, (kind.files, kind.network, str(kind.namespaces)), stdout=True)


def _in_fork(child: ForkedChild, tasks: str, need: Need, path: Path, limits: ProbeLimits) -> Ended:
    """Read the file in a fork of the template. Returns how that ended."""
    task = [tasks, need, str(path.absolute()), limits.cpu_seconds, limits.wall_seconds, limits.memory_bytes]
    try:
        answer, errors = child.communicate(json.dumps(task).encode() + b"\n", limits.wall_seconds, _MOST_BYTES)
        return Ended(child.wait(), answer, errors.decode("utf-8", "replace"))
    except OverflowError as error:
        return Ended(1, b"", str(error))
    finally:
        child.close()


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


def failure_of(code: int, errors: str, tasks: str, limits: ProbeLimits) -> AppError:
    """Explain the end of a child process without an answer. ``code``: its exit code, negative for a signal."""
    if code == -signal.SIGXCPU:
        text = f"This file takes more than {limits.cpu_seconds} seconds of processor time to read"
        return MediaInvalid(text, reason="time")
    if code == NO_MEMORY or (code == 1 and errors.rstrip().endswith("MemoryError")):
        text = f"This file takes more than {limits.memory_bytes // _MEBIBYTE} MB of memory to read"
        return MediaInvalid(text, reason="memory")
    if code == -signal.SIGKILL:  # the kernel kills processes when the machine runs out of memory
        return Busy("Reading this file was interrupted; please try again shortly.", **retry_later())
    how = (signal.strsignal(-code) or str(code)) if code < 0 else f"exit code {code}"
    log.error("the reader of a media file crashed (%s, %s): %s", tasks, how, errors[-2000:].strip())
    return MediaInvalid("The program that reads videos crashed on this file", reason="crash")
