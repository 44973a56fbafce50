"""A TCP proxy that does to connections what networks do: freezes, half-opens, slows, cuts and refuses them."""

from __future__ import annotations

import contextlib
import socket
import struct
import threading
import time
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Self

_BLOCK = 16 << 10
_LOOK_SECONDS = 0.02
Target = Path | tuple[str, int]


@dataclass(frozen=True)
class Fault:
    """What happens to every byte from now on; everything off is a good connection.

    ``frozen``: nothing moves, and nobody is told; what was sent arrives when it thaws. ``half_open``: what the client
    sends is swallowed, as by a peer that has lost the connection. ``bytes_per_second``: of all connections together,
    towards the client. ``cut_after``: each connection is reset after so many bytes to the client.
    ``freeze_after``: all of them freeze when so many bytes have come to clients. ``refuse``: new
    connections are reset, old ones too.
    """

    frozen: bool = False
    half_open: bool = False
    bytes_per_second: float | None = None
    cut_after: int | None = None
    freeze_after: int | None = None
    refuse: bool = False


HEALTHY = Fault()


class FaultProxy:
    """Between clients and ``target`` (host and port, or a unix socket) while it is entered; see ``port``."""

    def __init__(self, target: Target) -> None:
        self._target = target
        self.fault = HEALTHY
        self.accepted = self.cuts = self.passed = 0
        self._listener = socket.create_server(("127.0.0.1", 0), backlog=256)
        self.port = int(self._listener.getsockname()[1])
        self._open: set[socket.socket] = set()
        self._lock = threading.Lock()
        self._free_at = 0.0
        self._ended = False

    def __enter__(self) -> Self:
        threading.Thread(target=self._accept, daemon=True).start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, tb: TracebackType | None) -> None:
        self._ended = True
        self._listener.close()
        for connection in list(self._open):
            self._drop(connection)

    def set(self, fault: Fault) -> None:
        """Do this from now on, to open connections too. One that was half-open stays so: its bytes are lost."""
        self.fault, self.passed = fault, 0
        if fault.refuse:
            for connection in list(self._open):
                _reset(connection)

    def _accept(self) -> None:
        while not self._ended:
            try:
                client, _ = self._listener.accept()
            except OSError:
                return
            self.accepted += 1
            threading.Thread(target=self._serve, args=(client,), daemon=True).start()

    def _serve(self, client: socket.socket) -> None:
        with self._lock:
            self._open.add(client)
        if self.fault.refuse:
            self._drop(client)
            return
        server: socket.socket | None = None
        try:
            self._thawed()
            server = self._connected()
            with self._lock:
                self._open.add(server)
            upwards = threading.Thread(target=self._pump, args=(client, server, False), daemon=True)
            upwards.start()
            self._pump(server, client, True)
            upwards.join()
        except OSError:
            pass  # whoever breaks off, the other side hears of it below
        finally:
            for connection in (client, server):
                if connection is not None:
                    self._drop(connection)

    def _connected(self) -> socket.socket:
        if isinstance(self._target, tuple):
            return socket.create_connection(self._target)
        server = socket.socket(socket.AF_UNIX)
        server.connect(str(self._target))
        return server

    def _pump(self, source: socket.socket, sink: socket.socket, to_client: bool) -> None:
        passed, lost = 0, False
        try:
            while data := source.recv(_BLOCK):
                self._thawed()
                lost = lost or (self.fault.half_open and not to_client)
                if lost or self.fault.half_open:
                    continue
                if to_client:
                    self._pause(len(data))
                    cut = self.fault.cut_after
                    if cut is not None and passed + len(data) >= cut:
                        sink.sendall(data[: max(cut - passed, 0)])
                        self.cuts += 1
                        _reset(sink)
                        _reset(source)
                        return
                    self.passed += len(data)
                    limit = self.fault.freeze_after
                    if limit is not None and self.passed >= limit:
                        self.fault = Fault(frozen=True)
                sink.sendall(data)
                passed += len(data)
            self._thawed()
            if not self.fault.half_open and not lost:
                sink.shutdown(socket.SHUT_WR)
        except OSError:
            _reset(sink)  # one side broke: the other must not wait for ever

    def _thawed(self) -> None:
        while self.fault.frozen and not self._ended:
            time.sleep(_LOOK_SECONDS)

    def _pause(self, count: int) -> None:
        """Wait for this many bytes' turn."""
        rate = self.fault.bytes_per_second
        if rate is None:
            return
        with self._lock:
            self._free_at = max(self._free_at, time.monotonic()) + count / rate
            until = self._free_at
        while (left := until - time.monotonic()) > 0 and self.fault.bytes_per_second and not self._ended:
            time.sleep(min(left, 0.1))

    def _drop(self, connection: socket.socket) -> None:
        with self._lock:
            self._open.discard(connection)
        with contextlib.suppress(OSError):
            connection.shutdown(socket.SHUT_RDWR)
        connection.close()


def _reset(connection: socket.socket) -> None:
    """End a connection so that both of its ends notice at once (RST)."""
    with contextlib.suppress(OSError):
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    with contextlib.suppress(OSError):
        connection.shutdown(socket.SHUT_RDWR)
