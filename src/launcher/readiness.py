"""Whether a process does its work yet: systemd's notification protocol, in both directions, and a question by HTTP."""

from __future__ import annotations

import http.client
import secrets
import socket
from contextlib import suppress


class ReadySocket:
    """Where one child says ``READY=1``; its address goes into the child's ``NOTIFY_SOCKET``.

    The address is abstract (Linux): it leaves nothing in a file system and vanishes with this process.
    """

    def __init__(self) -> None:
        self.address = f"@yt-downloader-{secrets.token_hex(8)}"
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC | socket.SOCK_NONBLOCK)
        self._socket.bind("\0" + self.address[1:])
        self._ready = False

    def ready(self) -> bool:
        """Return whether the child has said it."""
        with suppress(BlockingIOError):
            while message := self._socket.recv(4096):
                self._ready = self._ready or b"READY=1" in message.split(b"\n")
        return self._ready

    def close(self) -> None:
        """Listen no more."""
        self._socket.close()


def notify_ready(address: str | None) -> None:
    """Say ``READY=1`` to whoever started this process, if they want to know: man 3 sd_notify."""
    if not address:
        return
    with suppress(OSError), socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC) as channel:
        channel.connect("\0" + address[1:] if address.startswith("@") else address)
        channel.sendall(b"READY=1")


def answers_http(host: str, port: int, path: str, timeout_seconds: float = 0.5) -> bool:
    """Return whether ``GET path`` is answered with 200."""
    connection = http.client.HTTPConnection(host, port, timeout=timeout_seconds)
    try:
        connection.request("GET", path)
        return connection.getresponse().status == 200
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()
