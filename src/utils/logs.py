"""Configures logs: one line per event with the id of the request or job, rotated, without tokens and secrets."""

from __future__ import annotations

import json
import logging
import re
import sys
from contextvars import ContextVar
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Literal

LINE = "%(asctime)s %(levelname)-7s [%(context)s] %(name)s: %(message)s"
MAX_BYTES, BACKUP_FILES = 10_000_000, 5
ERROR_FILE = "error.log"

# The id of the request or job that the current thread works for.
context_id: ContextVar[str] = ContextVar("context_id", default="-")

LogFormat = Literal["text", "json"]

_SECRETS = (
    (re.compile(r"eyJ[\w-]{5,}\.[\w-]{5,}\.[\w-]*=*"), "[token]"),
    (re.compile(r"(?i)(bearer\s+)[^\s'\"]+"), r"\1[token]"),
    (re.compile(r"(/save/stream/|/c/|/s/)[^/\s?\"']+"), r"\1[token]"),
    # The id of a guest session is its only credential.
    (re.compile(r"(?i)(/api/sessions/)[0-9a-f-]{20,}"), r"\1[session]"),
    (re.compile(r"(/api/video/preview/)[\w-]{20,}"), r"\1[preview]"),
    (re.compile(r"(?i)([?&](?:token|sig|signature|lsig|key|secret|password|n|pot)=)[^&\s'\"]+"), r"\1[redacted]"),
    (
        re.compile(r"(?i)(\"?(?:password|current_password|new_password|secret|token)\"?\s*[:=]\s*\"?)[^\s,\"'}]+"),
        r"\1[redacted]",
    ),
    (re.compile(r"((?:mongodb(?:\+srv)?|rediss?|https?|socks5?)://)[^/\s:@]*:[^/\s@]*@"), r"\1[redacted]@"),
)


# Characters that terminals or editors interpret instead of showing: C0 and C1 controls, line and paragraph separators,
# direction and invisible marks, lone surrogates. Unicode 16, categories Cc, Cf, Cs, Zl and Zp.
_UNSHOWN = re.compile(
    "[\x00-\x1f\x7f-\x9f\xad\u0600-\u0605\u061c\u06dd\u070f\u0890\u0891\u08e2\u180e\u200b-\u200f\u2028-\u202e"
    "\u2060-\u206f\ud800-\udfff\ufeff\ufff9-\ufffb\U000110bd\U000110cd\U00013430-\U0001343f\U0001bca0-\U0001bca3"
    "\U0001d173-\U0001d17a\U000e0000-\U000e007f]"
)


def visible(text: str) -> str:
    """Return the text with all invisible characters escaped: a line break becomes ``\\n``."""
    return _UNSHOWN.sub(lambda found: found[0].encode("unicode_escape").decode("ascii"), text)


def redact(text: str) -> str:
    """Return the text without tokens, passwords, signatures of media addresses, and credentials in addresses."""
    for pattern, replacement in _SECRETS:
        text = pattern.sub(replacement, text)
    return text


class TextLine(logging.Formatter):
    """One line per event, in which untrusted text can neither control the terminal nor imitate another event.

    The lines of a traceback follow, each indented, because error messages may contain line breaks.
    """

    def __init__(self) -> None:
        super().__init__(LINE)

    def format(self, record: logging.LogRecord) -> str:
        """Return the line, and the traceback below it."""
        record.context, record.message = context_id.get(), record.getMessage()
        record.asctime = self.formatTime(record)
        lines = [visible(redact(self.formatMessage(record)))]
        if record.exc_info:
            trace = redact(self.formatException(record.exc_info))
            lines += [f"  {visible(line)}" for line in trace.split("\n")]
        return "\n".join(lines)


class _JsonLine(logging.Formatter):
    """One JSON object per line: ``time`` (RFC 3339, UTC), ``level``, ``logger``, ``context``, ``message``, ``process``
    and ``thread``, and ``trace`` for a caught error."""

    def format(self, record: logging.LogRecord) -> str:
        fields: dict[str, Any] = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname,
            "logger": record.name,
            "context": context_id.get(),
            "process": record.process,
            "thread": record.threadName,
            "message": redact(record.getMessage()),
        }
        if record.exc_info:
            fields["trace"] = redact(self.formatException(record.exc_info))
        return json.dumps(fields)  # ASCII escapes also line breaks and lone surrogates in untrusted text


def formatter(log_format: LogFormat) -> logging.Formatter:
    """Return the formatter for this log format."""
    return _JsonLine() if log_format == "json" else TextLine()


def configure(level: str, log_file: str, log_format: LogFormat = "text") -> None:
    """Log to the console and, if ``log_file`` is not empty, to this file, which several processes may share.

    Errors are also logged to a second file next to it.
    """
    handlers: list[logging.Handler] = [logging.StreamHandler(sys.stderr)]
    if log_file:
        path = Path(log_file)
        path.parent.mkdir(parents=True, exist_ok=True)
        handlers.append(_rotated(path))
        if path.name != ERROR_FILE:
            errors = _rotated(path.with_name(ERROR_FILE))
            errors.setLevel(logging.ERROR)
            handlers.append(errors)
    for handler in handlers:
        handler.setFormatter(formatter(log_format))
    root = logging.getLogger()
    for old in root.handlers[:]:
        root.removeHandler(old)
        old.close()
    for handler in handlers:
        root.addHandler(handler)
    _set_level(root, logging.getLevelName(level))
    for chatty in ("pymongo", "urllib3", "httpx", "httpcore", "apscheduler", "kombu", "amqp", "werkzeug"):
        _set_level(logging.getLogger(chatty), max(logging.WARNING, root.level))


def _set_level(logger: logging.Logger, level: int) -> None:
    """Set another level only: to set one touches all loggers, which a fork shares with the launcher until then."""
    if logger.level != level:
        logger.setLevel(level)


def _rotated(path: Path) -> logging.Handler:
    # Imported here because it ends with a traceback where there is no folder for temporary files, before any check.
    from concurrent_log_handler import ConcurrentRotatingFileHandler

    return ConcurrentRotatingFileHandler(str(path), maxBytes=MAX_BYTES, backupCount=BACKUP_FILES, encoding="utf-8")
