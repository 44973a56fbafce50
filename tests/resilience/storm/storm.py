"""One storm: the same seed strikes the same kinds of processes in the same order, while jobs are ordered and made."""

from __future__ import annotations

import contextlib
import os
import random
import signal
import threading
import time
from dataclasses import dataclass, field

from tests.resilience.storm.customers import Customers, NoAnswer
from tests.resilience.storm.victims import STORES, Kind, look, victims
from tests.resilience.storm.watch import Watch
from tests.tools.live_service import LiveService, descendants

OPEN_JOBS = 7
"""So many jobs are under way or waiting at any time of a storm."""
SOON_SECONDS = 2.0
"""How long a strike waits for a process of its kind to be there."""
GONE_SECONDS = 2.0
"""Whatever a killed process had started must be gone after so long."""


@dataclass(frozen=True, slots=True)
class Plan:
    """How a storm goes. ``kinds`` are who is struck and how often each, ``how`` the signals; ``pause_seconds`` lie
    between two strikes (from, to), ``freeze_seconds`` between SIGSTOP and SIGCONT."""

    strikes: int
    pause_seconds: tuple[float, float] = (0.2, 1.5)
    freeze_seconds: tuple[float, float] = (0.5, 9.0)
    kinds: dict[Kind, int] = field(
        default_factory=lambda: {
            Kind.CHILD: 6,
            Kind.FFMPEG: 4,
            Kind.WORKER: 2,
            Kind.API: 3,
            Kind.BROKER: 2,
            Kind.DATABASE: 2,
            Kind.SCHEDULER: 1,
        }
    )
    how: dict[signal.Signals, int] = field(
        default_factory=lambda: {signal.SIGKILL: 8, signal.SIGTERM: 1, signal.SIGSTOP: 1}
    )


@dataclass(slots=True)
class Strike:
    """One signal that was sent: ``held`` are the jobs that the struck process worked on, with their fences;
    ``left`` are processes that it had started and that were still there ``GONE_SECONDS`` later."""

    kind: Kind
    signal: signal.Signals
    at: float
    held: dict[str, int]
    left: list[str] = field(default_factory=list)


class Storm:
    """Strikes until the plan is done; ``strikes`` are those that met somebody."""

    def __init__(self, service: LiveService, watch: Watch, customers: Customers, plan: Plan, seed: int) -> None:
        self._service, self._watch, self._customers, self._plan = service, watch, customers, plan
        self._chance = random.Random(seed)
        self._over = threading.Event()
        self._orders = threading.Thread(target=self._keep_ordering, daemon=True)
        self._frozen: list[tuple[float, int]] = []
        self._checks: list[threading.Thread] = []
        self.strikes: list[Strike] = []
        self.broken: list[str] = []
        self.unanswered: list[str] = []

    def rage(self) -> None:
        """Order jobs and strike; at the end nothing is frozen any more and no more is ordered."""
        self._orders.start()
        try:
            plan = self._plan
            while len(self.strikes) < plan.strikes:
                self._wait(self._chance.uniform(*plan.pause_seconds))
                if look(self._service.pid) is None:
                    self.broken.append("the launcher has ended")
                    return
                kind = self._chance.choices(list(plan.kinds), list(plan.kinds.values()))[0]
                number = self._chance.choices(list(plan.how), list(plan.how.values()))[0]
                # A frozen FFmpeg is one that makes no progress: another matter. SIGTERM is not how one dies.
                self._strike(kind, signal.SIGKILL if kind is Kind.FFMPEG else number)
        finally:
            self._over.set()
            self._wait(0, thaw_all=True)
            self._orders.join(120)
            for check in self._checks:
                check.join(30)

    def _strike(self, kind: Kind, number: signal.Signals) -> None:
        pid = self._victim(kind)
        if pid is None:
            return
        below = descendants(pid)
        held = self._watch.held_by({pid, *below} if kind is not Kind.FFMPEG else set(_ancestors(pid)))
        strike = Strike(kind, number, time.time(), {} if kind in STORES else held)
        try:
            os.kill(pid, number)
        except ProcessLookupError:
            return  # it ended by itself in this moment
        self.strikes.append(strike)
        if number is signal.SIGSTOP:
            longest = self._plan.freeze_seconds[1] if kind is Kind.CHILD else 3.0
            until = time.monotonic() + self._chance.uniform(self._plan.freeze_seconds[0], longest)
            self._frozen.append((until, pid))
        elif number is signal.SIGKILL and below:
            check = threading.Thread(target=self._see_them_go, args=(strike, below), daemon=True)
            check.start()
            self._checks.append(check)

    def _victim(self, kind: Kind) -> int | None:
        """Somebody of this kind; of pool children rather one that works. FFmpeg is there for moments only."""
        until = time.monotonic() + SOON_SECONDS
        while True:
            found = victims(self._service, kind)
            if kind is Kind.CHILD:
                busy = [pid for pid in found if self._watch.held_by({pid})]
                found = busy or found
            if found:
                return self._chance.choice(found)
            if time.monotonic() > until:
                return None
            self._wait(0.02)

    @staticmethod
    def _see_them_go(strike: Strike, below: list[int]) -> None:
        until = time.monotonic() + GONE_SECONDS
        while time.monotonic() < until and any(look(pid) for pid in below):
            time.sleep(0.05)
        strike.left = [found.command[:120] for pid in below if (found := look(pid)) is not None]

    def _wait(self, seconds: float, *, thaw_all: bool = False) -> None:
        until = time.monotonic() + seconds
        while True:
            now = time.monotonic()
            for thaw_at, pid in self._frozen[:]:
                if now >= thaw_at or thaw_all:
                    self._frozen.remove((thaw_at, pid))
                    with contextlib.suppress(ProcessLookupError):
                        os.kill(pid, signal.SIGCONT)
            if now >= until:
                return
            time.sleep(min(0.05, until - now))

    def _keep_ordering(self) -> None:
        while not self._over.wait(0.2):
            if len(self._watch.open_jobs()) >= OPEN_JOBS:
                continue
            try:
                self._customers.order()
            except NoAnswer as path:
                self.unanswered.append(str(path))
            except Exception as error:
                self.broken.append(f"an order was refused: {error!r}")


def _ancestors(pid: int) -> list[int]:
    found = []
    while (process := look(pid)) is not None and process.parent > 1:
        found.append(process.parent)
        pid = process.parent
    return found
