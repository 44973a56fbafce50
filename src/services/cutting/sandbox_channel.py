"""Reads what a sandboxed clip engine sends; by then untrusted media may control that process."""

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
from src.services.cutting.sandbox_protocol import send
from src.services.ffmpeg_utils_service import CHECK_SECONDS
from src.utils.process import ChildProcess

log = logging.getLogger(__name__)

_LONGEST_LINE = 4 << 20  # bytes; far above the reports of many clips with notes
_MOST_STDERR = 16 << 10
_SECONDS = Annotated[float, Field(ge=0, le=1e9)]
_MISSING = TypeAdapter(Annotated[list[dict[Literal["start", "end"], _SECONDS]], Field(min_length=1, max_length=10_000)])
_PROGRESS, _REPORTS = TypeAdapter(Progress), TypeAdapter(list[ClipReport])


def engine_died(reason: str) -> EngineInterrupted:
    """The error for a child that ended without an answer or sent an invalid one.

    ``reason`` goes to the log only: it may hold what an untrusted process wrote.
    """
    log.warning("the clip engine ended without a result: %s", reason)
    return EngineInterrupted()


class SandboxChannel:
    """The channel of one task."""

    def __init__(
        self,
        process: ChildProcess,
        channel: socket.socket,
        monitor: Monitor,
        refresh: Callable[[], ClipSource] | None,
    ) -> None:
        self._process, self._channel, self._monitor, self._refresh = process, channel, monitor, refresh
        self._rest, self._stderr = b"", b""

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
                if errors in ready and not self._read_stderr(errors):
                    selector.unregister(errors)
                if self._channel.fileno() in ready:
                    for line in self._lines():
                        reports = self._take(line)
                        if reports is not None:
                            return reports

    def _read_stderr(self, errors: int) -> bool:
        output = os.read(errors, 65536)
        self._stderr = (self._stderr + output)[-_MOST_STDERR:]
        return bool(output)

    def _lines(self) -> list[bytes]:
        data = self._channel.recv(65536)
        if not data:
            raise engine_died(self._end())
        if len(self._rest) > _LONGEST_LINE:
            raise engine_died("a line has no end")
        *lines, self._rest = (self._rest + data).split(b"\n")
        return lines

    def _end(self) -> str:
        """The last of its stderr."""
        assert self._process.stderr is not None
        with suppress(subprocess.TimeoutExpired):
            self._process.wait(1)
        with suppress(BlockingIOError):
            for _ in range(16):  # an untrusted process might never stop writing
                if not self._read_stderr(self._process.stderr.fileno()):
                    break
        return self._stderr.decode("utf-8", "replace")[-2000:] or "it ended without a message"

    def _take(self, line: bytes) -> list[ClipReport] | None:
        """Act on one line; the reports when it holds them."""
        try:
            ((name, value),) = json.loads(line).items()
            if name == "progress":
                progress = _PROGRESS.validate_python(value)
            elif name == "result":
                return _REPORTS.validate_python(value)
        except (ValueError, AttributeError, RecursionError, ValidationError) as error:
            raise engine_died(f"invalid message: {type(error).__name__}") from None
        if name == "progress":
            self._monitor.report(progress)
        elif name == "refresh" and self._refresh is not None:
            assert self._process.stdin is not None
            refresh, self._refresh = (
                self._refresh,
                None,
            )  # each is a lookup at the site: one is enough
            send(self._process.stdin, refresh())
        elif name == "discontinuous":
            raise Discontinuous(str(value))
        elif name == "unreadable":
            raise SourceUnreadable(str(value))
        elif name == "failed" and isinstance(value, dict):
            failure = error_from_code(str(value.get("code")), str(value.get("message"))[:2000])
            if isinstance(failure, SegmentMissing):
                failure = SegmentMissing.at(_stretches(value.get("missing")))
            # The engine has no business with codes of the job's life (a lease lost, a job handed back).
            raise InternalError() if failure.kind is ErrorKind.INTERNAL else failure
        else:
            raise engine_died("invalid message")
        return None


def _stretches(value: object) -> list[tuple[Fraction, Fraction]]:
    """The times of a SegmentMissing. Raises EngineInterrupted: they are invalid."""
    try:
        found = _MISSING.validate_python(value)
    except ValidationError as error:
        raise engine_died(f"invalid message: {type(error).__name__}") from None
    return [(Fraction(one.get("start", 0)), Fraction(one.get("end", 0))) for one in found]


def final_output(process: ChildProcess) -> str:
    """The end of the stderr of a child that has ended."""
    assert process.stderr is not None
    with suppress(subprocess.TimeoutExpired, BlockingIOError):
        process.wait(2)
        os.set_blocking(process.stderr.fileno(), False)
        return os.read(process.stderr.fileno(), _MOST_STDERR).decode("utf-8", "replace")[-2000:] or "it did not start"
    return "it did not start"
