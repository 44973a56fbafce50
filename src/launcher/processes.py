"""Defines child processes: their specification (`ChildSpec`), and a running one (`Child`)."""

from __future__ import annotations

import enum
import os
import signal
import subprocess
import time
from collections.abc import Callable, Mapping
from contextlib import ExitStack, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO

from src.config import SettingsError
from src.launcher.forks import ForkedProcess, fork
from src.utils.process import die_with_parent

_STANDARD_ERROR = 2


class Stage(enum.IntEnum):
    """The order of starting and, reversed, of stopping. Only the stores must be ready before the rest starts."""

    STORES = 0
    TEMPLATE = 1
    WORKERS = 2
    API = 3


@dataclass(frozen=True)
class ChildSpec:
    """The specification of a process. The process gets a separate group and ends with this process.

    ``env`` is added to this process's environment, or with ``only_env`` it is all of it. ``output`` is a file for its
    output; by default that goes to this process's standard error, which leaves standard output to the line with the
    address.
    ``ready`` returns whether it is ready.
    With ``entry`` the process is a fork of this one that calls it and has ``title`` as its command line. It must do
    what ``argv`` does, which is run instead for development. The service works without an ``optional`` process.
    """

    name: str
    argv: tuple[str, ...]
    stage: Stage
    env: Mapping[str, str] = field(default_factory=dict)
    ready: Callable[[], bool] | None = None
    pass_fds: tuple[int, ...] = ()
    output: Path | None = None
    stop_seconds: float = 10.0
    entry: Callable[[], None] | None = None
    title: str = ""
    only_env: bool = False
    optional: bool = False


class Child:
    """A specification and its current process."""

    def __init__(self, spec: ChildSpec) -> None:
        self.spec = spec
        self.process: subprocess.Popen[bytes] | ForkedProcess | None = None
        self.started = 0.0
        self.restart_at: float | None = None
        self.quick_deaths = 0

    def start(self) -> None:
        """Start the process. Call this in the main thread: the kernel ends the child with the *thread* that forked."""
        self.restart_at, self.started = None, time.monotonic()
        with ExitStack() as opened:
            output = opened.enter_context(self.spec.output.open("ab")) if self.spec.output else None
            self.process = self._execute(output) if self.spec.entry is None else self._fork(self.spec.entry, output)

    def _fork(self, entry: Callable[[], None], output: IO[bytes] | None) -> ForkedProcess:
        return fork(
            entry,
            title=self.spec.title,
            env=self.spec.env,
            pass_fds=self.spec.pass_fds,
            output=output.fileno() if output else _STANDARD_ERROR,
        )

    def _execute(self, output: IO[bytes] | None) -> subprocess.Popen[bytes]:
        launcher = os.getpid()

        def prepare() -> None:
            signal.pthread_sigmask(signal.SIG_SETMASK, ())  # the launcher blocks the signals that it waits for
            die_with_parent(launcher)

        return subprocess.Popen(
            self.spec.argv,
            stdin=subprocess.DEVNULL,
            stdout=output or _STANDARD_ERROR,
            stderr=output,
            env={**({} if self.spec.only_env else os.environ), **self.spec.env},
            pass_fds=self.spec.pass_fds,
            preexec_fn=prepare,
            process_group=0,
        )

    def alive(self) -> bool:
        """Return whether the process is running."""
        return self.process is not None and self.process.poll() is None

    def is_ready(self) -> bool:
        """Return whether the process is running and ready."""
        return self.alive() and (self.spec.ready is None or self.spec.ready())

    def send(self, number: int) -> None:
        """Send a signal to the process only; it forwards signals to its children."""
        if self.process is not None and self.alive():
            self.process.send_signal(number)

    def sweep(self) -> None:
        """Kill all remaining processes of the group."""
        if self.process is not None:
            with suppress(ProcessLookupError, PermissionError):
                os.killpg(self.process.pid, signal.SIGKILL)
            self.process.wait()

    def was_killed(self) -> bool:
        """Return whether the process was ended from outside."""
        return self.process is not None and self.process.returncode in (-signal.SIGKILL, -signal.SIGTERM)

    def needs_operator(self) -> bool:
        """Return whether the process ended because of settings with which it can never start."""
        return self.process is not None and self.process.returncode == SettingsError.exit_code

    def ending(self) -> str:
        """Return how the process ended, as a phrase."""
        code = self.process.returncode if self.process else None
        if code is not None and code < 0:
            return f"was killed by {signal.Signals(-code).name}"
        return f"ended with exit code {code}"
