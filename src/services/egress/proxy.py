"""Runs the egress proxy: a small HTTP proxy on loopback through which this process fetches everything.

Clients use ``http://job:<token>@127.0.0.1:<port>``; the token identifies the session and excludes other clients.
``docs/adr/0006-egress-proxy.md`` explains why a check before each request is not enough.
"""

from __future__ import annotations

import contextlib
import logging
import os
import secrets
import socket
import threading
from collections.abc import Iterator

from src.config import Settings
from src.errors import SourceError, UrlForbidden
from src.services.egress.dialing import Connector, Dialer, Resolver, resolve
from src.services.egress.exchange import Exchange
from src.services.egress.policy import Limits, Policy, Refused, Upstream
from src.services.egress.session import Session

log = logging.getLogger(__name__)

MAX_CONNECTIONS = 256  # per process; further connections wait to be accepted


class EgressProxy:
    """Starts with the first session, in daemon threads of the calling process."""

    def __init__(self, policy: Policy, *, resolver: Resolver = resolve, connector: Connector | None = None) -> None:
        """Set the policy. ``resolver`` and ``connector`` replace the system's: see ``dialing.py``."""
        self._policy = policy
        self._dialer = Dialer(policy, resolver=resolver, connector=connector)
        self._lock = threading.Lock()
        self._sessions: dict[str, Session] = {}
        self._slots = threading.BoundedSemaphore(MAX_CONNECTIONS)
        self._listener: socket.socket | None = None
        self._extra_listeners: set[socket.socket] = set()
        self._process = 0

    @classmethod
    def of(cls, settings: Settings) -> EgressProxy:
        """Create the proxy from the settings.

        Raises:
            SettingsError: ALLOW_PRIVATE_NETWORKS, YTDLP_PROXY or STREAM_PROXY is invalid.
        """
        return cls(Policy.of(settings))

    @property
    def stream_proxy(self) -> Upstream | None:
        """The operator's proxy for streams whose request names no proxy."""
        return self._policy.stream_proxy

    @contextlib.contextmanager
    def session(
        self,
        limits: Limits | None = None,
        *,
        own_proxy: str | Upstream | None = None,
        upstream: bool = True,
    ) -> Iterator[Session]:
        """Open a session for one job; when the block ends, all its connections are closed.

        ``own_proxy``: a proxy for this job, used after the operator's. A text comes from a request and is accepted only
        at a public address; an ``Upstream`` comes from a setting such as ``stream_proxy``. ``upstream=False`` bypasses
        the operator's proxy. A ``SourceError`` or ``UrlForbidden`` in the block is replaced by the cause that the
        session knows (``Session.meaning``).

        Raises:
            SettingsError: ``own_proxy`` is not the address of an HTTP proxy.
        """
        proxies = [self._policy.upstream] if upstream and self._policy.upstream else []
        if isinstance(own_proxy, str) and own_proxy:
            own_proxy = Upstream.parse(own_proxy, chosen_by_operator=False)
        if isinstance(own_proxy, Upstream):
            proxies.append(own_proxy)
        token = secrets.token_urlsafe(24)
        session = Session(f"http://job:{token}@127.0.0.1:{self._port()}", limits or Limits(), tuple(proxies))
        with self._lock:
            self._sessions[token] = session
        try:
            yield session
        except (SourceError, UrlForbidden) as error:
            meaning = session.meaning(error)
            if meaning is error:
                raise
            log.warning("%s of the source is replaced by %s: %s", error.code, meaning.code, session.report)
            raise meaning from error
        finally:
            with self._lock:
                del self._sessions[token]
            session.close()

    def permanent_refusal(self, host: str, port: int) -> str | None:
        """Return the reason code why this address (an IPv6 host in brackets) can never be reached, otherwise
        ``None``. No name is resolved."""
        try:
            self._dialer.require_possible(host, port)
        except Refused as error:
            return error.reason
        return None

    @contextlib.contextmanager
    def also_at(self, listener: socket.socket) -> Iterator[None]:
        """Serve a second listener until the block ends: on the loopback of a process with a separate network."""
        with self._lock:
            self._extra_listeners.add(listener)
        threading.Thread(target=self._accept, args=(listener,), name="egress-extra", daemon=True).start()
        try:
            yield
        finally:
            with self._lock:
                self._extra_listeners.discard(listener)
            with contextlib.suppress(OSError):
                listener.shutdown(socket.SHUT_RDWR)
            listener.close()

    def close(self) -> None:
        """Stop listening and close the connections of all sessions."""
        with self._lock:
            listener, self._listener = self._listener, None
            sessions = list(self._sessions.values())
        if listener is not None:
            with contextlib.suppress(OSError):
                listener.shutdown(socket.SHUT_RDWR)
            listener.close()
        for session in sessions:
            session.close()

    def _port(self) -> int:
        with self._lock:
            if self._listener is None or self._process != os.getpid():  # threads do not survive a fork
                self._process = os.getpid()
                self._listener = socket.create_server(("127.0.0.1", 0), backlog=256)
                try:
                    threading.Thread(target=self._accept, args=(self._listener,), name="egress", daemon=True).start()
                except RuntimeError:  # out of threads: the next session tries again
                    self._listener.close()
                    self._listener = None
                    raise
            return int(self._listener.getsockname()[1])

    def _accept(self, listener: socket.socket) -> None:
        while True:
            self._slots.acquire()
            try:
                client, _ = listener.accept()
            except OSError:
                self._slots.release()
                known = self._listener is listener or listener in self._extra_listeners
                if listener.fileno() < 0 or not known:
                    return
                log.exception("the egress proxy cannot accept connections for now")
                threading.Event().wait(0.5)  # out of file descriptors: some may be free soon
                continue
            try:
                threading.Thread(target=self._serve, args=(client,), name="egress-connection", daemon=True).start()
            except RuntimeError:  # out of threads: the client may retry
                client.close()
                self._slots.release()
                log.exception("the egress proxy cannot serve a connection for now")

    def _serve(self, client: socket.socket) -> None:
        try:
            client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            Exchange(client, self._dialer, self._sessions.get).run()
        except Exception:
            log.exception("a connection of the egress proxy broke")
        finally:
            client.close()
            self._slots.release()
