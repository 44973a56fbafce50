"""Parses heads of HTTP messages strictly, because two parsers of one head must agree."""

from __future__ import annotations

import re
import socket
import time
from dataclasses import dataclass

MAX_HEAD_BYTES = 64 * 1024
_REQUEST = re.compile(rb"([A-Z]{3,10}) (\S{1,16384}) HTTP/1\.[01]")
_STATUS = re.compile(rb"HTTP/1\.[01] (\d{3})(?: .*)?")
_LENGTH = re.compile(rb"[0-9]{1,18}")  # below 2**63; Python itself refuses numbers with thousands of digits
_FIELD = re.compile(rb"([!#$%&'*+.^_`|~0-9A-Za-z-]+):[ \t]*([^\x00\r\n]*?)[ \t]*")
# Fields of one connection, which are never forwarded (RFC 9110, 7.6.1); Expect would require an interim response.
_HOP_BY_HOP = frozenset(
    {b"connection", b"proxy-connection", b"keep-alive", b"te", b"trailer", b"upgrade", b"expect"}
    | {b"proxy-authorization", b"proxy-authenticate", b"proxy-authentication-info"}
)


class HeadInvalid(Exception):
    """The data is not the head of an HTTP message."""


@dataclass(slots=True)
class Head:
    """First line, fields in order, and the bytes after the head."""

    line: bytes
    fields: list[tuple[bytes, bytes]]
    rest: bytes

    def all(self, name: bytes) -> list[bytes]:
        """Return the values of a field (name in lower case)."""
        return [value for found, value in self.fields if found.lower() == name]

    @property
    def request(self) -> tuple[str, str]:
        """(method, target). Raises HeadInvalid."""
        found = _REQUEST.fullmatch(self.line)
        if found is None or not found[2].isascii():
            raise HeadInvalid("request line")
        return found[1].decode(), found[2].decode()

    @property
    def status(self) -> int:
        """The status of a response. Raises HeadInvalid."""
        found = _STATUS.fullmatch(self.line)
        if found is None:
            raise HeadInvalid("status line")
        return int(found[1])

    @property
    def body_bytes(self) -> int:
        """The length of a request's body. Raises HeadInvalid unless one field alone determines it."""
        lengths = self.all(b"content-length")
        if self.all(b"transfer-encoding") or len(lengths) > 1 or any(not _LENGTH.fullmatch(text) for text in lengths):
            raise HeadInvalid("length")
        return int(lengths[0]) if lengths else 0

    def end_to_end(self) -> list[tuple[bytes, bytes]]:
        """Return the fields for the other endpoint."""
        named = {name.strip().lower() for value in self.all(b"connection") for name in value.split(b",")}
        return [(name, value) for name, value in self.fields if name.lower() not in _HOP_BY_HOP | named]


def read_head(connection: socket.socket, *, seconds: float) -> Head | None:
    """Read the next head; ``None`` if the other side closed the connection instead.

    Raises:
        HeadInvalid: the data is not a head, or larger than 64 kB.
        TimeoutError: the head was not complete in time, however slowly it arrived.
    """
    deadline = time.monotonic() + seconds
    data = bytearray()
    while (end := data.find(b"\r\n\r\n")) < 0:
        left = deadline - time.monotonic()
        if left <= 0:
            raise TimeoutError
        connection.settimeout(left)
        more = connection.recv(16384)
        if not more:
            if data:
                raise HeadInvalid("cut off")
            return None
        data += more
        if len(data) > MAX_HEAD_BYTES and not 0 <= data.find(b"\r\n\r\n") <= MAX_HEAD_BYTES:
            raise HeadInvalid("size")
    return parse_head(bytes(data[:end]), bytes(data[end + 4 :]))


def parse_head(head: bytes, rest: bytes = b"") -> Head:
    """Parse a head without its final empty line. Raises HeadInvalid."""
    line, *lines = head.split(b"\r\n")
    fields = []
    for text in lines:
        found = _FIELD.fullmatch(text)
        if found is None:
            raise HeadInvalid("field")
        fields.append((found[1], found[2]))
    return Head(line, fields, rest)


def write_head(line: bytes, fields: list[tuple[bytes, bytes]]) -> bytes:
    """Write a head with its final empty line."""
    return b"\r\n".join([line, *(name + b": " + value for name, value in fields), b"", b""])
