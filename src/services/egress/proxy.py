"""The egress proxy: the one way out for everything that this process fetches, as a small HTTP proxy on loopback.

Clients are given ``http://job:<token>@127.0.0.1:<port>``; the token names the session and lets nobody else in. See
``docs/adr/0006-egress-proxy.md`` for why a proxy, and why a check in front of the clients is not enough.
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

MAX_CONNECTIONS = 256  # of a process, over all sessions; further ones wait to be accepted


class EgressProxy:
    """Starts by itself with the first session, in daemon threads of the process that asks."""

    def __init__(self, policy: Policy, *, resolver: Resolver = resolve, connector: Connector | None = None) -> None:
        """``resolver`` and ``connector`` replace the system's: see ``dialing.py``."""
        self._policy = policy
        self._dialer = Dialer(policy, resolver=resolver, connector=connector)
        self._lock = threading.Lock()
        self._sessions: dict[str, Session] = {}
        self._places = threading.BoundedSemaphore(MAX_CONNECTIONS)
        self._listener: socket.socket | None = None
        self._lent: set[socket.socket] = set()
        self._process = 0

    @classmethod
    def of(cls, settings: Settings) -> EgressProxy:
        """The proxy that the settings describe.

        Raises:
            SettingsError: ALLOW_PRIVATE_NETWORKS, YTDLP_PROXY or STREAM_PROXY cannot be used.
        """
        return cls(Policy.of(settings))

    @property
    def stream_proxy(self) -> Upstream | None:
        """The operator's proxy for streams whose request names none."""
        return self._policy.stream_proxy

    @contextlib.contextmanager
    def session(
        self,
        limits: Limits | None = None,
        *,
        own_proxy: str | Upstream | None = None,
        upstream: bool = True,
    ) -> Iterator[Session]:
        """The way out for one job, up to the end of the block; then all its connections are ended.

        ``own_proxy`` is a proxy for this job alone, behind the operator's. As text it is one that a request names, and
        only used at a public address; an ``Upstream`` is one of the settings, such as ``stream_proxy``.
        ``upstream=False`` goes out directly. A ``SourceError`` or ``UrlForbidden`` that leaves the block becomes what
        the session knows to be its reason (``Session.meaning``).

        Raises:
            SettingsError: ``own_proxy`` is no address of an HTTP proxy.
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
            log.warning("%s of the source is %s: %s", error.code, meaning.code, session.report)
            raise meaning from error
        finally:
            with self._lock:
                del self._sessions[token]
            session.close()

    def why_never(self, host: str, port: int) -> str | None:
        """One word that says why this address (an IPv6 host in brackets) can never be reached from here; None when it
        may be. No name is resolved."""
        try:
            self._dialer.require_possible(host, port)
        except Refused as error:
            return error.reason
        return None

    @contextlib.contextmanager
    def also_at(self, listener: socket.socket) -> Iterator[None]:
        """Answer there too, up to the end of the block: on the loopback of a process with a network of its own."""
        with self._lock:
            self._lent.add(listener)
        threading.Thread(target=self._accept, args=(listener,), name="egress-lent", daemon=True).start()
        try:
            yield
        finally:
            with self._lock:
                self._lent.discard(listener)
            with contextlib.suppress(OSError):
                listener.shutdown(socket.SHUT_RDWR)
            listener.close()

    def close(self) -> None:
        """Stop listening and end all sessions' connections."""
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
                threading.Thread(target=self._accept, args=(self._listener,), name="egress", daemon=True).start()
            return int(self._listener.getsockname()[1])

    def _accept(self, listener: socket.socket) -> None:
        while True:
            self._places.acquire()
            try:
                client, _ = listener.accept()
            except OSError:
                self._places.release()
                if listener.fileno() < 0 or (self._listener is not listener and listener not in self._lent):
                    return
                log.exception("the egress proxy cannot accept connections for now")
                threading.Event().wait(0.5)  # out of file descriptors: some will be free again
                continue
            try:
                threading.Thread(target=self._serve, args=(client,), name="egress-connection", daemon=True).start()
            except RuntimeError:  # out of threads: this client asks again, and the next one may be served
                client.close()
                self._places.release()
                log.exception("the egress proxy cannot serve a connection for now")

    def _serve(self, client: socket.socket) -> None:
        try:
            client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            Exchange(client, self._dialer, self._sessions.get).run()
        except Exception:
            log.exception("a connection of the egress proxy broke")
        finally:
            client.close()
            self._places.release()
