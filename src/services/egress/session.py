"""Tracks the network use of one job: its limits, its report, and the causes of failures."""

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

_MOST_REFUSALS = 100
# Errors that clients may raise when the proxy refuses or ends a request; other errors come from the site itself.
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
    """The counts, limits and open connections of one job. Thread-safe.

    ``proxy_url``: the proxy address for the clients of this job.
    """

    proxy_url: str = field(repr=False)
    limits: Limits
    proxies: tuple[Upstream, ...]
    report: Report = field(default_factory=Report)

    def __post_init__(self) -> None:
        self._lock = threading.Lock()
        self._open: set[socket.socket] = set()
        self._started = time.monotonic()
        self._closed = False

    @contextlib.contextmanager
    def request(self) -> Iterator[None]:
        """Count one request and record a network failure in it.

        Raises:
            Refused: a limit is reached, or the job has ended.
        """
        with self._lock:
            self._require_within_limits()
            if self.limits.requests is not None and self.report.requests >= self.limits.requests:
                raise self._ended("request-limit")
            self.report.requests += 1
        try:
            yield
        except Unreachable as failure:
            with self._lock:
                self.report.failure = failure
            raise

    def note_refused(self, target: str, reason: str, *, of_proxy: bool = False) -> None:
        """Record a refusal; ``of_proxy``: of the upstream proxy, not of the target."""
        with self._lock:
            self.report.refusals += 1
            if len(self.report.refused) < _MOST_REFUSALS:
                self.report.refused.append(Refusal(target[:200], reason, of_proxy))

    def count(self, received: int, sent: int) -> None:
        """Count bytes before they are forwarded.

        Raises:
            Refused: a limit is reached, or the job has ended.
        """
        with self._lock:
            self.report.bytes_received += received
            self.report.bytes_sent += sent
            self._require_within_limits()

    @contextlib.contextmanager
    def holding(self, *connections: socket.socket) -> Iterator[None]:
        """Register connections that are closed when the job ends.

        Raises:
            Unreachable: the job has too many connections.
            Refused: the job has ended.
        """
        with self._lock:
            self._require_within_limits()
            if len(self._open) + len(connections) > 2 * self.limits.connections:
                raise Unreachable("connection-limit")
            self._open.update(connections)
        try:
            yield
        finally:
            with self._lock:
                self._open.difference_update(connections)

    def close(self) -> None:
        """Close every connection of this job and refuse further ones."""
        with self._lock:
            self._closed = True
            for connection in self._open:
                with contextlib.suppress(OSError):
                    connection.shutdown(socket.SHUT_RDWR)

    def meaning(self, error: SourceError | errors.UrlForbidden) -> AppError:
        """Return the error that explains a failure of this job, from what the proxy observed.

        Clients only see that the proxy did not fulfil the request.
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
        failure = report.failure
        if isinstance(error, errors.ProxyError) and failure is not None and not self.proxies:
            return errors.NetworkTimeout() if failure.timeout else errors.Network()
        return error

    def _of_refused_proxy(self) -> AppError:
        settings = [proxy.setting for proxy in self.proxies if proxy.setting and not proxy.chosen_by_operator]
        if settings:
            return errors.ProxyError(
                f"{settings[0]} is not at a public address, and ALLOW_PRIVATE_NETWORKS does not list its host and port"
            )
        return errors.UrlForbidden("The request names a proxy at an address that the service does not use")

    def _require_within_limits(self) -> None:
        if self._closed:
            raise Refused("ended")
        if self.limits.bytes is not None and self.report.bytes > self.limits.bytes:
            raise self._ended("byte-limit")
        if self.limits.seconds is not None and time.monotonic() - self._started > self.limits.seconds:
            raise self._ended("time-limit")

    def _ended(self, reason: str) -> Refused:
        self.report.ended = reason
        return Refused(reason)
