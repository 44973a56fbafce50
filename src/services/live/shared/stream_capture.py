"""Fetches the segments of one stream for all who want some of them, in one thread."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import FIRST_COMPLETED, Executor, Future, wait
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from fractions import Fraction
from typing import Any

from src.errors import AppError, InternalError
from src.models.media_source import NetworkSettings
from src.models.time_window import Window
from src.services.live.capture import StreamSilent
from src.services.live.numbered.capture import NumberedCapture, NumbersUnavailable, Renew, StreamGone
from src.services.live.numbered.links import LinkLife, Links
from src.services.live.numbered.server import SegmentServer
from src.services.live.shared.clip_segments import ClipSegments
from src.services.live.shared.limits import CaptureLimits
from src.utils.capture_pools import POOL_SECONDS, Pool
from src.utils.clock import Clock, to_seconds

log = logging.getLogger(__name__)

_CHECK_SECONDS = 0.3
_TRIM_SECONDS, _FULL_SECONDS = 60.0, 2.0
_SILENT_TARGETS, _SILENT_SECONDS = 6, 30
_BEFORE_SECONDS = 30  # segments before a range decide where it starts
Problem = AppError | NumbersUnavailable | StreamSilent


@dataclass(frozen=True, slots=True)
class CaptureTools:
    """What all captures of a process share. ``network`` opens the way out of one capture, for as long as it runs."""

    network: Callable[[], AbstractContextManager[NetworkSettings]]
    clock: Clock
    life: LinkLife
    requests: Executor
    limits: CaptureLimits
    requests_at_once: int = 8


@dataclass(eq=False)
class Wanted:
    """A wanted range of wall-clock time of a stream. Ask ``StreamCapture.want`` for one.

    ``is_complete``: all its segments are stored that exist or will exist. The methods may be called from any thread.
    """

    capture: StreamCapture
    window: Window
    is_complete: bool = False
    _then: list[Callable[[], None]] = field(default_factory=list)

    def wait(self, seconds: float) -> bool:
        """Wait until something new is stored, the range is complete, or so many seconds are over; return whether the
        range is complete.

        Raises:
            StreamSilent: nothing new comes; the stream may have ended.
            NumbersUnavailable: its segments cannot be read by number.
            MediaForbidden: fresh links are refused too.
            AppError: the network, the disk, or the site, when the links were renewed.
        """
        return self.capture.wait_for(self, seconds)

    def then(self, action: Callable[[], None]) -> None:
        """Call this once, in the thread of the capture, when the range is complete or nothing more comes."""
        self.capture.call_after(self, action)

    def copy_to(self, segments: ClipSegments) -> None:
        """Store in another folder what is there of the range, without a second copy on the disk.

        Raises:
            DiskFull; FileNotFoundError: the other folder was deleted.
        """
        self.capture.copy(self.window, segments)

    def leave(self) -> None:
        """Stop wanting the range."""
        self.capture.forget(self)


class StreamCapture:
    """The capture of one stream in one choice of formats, which fetches each segment once for all who want it.

    ``StreamCaptures.join`` gives the running one of a stream, or starts it. Several ranges may be wanted at the same
    time; what two of them have in common is fetched once. It ends when nobody has used it for some time, or with the
    problem that ``Wanted.wait`` raises.
    """

    def __init__(
        self,
        links: Links,
        pool: Pool,
        tools: CaptureTools,
        *,
        renew: Renew,
        linger_seconds: float,
        on_end: Callable[[StreamCapture], None],
    ) -> None:
        """``linger_seconds``: how long it waits for other users after the last one. ``on_end`` is called in its thread
        before its users learn that it has ended."""
        self.links = self._offered = links
        self.pool = pool
        self.ended = False
        """Whether the stream is over, as far as known."""
        self.is_idle = False
        """Whether there is nothing to fetch before the stream has broadcast more."""
        self.is_full = False
        """Whether it waits for disk space: the limit of all captures is reached."""
        self.has_lingered = False
        """Whether it ended because nobody used it for long enough."""
        self._tools, self._renew, self._linger, self._on_end = tools, renew, linger_seconds, on_end
        self._requests = _Requests(tools.requests, tools.requests_at_once)
        self._changed = threading.Condition()
        self._wanted: list[Wanted] = []
        self._spare_seconds = POOL_SECONDS
        self.news = 0
        """Grows when something new is stored."""
        self._users = self._stored = 0
        self._problem: Problem | None = None
        self._is_over = self._has_new_wishes = False
        self._numbered: NumberedCapture | None = None
        self._trimmed_at = time.monotonic()

    # --- its users -------------------------------------------------------------------------------

    def start(self) -> None:
        """Start its thread."""
        threading.Thread(target=self._run, name="stream-capture", daemon=True).start()

    def enter(self) -> bool:
        """Count another user, unless it has ended; return whether it runs."""
        with self._changed:
            self._users += not self._is_over
            return not self._is_over

    def offer(self, links: Links) -> None:
        """Tell it of links of another lookup: newer ones are used, because the stream may have changed."""
        with self._changed:
            if links.extracted_at > max(self.links.extracted_at, self._offered.extracted_at):
                self._offered = links

    def exit(self) -> None:
        """Stop counting a user."""
        with self._changed:
            self._users -= 1
            self._changed.notify_all()

    def want(self, window: Window) -> Wanted:
        """Have a range of wall-clock time fetched, as far as the stream has it and as soon as it is broadcast.

        Ranges that are wanted earlier are fetched first.
        """
        wanted = Wanted(self, window)
        with self._changed:
            self._wanted.append(wanted)
            self._has_new_wishes = True
            self._changed.notify_all()
        return wanted

    def forget(self, wanted: Wanted) -> None:
        """Stop fetching a range. See ``Wanted.leave``."""
        with self._changed:
            if wanted in self._wanted:
                self._wanted.remove(wanted)

    def wait_for(self, wanted: Wanted, seconds: float) -> bool:
        """See ``Wanted.wait``."""
        with self._changed:
            news = self.news
            self._changed.wait_for(lambda: self.news != news or wanted.is_complete or self._is_over, seconds)
            if self._problem is not None and not wanted.is_complete:
                raise self._problem.with_traceback(None)
            return wanted.is_complete

    def call_after(self, wanted: Wanted, action: Callable[[], None]) -> None:
        """See ``Wanted.then``."""
        with self._changed:
            if not self._is_over and not wanted.is_complete:
                wanted._then.append(action)
                return
        action()

    def copy(self, window: Window, segments: ClipSegments) -> None:
        """See ``Wanted.copy_to``."""
        if self._numbered is not None:
            segments.take(self._numbered.stores, self._numbered.broadcasts, window)

    def keep(self, seconds: float) -> None:
        """Have segments that nobody wants deleted at this age: older ones soon, later ones when they reach it."""
        self._spare_seconds, self._trimmed_at = seconds, -_TRIM_SECONDS

    @property
    def has_wishes(self) -> bool:
        """Whether ranges are wanted that are not complete."""
        with self._changed:
            return bool(self._wanted)

    def covers(self) -> Window | None:
        """Return from when to when segments are stored; None if there are none."""
        stores = list(self._numbered.stores.values()) if self._numbered is not None else []
        records = [record for store in stores for record in store.records]
        if not records:
            return None
        return Window(min(record.start for record in records), max(record.span.end for record in records))

    @property
    def target(self) -> Fraction:
        """The usual length of a segment in seconds."""
        return self._numbered.target if self._numbered is not None else Fraction(2)

    # --- its thread ---------------------------------------------------------------------------------------------------

    def _run(self) -> None:
        problem: Problem | None = None
        try:
            with self._tools.network() as network, SegmentServer(network) as server:
                self._numbered = NumberedCapture(
                    self.links,
                    self.pool.folder,
                    server,
                    clock=self._tools.clock,
                    renew=self._renew,
                    life=self._tools.life,
                    pool=self._requests,
                    on_fetched=self._tools.limits.fetched,
                )
                while self._is_needed():
                    self._advance(self._numbered)
        except StreamGone:
            problem = StreamSilent("it has no links any more")
        except (AppError, NumbersUnavailable, StreamSilent) as error:
            problem = error
        except Exception as error:
            log.exception("a capture failed unexpectedly")
            problem = InternalError(type(error).__name__)
        self._end(problem)

    def _is_needed(self) -> bool:
        """Wait until a range is wanted; return whether that happened before its time was over."""
        with self._changed:
            until = time.monotonic() + self._linger
            while not self._wanted:
                left = until - time.monotonic()
                if left <= 0 and not self._users:
                    self._is_over, self.has_lingered = True, True
                    return False
                self._changed.wait(max(left, 0) if not self._users else None)
                if self._users:
                    until = time.monotonic() + self._linger
            return True

    def _advance(self, numbered: NumberedCapture) -> None:
        with self._changed:
            wanted, self._has_new_wishes = list(self._wanted), False
        self.is_full = not self._tools.limits.has_room(self.pool.folder.parent)
        if self.is_full:
            self._trim(numbered, spare_seconds=0)
            self._rest(_FULL_SECONDS)
            return
        numbered.want_only(each.window for each in wanted)
        try:
            if self._offered.extracted_at > numbered.links.extracted_at:
                numbered.use(self._offered)
            step = numbered.step()
        finally:
            self.links, self.ended = numbered.links, numbered.ended
        complete = [each for each in wanted if step.done or numbered.is_done(each.window)]
        stored = sum(len(store) for store in numbered.stores.values())
        with self._changed:
            for each in complete:
                each.is_complete = True
                if each in self._wanted:
                    self._wanted.remove(each)
            self.is_idle = step.done or step.seconds > 0
            if complete or stored != self._stored:
                self._stored = stored
                self.news += 1
                self._changed.notify_all()
        _call(complete)
        if time.monotonic() - self._trimmed_at >= _TRIM_SECONDS:
            self._trim(numbered)
        if step.seconds > 0 and not step.done:
            self._require_news(numbered)
            self._rest(step.seconds)

    def _require_news(self, numbered: NumberedCapture) -> None:
        silent = to_seconds(self._tools.clock.now()) - numbered.advanced_at
        if silent > max(_SILENT_TARGETS * numbered.target, Fraction(_SILENT_SECONDS)):
            raise StreamSilent(f"no new segment for {float(silent):.0f} s")

    def _rest(self, seconds: float) -> None:
        """Wait for the stream, but not if there are new wishes or no wishes any more."""
        while seconds > 0 and not self._has_new_wishes and self._wanted:
            self._tools.clock.sleep(min(seconds, _CHECK_SECONDS))
            seconds -= _CHECK_SECONDS

    def _trim(self, numbered: NumberedCapture, spare_seconds: float | None = None) -> None:
        """Delete old segments that no range needs, so that a long stream does not fill the disk."""
        self._trimmed_at = time.monotonic()
        spare = self._spare_seconds if spare_seconds is None else spare_seconds
        oldest = to_seconds(self._tools.clock.now()) - Fraction(spare)
        with self._changed:
            starts = [each.window.start - _BEFORE_SECONDS for each in self._wanted]
        for store in numbered.stores.values():
            store.drop_before(min([oldest, *starts]))

    def _end(self, problem: Problem | None) -> None:
        self._requests.settle()
        with self._changed:
            self._is_over = True  # it has no new users
        self._on_end(self)
        with self._changed:
            left, self._wanted = self._wanted, []
            self._problem = problem or StreamSilent("its capture has ended")
            self._changed.notify_all()
        _call(left)


class _Requests(Executor):
    """The requests of one capture, at most ``most`` at once, on the threads that all captures share."""

    def __init__(self, threads: Executor, most: int) -> None:
        self._threads, self._most = threads, most
        self._running: set[Future[Any]] = set()

    def submit(self, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Future[Any]:
        """Run a request on one of the shared threads, after others of this capture if they are too many."""
        while len(self._running) >= self._most:
            self._running = wait(self._running, return_when=FIRST_COMPLETED).not_done
        running = self._threads.submit(fn, *args, **kwargs)
        self._running.add(running)
        return running

    def settle(self) -> None:
        """Wait until no request of this capture runs."""
        wait(self._running)


def _call(wanted: Sequence[Wanted]) -> None:
    for action in [action for each in wanted for action in each._then]:
        try:
            action()
        except FileNotFoundError:  # the clip was deleted
            continue
        except Exception:
            log.exception("the end of a capture could not be reported")
