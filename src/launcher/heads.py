"""Collects the head of a request until a thread can parse it without waiting, and builds refusals."""

from __future__ import annotations

import json

from src.errors import AddressTooLong, AppError
from src.utils.long_addresses import LONGEST_LINE, TOO_LONG_FOR_CHAT, is_chat_line

# A longer head without an end is left to the parser and its limits.
_LONGEST = LONGEST_LINE + 16 * 1024
_REASONS = {408: "Request Timeout", 414: "URI Too Long", 429: "Too Many Requests"}


class Head:
    """The received part of a request."""

    def __init__(self) -> None:
        self.data = bytearray()

    def add(self, data: bytes) -> bool:
        """Add bytes; return whether the parser can start: the head is complete, or invalid, as with a bare LF."""
        start = max(len(self.data) - 3, 0)
        self.data += data
        if self.line_too_long:
            return True
        if self.data.find(b"\r\n\r\n", start) >= 0 or len(self.data) > _LONGEST:
            return True
        if self.data.startswith((b"\r\n", b"\n")):
            return True
        seen = self.data[start:]  # its first LF may belong to a preceding CR
        return seen.count(b"\n") - seen.startswith(b"\n") > seen.count(b"\r\n")

    @property
    def line_too_long(self) -> bool:
        """Whether the first line, as far as it has arrived, is longer than the limit."""
        first = 2 if self.data.startswith(b"\r\n") else 0  # RFC 9112, 2.2: an empty line before it is ignored
        end = self.data.find(b"\n", first)
        return (len(self.data) if end < 0 else end) - first > LONGEST_LINE

    def answer_to_long_line(self) -> bytes:
        """Return the complete reply to a request whose first line is too long."""
        if not is_chat_line(bytes(self.data[:100]).lstrip(b"\r\n")):
            return refusal(AddressTooLong(), 414)
        return _reply("200 OK", "text/plain; charset=utf-8", TOO_LONG_FOR_CHAT.encode())


def refusal(error: AppError, status: int) -> bytes:
    """Return a complete reply that ends the connection, in the form of the product's own API."""
    body = json.dumps({"error": error.message, "code": error.code, "details": error.details}).encode()
    more = ["Retry-After: 5"] if status == 429 else []
    return _reply(f"{status} {_REASONS[status]}", "application/json", body, *more)


def _reply(status: str, content_type: str, body: bytes, *more: str) -> bytes:
    lines = [
        f"HTTP/1.1 {status}",
        f"Content-Type: {content_type}",
        f"Content-Length: {len(body)}",
        "Cache-Control: no-store",
        "Connection: close",
        *more,
    ]
    return "\r\n".join([*lines, "", ""]).encode("ascii") + body
