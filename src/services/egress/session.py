"""One job's use of the way out: what it may still do, what it did, and what that means for a job that failed."""

from __future__ import annotations

import contextlib
import socket
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field

from src import errors
from src.errors import AppError, SourceError
from src.services.egress.policy import Limits, Refusal, Refused, Report, Unreachable, Upstream

_KEPT_REFUSALS = 100
# What clients make of a proxy that refuses or ends a request; everything else is the site's own word.
_SEEN_AS = (
    errors.ProxyError,
    errors.Network,
    errors.NetworkTimeout,
    errors.TlsError,
    errors.IpBlocked,
    errors.MediaForbidden,
    errors.MediaGone,
    errors.ClipIncomplete,
    errors.ExtractorBroken,
    errors.Unknown,
    errors.UrlForbidden,
)


@dataclass(eq=False)
class Session:
    """Counts, limits and open connections of one job. All methods may be called from any thread.

    ``proxy_url`` is what the clients of this job are given.
    """

    proxy_url: str = field(repr=False)
    limits: Limits
    proxies: tuple[Upstream, ...]
    report: Report = field(default_factory=Report)

    def __post_init__(self) -> None:
        self._lock = threading.Lock()
        self._open: set[socket.socket] = set()
        self._began = time.monotonic()
        self._closed = False

    @contextlib.contextmanager
    def request(self) -> Iterator[None]:
        """The life of one request.

        Raises:
            Refused: a limit is reached, or the job has ended.
        """
        with self._lock:
            self._require_within()
            if self.limits.requests is not None and self.report.requests >= self.limits.requests:
                raise self._ended("request-limit")
            self.report.requests += 1
        try:
            yield
        except Unreachable as trouble:
            with self._lock:
                self.report.trouble = trouble
            raise

    def note_refused(self, target: str, reason: str, *, of_proxy: bool = False) -> None:
        """Remember a refusal; ``of_proxy``: of the proxy behind ours, whatever the target."""
        with self._lock:
            self.report.refusals += 1
            if len(self.report.refused) < _KEPT_REFUSALS:
                self.report.refused.append(Refusal(target[:200], reason, of_proxy))

    def count(self, received: int, sent: int) -> None:
        """Count bytes that are about to be passed on.

        Raises:
            Refused: a limit is reached, or the job has ended.
        """
        with self._lock:
            self.report.bytes_received += received
            self.report.bytes_sent += sent
            self._require_within()

    @contextlib.contextmanager
    def holding(self, *connections: socket.socket) -> Iterator[None]:
        """Have these connections broken when the job ends.

        Raises:
            Unreachable: there are too many.
            Refused: the job has ended.
        """
        with self._lock:
            self._require_within()
            if len(self._open) + len(connections) > 2 * self.limits.connections:
                raise Unreachable("connection-limit")
            self._open.update(connections)
        try:
            yield
        finally:
            with self._lock:
                self._open.difference_update(connections)

    def close(self) -> None:
        """End every connection of this job and refuse all further ones."""
        with self._lock:
            self._closed = True
            for connection in self._open:
                with contextlib.suppress(OSError):
                    connection.shutdown(socket.SHUT_RDWR)

    def meaning(self, error: SourceError | errors.UrlForbidden) -> AppError:
        """What a failure of this job means, now that it is known what happened on its way out.

        Clients of a proxy only see that the proxy did not do as it was told.
        """
        report = self.report
        if not isinstance(error, _SEEN_AS):
            return error
        match report.ended:
            case "byte-limit":
                return errors.FileTooLarge()
            case "time-limit":
                return errors.JobTimeout("The source took longer than a job may take")
            case "request-limit":
                return errors.UrlForbidden("The source leads to more requests than a job may send")
        if any(each.of_proxy for each in report.refused):
            return self._of_refused_proxy()
        if report.refusals:
            return errors.UrlForbidden("The source leads to an address that the service does not fetch from")
        trouble = report.trouble
        if isinstance(error, errors.ProxyError) and trouble is not None and not self.proxies:
            return errors.NetworkTimeout() if trouble.timeout else errors.Network()
        return error

    def _of_refused_proxy(self) -> AppError:
        settings = [proxy.setting for proxy in self.proxies if proxy.setting and not proxy.chosen_by_operator]
        if settings:
            return errors.ProxyError(
                f"{settings[0]} is not at a public address, and ALLOW_PRIVATE_NETWORKS does not list its host and port"
            )
        return errors.UrlForbidden("The request names a proxy at an address that the service does not use")

    def _require_within(self) -> None:
        if self._closed:
            raise Refused("ended")
        if self.limits.bytes is not None and self.report.bytes > self.limits.bytes:
            raise self._ended("byte-limit")
        if self.limits.seconds is not None and time.monotonic() - self._began > self.limits.seconds:
            raise self._ended("time-limit")

    def _ended(self, reason: str) -> Refused:
        self.report.ended = reason
        return Refused(reason)
