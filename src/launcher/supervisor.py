"""Starts child processes, restarts the ones that die, and stops all of them in order."""

from __future__ import annotations

import logging
import signal
import time
from collections.abc import Callable, Sequence
from pathlib import Path

from src.launcher.problems import ChildFailed, SettingsUnusable
from src.launcher.processes import Child, ChildSpec, Stage

log = logging.getLogger(__name__)

# A child that lives for less than this dies quickly. After several quick deaths in a row a restart will not help,
# unless the child was killed from outside, such as by the kernel for lack of memory.
QUICK_DEATH_SECONDS = 10.0
QUICK_DEATHS = 5
_LONGEST_PAUSE_SECONDS = 30.0
_TICK_SECONDS = 0.05
_SHOWN_LOG_BYTES = 2_000

Wait = Callable[[float | None], bool]


class StopRequested(Exception):
    """The user stopped the service before everything was ready."""


def _sleep(seconds: float | None) -> bool:
    time.sleep(_TICK_SECONDS if seconds is None else seconds)
    return False


class Supervisor:
    """Runs children until it is asked to stop.

    ``wait(seconds)`` sleeps for at most this time (without limit for ``None``), returns early when a child ends, and
    returns whether the user wants to stop. ``forgiving`` never gives up on a child: for development. A child that died
    is restarted after ``first_pause_seconds``; each further quick death doubles the pause.
    """

    def __init__(
        self,
        specs: Sequence[ChildSpec],
        *,
        wait: Wait = _sleep,
        forgiving: bool = False,
        first_pause_seconds: float = 0.5,
    ) -> None:
        self._children = [Child(spec) for spec in sorted(specs, key=lambda spec: spec.stage)]
        self._wait = wait
        self._forgiving = forgiving
        self._first_pause_seconds = first_pause_seconds

    @property
    def pids(self) -> dict[str, int]:
        """The process ids of the running children, by name."""
        return {c.spec.name: c.process.pid for c in self._children if c.process is not None and c.alive()}

    def start(
        self,
        timeout_seconds: float = 600.0,
        *,
        while_stores_start: Callable[[], None] | None = None,
        once_stores_answer: Callable[[], None] | None = None,
    ) -> None:
        """Start all children and return when each is ready; call the functions at the times that their names say.

        ``timeout_seconds`` is how long none of the children that are waited for may become ready. The time of the
        functions does not count: on a slow machine they take minutes.

        Raises:
            ChildFailed: one ended, or was not ready in time.
            StopRequested: the user stopped the service.
            What ``once_stores_answer`` raises.
        """
        stores = [child for child in self._children if child.spec.stage is Stage.STORES]
        others = [child for child in self._children if child not in stores]
        for group in (stores, others):
            for child in group:
                child.start()
            if group is stores and while_stores_start is not None:
                while_stores_start()
            self._await_ready(group, timeout_seconds)
            if group is stores and once_stores_answer is not None:
                once_stores_answer()

    def _await_ready(self, group: list[Child], timeout_seconds: float) -> None:
        waiting = list(group)
        deadline = time.monotonic() + timeout_seconds
        while waiting:
            for child in self._children:
                if child.process is not None and not child.alive() and not child.spec.optional:
                    failure = SettingsUnusable if child.needs_operator() else ChildFailed
                    raise failure(f"{child.spec.name} {child.ending()} while starting.{_end_of_log(child.spec)}")
            before = len(waiting)
            waiting = [child for child in waiting if not child.is_ready() and not child.spec.optional]
            if len(waiting) < before:
                deadline = time.monotonic() + timeout_seconds
            if waiting and time.monotonic() > deadline:
                names = ", ".join(child.spec.name for child in waiting)
                words = dict.fromkeys(_end_of_log(child.spec) for child in waiting)
                raise ChildFailed(f"Not ready in time: {names}.{''.join(words)}")
            if waiting and self._wait(_TICK_SECONDS):
                raise StopRequested

    def run(self, check: Callable[[], None] | None = None, every_seconds: float = 1.0) -> None:
        """Watch the children until the user wants to stop, calling ``check`` regularly.

        Raises:
            ChildFailed: a child dies again and again.
        """
        while not self._wait(_earlier(self.tend(), every_seconds if check else None)):
            if check:
                check()

    def tend(self) -> float | None:
        """Restart dead children that are due; return the seconds until the next restart is due.

        Raises:
            ChildFailed: a child dies again and again.
        """
        now = time.monotonic()
        for child in self._children:
            if child.restart_at is None and child.process is not None and not child.alive():
                self._plan_restart(child, now)
            if child.restart_at is not None and child.restart_at <= now:
                child.start()
        due = [child.restart_at for child in self._children if child.restart_at is not None]
        return max(min(due) - now, 0.0) if due else None

    def _plan_restart(self, child: Child, now: float) -> None:
        child.sweep()
        child.quick_deaths = child.quick_deaths + 1 if now - child.started < QUICK_DEATH_SECONDS else 1
        if child.was_killed():
            child.quick_deaths = min(child.quick_deaths, QUICK_DEATHS)
        forgiving = self._forgiving or child.spec.optional
        if child.needs_operator() and not forgiving:
            raise SettingsUnusable(f"{child.spec.name} {child.ending()}.{_end_of_log(child.spec)}")
        if child.quick_deaths > QUICK_DEATHS and not forgiving:
            raise ChildFailed(
                f"{child.spec.name} {child.ending()}, {child.quick_deaths} times in a row within "
                f"{QUICK_DEATH_SECONDS:.0f} seconds of its start.{_end_of_log(child.spec)}"
            )
        pause = min(self._first_pause_seconds * 2 ** (child.quick_deaths - 1), _LONGEST_PAUSE_SECONDS)
        log.warning("%s %s; it starts again in %.1f s", child.spec.name, child.ending(), pause)
        child.restart_at = now + pause

    def restart(self, stages: Sequence[Stage]) -> None:
        """Stop the children of these stages and start them again."""
        children = [child for child in self._children if child.spec.stage in stages]
        self._stop(children)
        for child in children:
            child.quick_deaths = 0
            child.start()

    def stop(self) -> None:
        """Stop all children, the API first and the stores last, with all processes of their groups."""
        for stage in reversed(Stage):
            self._stop([child for child in self._children if child.spec.stage is stage])

    def _stop(self, children: list[Child]) -> None:
        for child in children:
            child.restart_at = None
            child.send(signal.SIGTERM)
        started = time.monotonic()
        while slow := [c for c in children if c.alive() and time.monotonic() - started < c.spec.stop_seconds]:
            if self._wait(_TICK_SECONDS):
                log.warning("Not waiting any longer for %s", ", ".join(child.spec.name for child in slow))
                break
        for child in children:
            if child.alive():
                log.warning("%s did not stop in %.0f s and is killed", child.spec.name, time.monotonic() - started)
            child.sweep()


def _earlier(one: float | None, other: float | None) -> float | None:
    known = [seconds for seconds in (one, other) if seconds is not None]
    return min(known) if known else None


def _end_of_log(spec: ChildSpec) -> str:
    """Return the last output of the child, if it writes to a file."""
    if spec.output is None:
        return " See the messages above."
    with Path(spec.output).open("rb") as written:
        size = written.seek(0, 2)
        written.seek(max(size - _SHOWN_LOG_BYTES, 0))
        return f" The end of {spec.output}:\n{written.read().decode(errors='replace')}"
