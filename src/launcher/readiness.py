"""Detects whether a process is ready: by systemd's notification protocol, in both directions, or by HTTP."""

from __future__ import annotations

import http.client
import secrets
import socket
from contextlib import suppress


class ReadySocket:
    """Receives ``READY=1`` from one child, whose ``NOTIFY_SOCKET`` is ``address``.

    The address is abstract (Linux): it creates no file and ends with this process.
    """

    def __init__(self) -> None:
        self.address = f"@yt-downloader-{secrets.token_hex(8)}"
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC | socket.SOCK_NONBLOCK)
        self._socket.bind("\0" + self.address[1:])
        self._ready = False

    def ready(self) -> bool:
        """Return whether the child is ready."""
        with suppress(BlockingIOError):
            while message := self._socket.recv(4096):
                self._ready = self._ready or b"READY=1" in message.split(b"\n")
        return self._ready

    def close(self) -> None:
        """Close the socket."""
        self._socket.close()


def notify_ready(address: str | None) -> None:
    """Send ``READY=1`` to the process that started this one, if it gave an address: man 3 sd_notify."""
    if not address:
        return
    with suppress(OSError), socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC) as channel:
        channel.connect("\0" + address[1:] if address.startswith("@") else address)
        channel.sendall(b"READY=1")


def answers_http(host: str, port: int, path: str, timeout_seconds: float = 3.0) -> bool:
    """Return whether ``GET path`` returns 200."""
    connection = http.client.HTTPConnection(host, port, timeout=timeout_seconds)
    try:
        connection.request("GET", path)
        return connection.getresponse().status == 200
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()
