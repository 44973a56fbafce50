"""Tests every component that a job needs with a small real task, all at once, each within a time limit."""

from __future__ import annotations

import logging
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import wait
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar
from uuid import uuid4

import httpx

from src.data.lock_data import LockData
from src.errors import AppError, EncodeFailed
from src.services.cache_service import CacheService
from src.services.egress.proxy import EgressProxy
from src.services.ffmpeg_utils_service import FFmpeg
from src.services.file_store import FileStore
from src.services.media.probe import inspect_output
from src.utils.background import in_background
from src.utils.ffmpeg_limits import Limits as ProgramLimits
from src.utils.sandbox import available

log = logging.getLogger(__name__)
Answer = TypeVar("Answer")

_FRAMES = 25
_VIDEO = f"testsrc2=size=128x72:rate=25:duration={_FRAMES / 25}"
# The last loopback address, which no operator allows on purpose.
_FORBIDDEN = "http://127.255.255.254/"


class Broken(Exception):
    """A component does not work as required; the text describes the problem."""


@dataclass(frozen=True, slots=True)
class Checked:
    """The result of one component; ``problem`` describes a failure."""

    name: str
    ok: bool
    milliseconds: int
    problem: str | None = None


@dataclass(frozen=True, slots=True)
class SelfTest:
    """Tests the components of this process."""

    ffmpeg: FFmpeg
    files: FileStore
    locks: LockData
    cache: CacheService
    egress: EgressProxy

    def run(self, *, seconds: float) -> tuple[Checked, ...]:
        """Test everything; a component that does not answer within ``seconds`` is reported as broken."""
        parts: dict[str, Callable[[], None]] = {
            "encode": self._encode,
            "sandbox": self._sandbox,
            "mongodb": self._mongodb,
            "redis": self._redis,
            "egress": self._egress,
        }
        answers = at_once({name: _checked(name, part) for name, part in parts.items()}, seconds=seconds)
        late = f"no answer within {seconds:g} s"
        return tuple(answers.get(name) or Checked(name, False, round(seconds * 1000), late) for name in parts)

    def _encode(self) -> None:
        """Encode a second of video in the sandbox, write it to the disk of the downloads, and read it back."""
        with self._folder() as folder:
            video = folder / "video.mp4"
            program = self.ffmpeg.confined(reads=[], writes=[folder])
            args = ["-f", "lavfi", "-i", _VIDEO, "-c:v", "libx264", "-preset", "ultrafast", str(video)]
            program.run(args, limits=ProgramLimits(wall_seconds=15, cpu_seconds=10))
            track = inspect_output(video).video
            if track is None or track.units != _FRAMES:
                raise Broken(f"{_FRAMES} frames were encoded and {track.units if track else 0} arrived")

    def _sandbox(self) -> None:
        """Check that a program in the sandbox cannot read a file outside of it."""
        kind = available()
        if kind.files == "none":
            raise Broken(f"programs can access all files: {kind.reasons[0]}")
        with self._folder() as folder:
            outside, work = folder / "outside.gray", folder / "work"
            outside.write_bytes(b"\0" * 16)
            work.mkdir()
            raw = ["-f", "rawvideo", "-pix_fmt", "gray", "-s", "4x4", "-i", str(outside), "-f", "null", "-"]
            self.ffmpeg.run(raw, limits=ProgramLimits(wall_seconds=10))  # the read succeeds without the sandbox
            try:
                self.ffmpeg.confined(reads=[], writes=[work]).run(raw, limits=ProgramLimits(wall_seconds=10))
            except EncodeFailed as error:
                if "Permission denied" in error.message:
                    return
                raise Broken(f"the sandbox could not be tested: {error.message}") from None
            raise Broken("a program in the sandbox read a file outside of it")

    def _mongodb(self) -> None:
        """Write with majority and journal, and read the value back by the server's clock."""
        if not self.locks.take("self-test", "self-test", seconds=1):
            raise Broken("a written value could not be read back")

    def _redis(self) -> None:
        key, value = f"self-test:{uuid4()}", time.monotonic()  # other processes may test at the same time
        if not self.cache.set(key, value, ttl_seconds=10) or self.cache.get(key) != value:
            raise Broken("Redis does not store values")

    def _egress(self) -> None:
        """Check that the egress proxy refuses a private address."""
        with self.egress.session() as session:
            with httpx.Client(proxy=session.proxy_url, trust_env=False, timeout=5) as client:
                try:
                    client.get(_FORBIDDEN)
                except httpx.HTTPError as error:
                    log.info("the egress proxy did not answer: %s", error)
            if session.report.refusals != 1:
                raise Broken("the egress proxy did not refuse a private address")

    @contextmanager
    def _folder(self) -> Iterator[Path]:
        """Create a temporary folder on the disk of the downloads."""
        with tempfile.TemporaryDirectory(prefix=".self-test-", dir=self.files.downloads) as folder:
            yield Path(folder)


def _checked(name: str, part: Callable[[], None]) -> Callable[[], Checked]:
    def run() -> Checked:
        started = time.monotonic()
        problem: str | None = None
        try:
            part()
        except (AppError, Broken) as error:
            problem = str(error)
        except Exception as error:
            log.exception("the self-test of %s failed", name)
            problem = type(error).__name__
        return Checked(name, problem is None, round((time.monotonic() - started) * 1000), problem)

    return run


def at_once(questions: Mapping[str, Callable[[], Answer]], *, seconds: float) -> dict[str, Answer]:
    """Ask all questions at once, each on a thread, and return the answers that arrived in time without an exception.
    Late threads are not waited for."""
    asked = {name: in_background(question, f"ask-{name}") for name, question in questions.items()}
    in_time, _ = wait(asked.values(), timeout=seconds)
    for name, future in asked.items():
        if future in in_time and (error := future.exception()) is not None:
            log.error("%s could not be determined", name, exc_info=error)
    return {name: future.result() for name, future in asked.items() if future in in_time and not future.exception()}
