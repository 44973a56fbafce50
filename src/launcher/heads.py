"""Collects the head of a request until a thread can parse it without waiting, and builds refusals."""

from __future__ import annotations

import json

from src.errors import AppError

# A longer head without an end is left to the parser and its limits.
_LONGEST = 16 * 1024
_REASONS = {408: "Request Timeout", 429: "Too Many Requests"}


class Head:
    """The received part of a request."""

    def __init__(self) -> None:
        self.data = bytearray()

    def add(self, data: bytes) -> bool:
        """Add bytes; return whether the parser can start: the head is complete, or invalid, as with a bare LF."""
        start = max(len(self.data) - 3, 0)
        self.data += data
        if self.data.find(b"\r\n\r\n", start) >= 0 or len(self.data) > _LONGEST:
            return True
        if self.data.startswith((b"\r\n", b"\n")):
            return True
        seen = self.data[start:]  # its first LF may belong to a preceding CR
        return seen.count(b"\n") - seen.startswith(b"\n") > seen.count(b"\r\n")


def refusal(error: AppError, status: int) -> bytes:
    """Return a complete reply that ends the connection, in the form of the product's own API."""
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
