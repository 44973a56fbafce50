"""The parent's side of the conversation with a sandboxed clip engine: what a child says that may be anybody by now."""

from __future__ import annotations

import json
import logging
import os
import selectors
import socket
import subprocess
from collections.abc import Callable
from contextlib import suppress
from fractions import Fraction
from typing import Annotated, Literal

from pydantic import Field, TypeAdapter, ValidationError

from src.errors import EngineInterrupted, ErrorKind, InternalError, SegmentMissing, error_from_code
from src.models.media_source import ClipSource, SourceUnreadable
from src.models.progress import Monitor, Progress
from src.services.cutting.engine.model import ClipReport, Discontinuous
from src.services.cutting.sandbox_child import send_task
from src.services.ffmpeg_utils_service import CHECK_SECONDS

log = logging.getLogger(__name__)

_LONGEST_LINE = 4 << 20  # a report of many clips with notes; nothing honest is longer
_KEPT_STDERR = 16 << 10
_SECONDS = Annotated[float, Field(ge=0, le=1e9)]
_MISSING = TypeAdapter(Annotated[list[dict[Literal["start", "end"], _SECONDS]], Field(min_length=1, max_length=10_000)])
_PROGRESS, _REPORTS = TypeAdapter(Progress), TypeAdapter(list[ClipReport])


def engine_died(reason: str) -> EngineInterrupted:
    """The error for a child that ended without an answer or sent something that is no answer.

    ``reason`` goes to the log only: it may hold what an untrusted process wrote.
    """
    log.warning("the clip engine ended without a result: %s", reason)
    return EngineInterrupted()


class SandboxChannel:
    """The conversation about one task."""

    def __init__(
        self,
        process: subprocess.Popen[bytes],
        channel: socket.socket,
        monitor: Monitor,
        refresh: Callable[[], ClipSource] | None,
    ) -> None:
        self._process, self._channel, self._monitor, self._refresh = process, channel, monitor, refresh
        self._rest, self._said = b"", b""

    def run(self) -> list[ClipReport]:
        """The reports; raises like ``SandboxedEngine.run``."""
        assert self._process.stderr is not None
        errors = self._process.stderr.fileno()
        os.set_blocking(errors, False)
        with selectors.DefaultSelector() as selector:
            selector.register(self._channel, selectors.EVENT_READ)
            selector.register(errors, selectors.EVENT_READ)
            while True:
                ready = {key.fd for key, _ in selector.select(CHECK_SECONDS)}
                self._monitor.check()
                if errors in ready and not self._listen(errors):
                    selector.unregister(errors)
                if self._channel.fileno() in ready:
                    for line in self._lines():
                        made = self._take(line)
                        if made is not None:
                            return made

    def _listen(self, errors: int) -> bool:
        said = os.read(errors, 65536)
        self._said = (self._said + said)[-_KEPT_STDERR:]
        return bool(said)

    def _lines(self) -> list[bytes]:
        data = self._channel.recv(65536)
        if not data:
            raise engine_died(self._end())
        if len(self._rest) > _LONGEST_LINE:
            raise engine_died("it says one thing without an end")
        *lines, self._rest = (self._rest + data).split(b"\n")
        return lines

    def _end(self) -> str:
        """What it said while it ended."""
        assert self._process.stderr is not None
        with suppress(subprocess.TimeoutExpired):
            self._process.wait(1)
        with suppress(BlockingIOError):
            for _ in range(16):  # somebody who never stops is not listened to for ever
                if not self._listen(self._process.stderr.fileno()):
                    break
        return self._said.decode("utf-8", "replace")[-2000:] or "it ended without a word"

    def _take(self, line: bytes) -> list[ClipReport] | None:
        """One line of somebody who may be anybody by now."""
        try:
            ((what, value),) = json.loads(line).items()
            if what == "progress":
                progress = _PROGRESS.validate_python(value)
            elif what == "made":
                return _REPORTS.validate_python(value)
        except (ValueError, AttributeError, RecursionError, ValidationError) as error:
            raise engine_died(f"it said what it never says: {type(error).__name__}") from None
        if what == "progress":
            self._monitor.report(progress)
        elif what == "refresh" and self._refresh is not None:
            assert self._process.stdin is not None
            refresh, self._refresh = self._refresh, None  # an honest engine asks once; each time is a look at the site
            send_task(self._process.stdin, refresh())
        elif what == "discontinuous":
            raise Discontinuous(str(value))
        elif what == "unreadable":
            raise SourceUnreadable(str(value))
        elif what == "failed" and isinstance(value, dict):
            failure = error_from_code(str(value.get("code")), str(value.get("message"))[:2000])
            if isinstance(failure, SegmentMissing):
                failure = SegmentMissing.at(_stretches(value.get("missing")))
            # Codes of our own inner workings (a lease lost, a job handed back) are not the engine's to say.
            raise InternalError() if failure.kind is ErrorKind.INTERNAL else failure
        else:
            raise engine_died("it said what it never says")
        return None


def _stretches(value: object) -> list[tuple[Fraction, Fraction]]:
    """The times of a SegmentMissing. Raises EngineInterrupted: they are none."""
    try:
        found = _MISSING.validate_python(value)
    except ValidationError as error:
        raise engine_died(f"it said what it never says: {type(error).__name__}") from None
    return [(Fraction(one.get("start", 0)), Fraction(one.get("end", 0))) for one in found]


def final_output(process: subprocess.Popen[bytes]) -> str:
    """What a child that has ended said last."""
    with suppress(subprocess.TimeoutExpired):
        return process.communicate(timeout=2)[1].decode("utf-8", "replace")[-2000:] or "it did not start"
    return "it did not start"
