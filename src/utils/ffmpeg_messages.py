"""Translates an exit code and the last lines of a log of FFmpeg into an error."""

from __future__ import annotations

import re
import signal
from collections.abc import Sequence

from src.errors import AppError, DiskFull, DiskUnwritable, EncodeFailed, EncodeInterrupted
from src.utils.ffmpeg_limits import Limits

_EXIT_ENOSPC = 228  # FFmpeg ends with the low byte of AVERROR(ENOSPC)
_HTTP_STATUS = re.compile(r"(?:HTTP error|Server returned|returned HTTP)\s+(\d)(\d\d|XX)", re.IGNORECASE)
_LOG_SOURCE = re.compile(r"^(\[[^\]]*\]\s*)+")
_PATH = re.compile(r"(?<![\w/])(?:file:)?/(?:[^\s:'\"/]+/)*([^\s:'\"/]+)")
_GENERIC_LINES = ("Conversion failed!", "Task finished with error code", "Terminating thread with return code")


def failure(code: int, log: Sequence[str], limits: Limits) -> AppError:
    """Return the error for an exit code (negative: a signal) and the last lines of the log."""
    text = "\n".join(log)
    if code == _EXIT_ENOSPC or "No space left on device" in text:
        return DiskFull()
    if "Read-only file system" in text:
        return DiskUnwritable()
    if code == -signal.SIGXFSZ or "File too large" in text:
        return EncodeFailed("The output exceeded its size limit", limit_bytes=limits.file_bytes)
    if code == -signal.SIGXCPU or (code == -signal.SIGKILL and limits.cpu_seconds is not None):
        return EncodeFailed("FFmpeg exceeded its processor time limit", limit_seconds=limits.cpu_seconds)
    if code == -signal.SIGKILL:  # not sent by this service, which reports the reason for which it stops FFmpeg
        return EncodeInterrupted()
    if "Cannot allocate memory" in text:
        return EncodeFailed("FFmpeg exceeded its memory limit")
    details: dict[str, object] = {}
    status = _HTTP_STATUS.search(text)
    if status is not None:
        details["http_status"] = int(status[1] + status[2].upper().replace("XX", "00"))
    line = useful_line(log)
    if code < 0:
        line = f"{line}: {signal.strsignal(-code)}" if line else f"FFmpeg was ended: {signal.strsignal(-code)}"
    return EncodeFailed(line or f"FFmpeg ended with code {code}", **details)


def useful_line(log: Sequence[str]) -> str | None:
    """Return the first line that explains the failure, without FFmpeg's addresses and the server's folders."""
    lines = [_LOG_SOURCE.sub("", line) for line in log]
    useful = [line for line in lines if line and not line.startswith(_GENERIC_LINES) and "Task finished" not in line]
    return _PATH.sub(r"\1", useful[0])[:300] if useful else None
