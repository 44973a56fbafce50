"""Serves one client connection: one request is answered, refused, or forwarded."""

from __future__ import annotations

import base64
import binascii
import contextlib
import logging
import socket
from collections.abc import Callable
from urllib.parse import urlsplit

from src.services.egress.dialing import Dialer, Route
from src.services.egress.heads import Head, HeadInvalid, parse_head, read_head, write_head
from src.services.egress.policy import ProxyRefused, Refused, Unreachable
from src.services.egress.relay import relay, reset
from src.services.egress.session import Session

log = logging.getLogger(__name__)

HEAD_SECONDS = 15.0
REPLY_SECONDS = 60.0
MAX_BODY_BYTES = 16 * 1024 * 1024  # of a plain request; none of our requests is larger
METHODS = frozenset({"GET", "HEAD", "POST"})


class Exchange:
    """Serves one accepted connection. ``find`` returns the session of a token."""

    def __init__(self, client: socket.socket, dialer: Dialer, find: Callable[[str], Session | None]) -> None:
        self._client, self._dialer, self._find = client, dialer, find

    def run(self) -> None:
        """Serve the connection. Never raises."""
        with self._client:
            try:
                head = read_head(self._client, seconds=HEAD_SECONDS)
                if head is not None:
                    self._serve(head)
            except HeadInvalid as error:
                self._answer(400, "Bad Request", ("X-Egress-Refused", f"head: {error}"))
            except OSError:
                return

    def _serve(self, head: Head) -> None:
        method, target = head.request
        session = self._session(head)
        if session is None:  # FFmpeg sends the credentials of its proxy address only after this response
            self._answer(407, "Proxy Authentication Required", ("Proxy-Authenticate", 'Basic realm="egress"'))
            return
        try:
            with session.request():
                if method == "CONNECT":
                    self._tunnel(session, head, target)
                elif method in METHODS:
                    self._plain(session, head, method, target)
                else:
                    raise Refused("method")
        except Refused as refused:
            session.note_refused(_loggable(target), refused.reason, of_proxy=isinstance(refused, ProxyRefused))
            log.warning("refused: %s (%s)", _loggable(target), refused.reason)
            # The status line contains the reason too, because some clients report nothing else of a CONNECT response.
            self._answer(403, f"Refused by egress rules: {refused.reason}", ("X-Egress-Refused", refused.reason))
        except Unreachable as failure:
            log.info("unreachable: %s (%s)", _loggable(target), failure.reason)
            status, phrase = (504, "Gateway Timeout") if failure.timeout else (502, "Bad Gateway")
            self._answer(status, phrase, ("X-Egress-Error", failure.reason))

    def _session(self, head: Head) -> Session | None:
        sent = head.all(b"proxy-authorization")
        if len(sent) != 1:
            return None
        scheme, _, coded = sent[0].partition(b" ")
        if scheme.lower() != b"basic":
            return None
        try:
            token = base64.b64decode(coded.strip(), validate=True).decode("ascii").partition(":")[2]
        except (binascii.Error, UnicodeDecodeError):
            return None
        return self._find(token)

    def _tunnel(self, session: Session, head: Head, target: str) -> None:
        host, _, port = target.rpartition(":")
        route = self._dialer.open(host, _port(port), session.proxies, tunnel=True)
        with route.connection as server, session.holding(self._client, server):
            self._client.sendall(b"HTTP/1.1 200 Connection established\r\n\r\n" + route.early)
            session.count(len(route.early), len(head.rest))
            if head.rest:
                server.sendall(head.rest)
            self._relay(session, server)

    def _plain(self, session: Session, head: Head, method: str, target: str) -> None:
        host, port, path = _parts(target)
        length = head.body_bytes
        if length > MAX_BODY_BYTES:
            raise Refused("body-size")
        route = self._dialer.open(host, port, session.proxies, tunnel=False)
        with route.connection as server, session.holding(self._client, server):
            answer = self._forward(session, route, head, length, f"{method} ", host, port, path)
            session.count(len(answer), 0)
            self._client.sendall(answer)
            self._relay(session, server)

    def _forward(
        self, session: Session, route: Route, head: Head, length: int, verb: str, host: str, port: int, path: str
    ) -> bytes:
        """Forward the request; return the head of the response for the client, with the bytes after it."""
        server = route.connection
        authority = host if port == 80 else f"{host}:{port}"
        fields = [(b"Host", authority.encode())]
        fields += [field for field in head.end_to_end() if field[0].lower() != b"host"]
        fields.append((b"Connection", b"close"))
        if route.proxy is not None:
            path = f"http://{route.target}{path}"
            if route.proxy.authorization:
                fields.append((b"Proxy-Authorization", route.proxy.authorization.encode()))
        try:
            server.settimeout(REPLY_SECONDS)
            sent = write_head(verb.encode() + path.encode() + b" HTTP/1.1", fields)
            session.count(0, len(sent))
            server.sendall(sent)
            self._send_body(session, server, head.rest[:length], length)
            answer = read_head(server, seconds=REPLY_SECONDS)
            while answer is not None and 100 <= answer.status < 200:
                answer = _second_head(server, answer.rest)
        except TimeoutError:
            raise Unreachable("timeout", timeout=True) from None
        except (OSError, HeadInvalid):
            raise Unreachable("answer") from None
        if answer is None:
            raise Unreachable("answer")
        if answer.status == 407:  # from the upstream proxy: the client must not apply it to this one
            raise Unreachable("upstream-407")
        response = [*answer.end_to_end(), (b"Connection", b"close")]
        return write_head(answer.line, response) + answer.rest

    def _send_body(self, session: Session, server: socket.socket, first: bytes, length: int) -> None:
        sent = 0
        piece = first
        self._client.settimeout(REPLY_SECONDS)
        while True:
            if piece:
                session.count(0, len(piece))
                server.sendall(piece)
                sent += len(piece)
            if sent >= length:
                return
            piece = self._client.recv(min(65536, length - sent))
            if not piece:
                raise Unreachable("client")

    def _relay(self, session: Session, server: socket.socket) -> None:
        try:
            relay(self._client, server, idle_seconds=session.limits.idle_seconds, count=session.count)
        except (Refused, OSError):  # the report contains an exceeded limit
            reset(self._client)

    def _answer(self, status: int, phrase: str, field: tuple[str, str]) -> None:
        fields = [
            (field[0].encode(), field[1].encode("ascii", "replace")),
            (b"Content-Length", b"0"),
            (b"Connection", b"close"),
        ]
        with contextlib.suppress(OSError):
            self._client.settimeout(HEAD_SECONDS)
            self._client.sendall(write_head(f"HTTP/1.1 {status} {phrase}".encode("ascii", "replace"), fields))
            self._client.shutdown(socket.SHUT_WR)
            # Unread data would reset the connection before the client reads the response.
            self._client.settimeout(1.0)
            for _ in range(16):
                if not self._client.recv(65536):
                    break


def _second_head(server: socket.socket, rest: bytes) -> Head | None:
    """Return the head after an interim response (100, 103)."""
    if b"\r\n\r\n" in rest:
        head, _, after = rest.partition(b"\r\n\r\n")
        return parse_head(head, after)
    if rest:
        raise HeadInvalid("interim")
    return read_head(server, seconds=REPLY_SECONDS)


def _port(text: str) -> int:
    if not text.isascii() or not text.isdigit() or len(text) > 5 or not 0 < int(text) < 65536:
        raise Refused("port")
    return int(text)


def _parts(target: str) -> tuple[str, int, str]:
    """Return (host, port, path with query) of an absolute URL. Raises Refused."""
    if not target.startswith("http://"):
        raise Refused("scheme")
    if "\\" in target or "#" in target:
        raise Refused("spelling")
    try:
        parts = urlsplit(target)
        authority = parts.netloc
    except ValueError:
        raise Refused("spelling") from None
    if "@" in authority or not authority:
        raise Refused("spelling")
    host, colon, port = authority.rpartition(":")
    if not colon or authority.endswith("]"):
        host, port = authority, "80"
    path = parts.path or "/"
    if parts.query:
        path += f"?{parts.query}"
    return host, _port(port), path


def _loggable(target: str) -> str:
    """Return a target without its query, which may contain secrets."""
    return target.partition("?")[0][:200]
