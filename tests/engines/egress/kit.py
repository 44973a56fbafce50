"""Small servers on loopback and a network of the tests' own: who was dialled, and what was asked there."""

from __future__ import annotations

import base64
import contextlib
import socket
import threading
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from urllib.parse import urlsplit

from src.services.egress.dialing import connect

PUBLIC = "93.184.216.34"
PUBLIC_TOO = "2606:2800:220:1:248:1893:25c8:1946"
OTHER_PUBLIC = "151.101.1.69"


def read_request(connection: socket.socket) -> bytes:
    """One head and, with Content-Length, its body."""
    data = b""
    while b"\r\n\r\n" not in data:
        more = connection.recv(65536)
        if not more:
            return data
        data += more
    head, _, body = data.partition(b"\r\n\r\n")
    lengths = [line.split(b":")[1] for line in head.lower().split(b"\r\n") if line.startswith(b"content-length:")]
    while lengths and len(body) < int(lengths[0]):
        body += connection.recv(65536)
    return head + b"\r\n\r\n" + body


@dataclass
class Server:
    """Answers each connection with ``answer(request)`` and closes it; remembers the requests."""

    answer: Callable[[bytes, socket.socket], bytes]
    requests: list[bytes] = field(default_factory=list)
    hits: int = 0

    def __post_init__(self) -> None:
        self._listener = socket.create_server(("127.0.0.1", 0), backlog=64)
        self.port = int(self._listener.getsockname()[1])
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self) -> None:
        while True:
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            self.hits += 1
            threading.Thread(target=self._serve, args=(connection,), daemon=True).start()

    def _serve(self, connection: socket.socket) -> None:
        with connection, contextlib.suppress(OSError):
            request = read_request(connection)
            if request:
                self.requests.append(request)
                connection.sendall(self.answer(request, connection))

    def close(self) -> None:
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()


@contextlib.contextmanager
def running(answer: Callable[[bytes, socket.socket], bytes]) -> Iterator[Server]:
    """A server for the length of the block."""
    server = Server(answer)
    try:
        yield server
    finally:
        server.close()


def reply(body: bytes = b"hello", status: str = "200 OK", *fields: str) -> bytes:
    """A whole HTTP reply."""
    lines = [f"HTTP/1.1 {status}", f"Content-Length: {len(body)}", *fields]
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + body


@dataclass
class Net:
    """A network in which ``names`` have addresses, ``places`` lead some addresses to real ports of this machine, and
    every other address leads to the canary, whatever its port."""

    canary: int
    names: dict[str, list[Sequence[str]]] = field(default_factory=dict)
    places: dict[str, int] = field(default_factory=dict)
    asked: list[str] = field(default_factory=list)
    dialled: list[tuple[str, int]] = field(default_factory=list)

    def resolve(self, name: str) -> Sequence[str]:
        """Each list of answers in turn; the last one for ever."""
        self.asked.append(name)
        answers = self.names.get(name)
        if answers is None:
            raise OSError("no such name")
        return answers.pop(0) if len(answers) > 1 else answers[0]

    def connect(self, address: str, port: int, seconds: float) -> socket.socket:
        self.dialled.append((address, port))
        return connect("127.0.0.1", self.places.get(address, self.canary), seconds)


def ask(proxy_url: str, request: str | bytes, *, with_token: bool = True, more: bytes = b"") -> bytes:
    """Send a request to the proxy as it is, with the token of its address; everything that comes back."""
    url = urlsplit(proxy_url)
    head = request.encode("latin-1") if isinstance(request, str) else request
    if with_token:
        token = base64.b64encode(f"{url.username}:{url.password}".encode())
        line, _, rest = head.partition(b"\r\n")
        head = line + b"\r\nProxy-Authorization: Basic " + token + b"\r\n" + rest
    with socket.create_connection((url.hostname or "", url.port or 0), timeout=20) as connection:
        connection.sendall(head + b"\r\n\r\n" + more if not head.endswith(b"\r\n") else head + b"\r\n" + more)
        answer = b""
        with contextlib.suppress(ConnectionResetError):
            while piece := connection.recv(65536):
                answer += piece
        return answer


def status_of(answer: bytes) -> int:
    """The status of a reply."""
    return int(answer.split(b" ", 2)[1])


def reason_of(answer: bytes) -> str:
    """The word with which the proxy refused, or the trouble that it had."""
    for line in answer.split(b"\r\n"):
        name, _, value = line.partition(b": ")
        if name in (b"X-Egress-Refused", b"X-Egress-Error"):
            return value.decode()
    return ""
