"""Collects the head of a request until a thread can read it without waiting, and writes refusals without one."""

from __future__ import annotations

import json

from src.errors import AppError

# What comes without an end in so many bytes is left to the parser, which has limits of its own.
_LONGEST = 16 * 1024
_REASONS = {408: "Request Timeout", 429: "Too Many Requests"}


class Head:
    """What has come of a request so far."""

    def __init__(self) -> None:
        self.data = bytearray()

    def add(self, data: bytes) -> bool:
        """Add bytes; whether the parser can go on: the head is whole, or holds what no head may, such as a bare LF."""
        begin = max(len(self.data) - 3, 0)
        self.data += data
        if self.data.find(b"\r\n\r\n", begin) >= 0 or len(self.data) > _LONGEST:
            return True
        if self.data.startswith((b"\r\n", b"\n")):
            return True
        seen = self.data[begin:]  # its first LF may belong to a CR before it
        return seen.count(b"\n") - seen.startswith(b"\n") > seen.count(b"\r\n")


def refusal(error: AppError, status: int) -> bytes:
    """Return a whole answer that ends the connection, in the shape of the product's own API."""
    body = json.dumps({"error": error.message, "code": error.code, "details": error.details}).encode()
    lines = [
        f"HTTP/1.1 {status} {_REASONS[status]}",
        "Content-Type: application/json",
        f"Content-Length: {len(body)}",
        "Cache-Control: no-store",
        "Connection: close",
        *(["Retry-After: 5"] if status == 429 else []),
    ]
    return "\r\n".join([*lines, "", ""]).encode("ascii") + body
