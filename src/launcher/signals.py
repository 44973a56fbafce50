"""Waits for the end of a child or a signal to stop, without handlers that could interrupt other code."""

from __future__ import annotations

import signal
from types import TracebackType
from typing import Self

_STOP = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


class SignalWait:
    """Blocks the signals for the length of the block, in which only `__call__` receives them. For the main thread."""

    def __init__(self) -> None:
        # Signals that are ignored (nohup, a background job of a script) stay ignored.
        self._stop = {number for number in _STOP if signal.getsignal(number) is not signal.SIG_IGN}
        self._all = {signal.SIGCHLD, *self._stop}
        self._before: set[signal.Signals | int] = set()

    def __enter__(self) -> Self:
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        self._before = set(signal.pthread_sigmask(signal.SIG_BLOCK, self._all))
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        while signal.sigtimedwait(self._all, 0) is not None:
            pass  # a second Ctrl-C must not take effect after the first one was handled
        signal.pthread_sigmask(signal.SIG_SETMASK, self._before)

    def __call__(self, seconds: float | None) -> bool:
        """Sleep until a child ends, a signal to stop arrives or the time is over; return whether to stop."""
        if seconds is None:
            return signal.sigwaitinfo(self._all).si_signo in self._stop
        received = signal.sigtimedwait(self._all, seconds)
        return received is not None and received.si_signo in self._stop
