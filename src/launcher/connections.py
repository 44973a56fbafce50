"""Holds the state of a connection in an API process."""

from __future__ import annotations

import socket
from typing import Any

from gunicorn.http.message import Request
from gunicorn.http.parser import RequestParser
from gunicorn.workers.gthread import TConn

from src.launcher.connection_counts import is_loopback
from src.launcher.heads import Head
from src.launcher.slow_readers import PacedWriter
from src.launcher.slow_senders import PacedUnreader, SendingLimits, Turns
from src.utils.long_addresses import LONGEST_LINE


class _Request(Request):  # type: ignore[misc]
    """A request whose first line may be longer than gunicorn's settings allow."""

    def parse(self, unreader: Any) -> Any:
        """Parse the head, with our limit."""
        self.limit_request_line = self._fast_limit_request_line = LONGEST_LINE
        return super().parse(unreader)


class _Parser(RequestParser):  # type: ignore[misc]
    mesg_class = _Request


class Connection(TConn):  # type: ignore[misc]
    """A connection: its reader and writer, the received part of the next head, and whether it is counted.

    ``reading``: it is not counted because its client reads a reply.
    """

    parser: Any

    def __init__(self, cfg: Any, sock: socket.socket, client: Any, server: Any, limits: SendingLimits, turns: Turns):
        super().__init__(cfg, sock, client, server)
        self.address = str(client[0]) if isinstance(client, tuple) else ""
        self.limited = limits.count_peers and (limits.count_loopback or not is_loopback(self.address))
        self.counted = self.reading = False
        self.head, self.until, self.silent_until = Head(), 0.0, 0.0
        self.reader, self.writer = PacedUnreader(sock, limits, turns), PacedWriter(sock, turns)
        self.parser = _Parser(cfg, sock, client)
        self.parser.unreader = self.reader
        self.initialized = self.data_ready = True  # gunicorn has nothing to wait for
