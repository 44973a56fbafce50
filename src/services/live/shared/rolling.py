"""Captures the last minutes of running streams all the time, for the channels whose owners want that.

A stream without rewind has lost a moment when a viewer asks for it. The segments stay in the pool of the stream's
shared capture, where clips of the same process find them.
"""

from __future__ import annotations

import logging
import math
import threading
import time
from collections.abc import Callable, Container, Iterable
from contextlib import AbstractContextManager, suppress
from datetime import datetime
from pathlib import Path
from typing import Protocol

from src.errors import AppError, StoreUnavailable
from src.models.channel_token import ChannelToken
from src.models.time_window import Window
from src.services.live.capture import StreamSilent
from src.services.live.numbered.capture import NumbersUnavailable
from src.services.live.shared.stream_capture import StreamCapture
from src.utils.clock import Clock, to_datetime, to_seconds

log = logging.getLogger(__name__)

CHECK_SECONDS = 60.0
"""The pause between two checks for channels that are live. Each costs at most one lookup for each channel."""
KEPT_SECONDS = 240
"""How much of a stream is kept: the default moment reaches 80 seconds back, and chats notice late."""
_LEAST_SECONDS = 30
_STRETCH_SECONDS = 30
_WAIT_SECONDS = 5.0


class RollingTokens(Protocol):
    """The tokens whose owners want a rolling capture."""

    def rolling(self) -> list[ChannelToken]:
        """Return all of them, oldest first."""

    def note_rolling(self, token_id: str, covers: tuple[datetime, datetime] | None, size_bytes: int) -> None:
        """Record what is there now; ``None``: nothing."""


Open = Callable[[str, Path], AbstractContextManager[StreamCapture]]
"""Joins the capture of the stream with this name. Raises AppError: it does not run, or has no numbered segments."""


class ChatCommands:
    """The channel tokens with which clips were requested since the last look. Thread-safe."""

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._tokens: set[str] = set()
        self._woken = False

    def add(self, token_id: str) -> None:
        """Add a token, and end a wait."""
        with self._changed:
            self._tokens.add(token_id)
            self._changed.notify_all()

    def wake(self) -> None:
        """End a wait."""
        with self._changed:
            self._woken = True
            self._changed.notify_all()

    def wait(self, seconds: float) -> set[str]:
        """Return the tokens that were added, as soon as there are some; none after so many seconds."""
        with self._changed:
            self._changed.wait_for(lambda: bool(self._tokens) or self._woken, max(seconds, 0))
            found, self._tokens, self._woken = self._tokens, set(), False
            return found


class RollingCaptures:
    """Keeps the captures running that are wanted, at most ``most`` at once, in a thread for each."""

    def __init__(
        self,
        tokens: RollingTokens,
        join: Open,
        folder: Path,
        clock: Clock,
        *,
        most: int,
        most_bytes: float,
        commands: ChatCommands | None = None,
    ) -> None:
        """``folder``: for the pools. ``most_bytes``: of one capture. ``commands`` start captures at once."""
        self._commands = commands or ChatCommands()
        self._tokens, self._join, self._folder, self._clock = tokens, join, folder, clock
        self._most, self._most_bytes = most, most_bytes
        self._wanted: set[str] = set()
        self._running: dict[str, threading.Thread] = {}
        self._done = threading.Event()

    def start(self) -> None:
        """Check every ``CHECK_SECONDS`` in a thread, until ``stop``."""
        threading.Thread(target=self._check, name="rolling-captures", daemon=True).start()

    def stop(self) -> None:
        """End all captures."""
        self._done.set()
        self._commands.wake()

    def tick(self, only: Container[str] | None = None) -> None:
        """Start captures that are wanted, of all tokens or ``only`` these, and let those end that are not.

        Raises:
            StoreUnavailable.
        """
        tokens = self._tokens.rolling()
        streams = {each.stream: each.id for each in reversed(tokens) if each.stream is not None}
        called = {each.stream for each in tokens if only is None or each.id in only}
        self._wanted = set(streams)
        self._running = {name: thread for name, thread in self._running.items() if thread.is_alive()}
        for name, token_id in reversed(streams.items()):
            if len(self._running) >= self._most:
                return
            if name in called and name not in self._running:
                thread = threading.Thread(target=self._run, args=(name, token_id), name="rolling", daemon=True)
                thread.start()
                self._running[name] = thread

    def join(self) -> None:
        """Wait for all captures to end."""
        for thread in self._running.values():
            thread.join()

    def _check(self) -> None:
        called: set[str] = set()
        checked_at = -math.inf
        while not self._done.is_set():
            is_due = time.monotonic() - checked_at >= CHECK_SECONDS
            if is_due:
                checked_at = time.monotonic()
            try:
                self.tick(None if is_due else called)
            except StoreUnavailable:
                log.warning("the channels with a rolling capture could not be read; they are read again soon")
            except Exception:  # nothing else would start captures until this process ends
                log.exception("a check for rolling captures failed unexpectedly; the next one follows soon")
            called = self._commands.wait(checked_at + CHECK_SECONDS - time.monotonic())

    def _run(self, name: str, token_id: str) -> None:
        try:
            with self._join(name, self._folder) as capture:
                log.info("%s: a rolling capture starts", name)
                self._follow(name, token_id, capture)
        except (StreamSilent, NumbersUnavailable) as reason:
            log.info("%s: its rolling capture ends: %s", name, reason)
        except AppError as error:
            log.info("%s: no rolling capture: %s", name, error.code)
        except Exception:
            log.exception("a rolling capture failed unexpectedly")
        finally:
            with suppress(StoreUnavailable):
                self._tokens.note_rolling(token_id, None, 0)

    def _follow(self, name: str, token_id: str, capture: StreamCapture) -> None:
        start = to_seconds(self._clock.now())
        while not self._done.is_set() and name in self._wanted and not capture.ended:
            wanted = capture.want(Window(start, start + _STRETCH_SECONDS))
            try:
                while not self._done.is_set() and name in self._wanted and not wanted.wait(_WAIT_SECONDS):
                    pass
            finally:
                wanted.leave()
            start += _STRETCH_SECONDS
            self._trim(token_id, capture)

    def _trim(self, token_id: str, capture: StreamCapture) -> None:
        """Delete what is too old or too much, and record what is left."""
        size, covers = _size_of(capture.pool.folder), capture.covers()
        kept = float(KEPT_SECONDS)
        if size and covers is not None:
            # One more stretch is stored before the next look.
            kept = min(kept, float(covers.end - covers.start) * self._most_bytes / size - _STRETCH_SECONDS)
        capture.keep(max(kept, _LEAST_SECONDS))
        with suppress(StoreUnavailable):
            span = None if covers is None else (to_datetime(covers.start), to_datetime(covers.end))
            self._tokens.note_rolling(token_id, span, _size_of(capture.pool.folder))


def _size_of(folder: Path) -> int:
    sizes: Iterable[int] = (path.stat().st_size for path in folder.rglob("*") if path.is_file())
    with suppress(FileNotFoundError):  # a segment is deleted meanwhile
        return sum(sizes)
    return 0
