"""Defines how long the first line of a request may be, and what follows when it is longer.

Bots write a whole chat message into the address of a command, where each character of another script takes up to
twelve bytes. gunicorn reads lines of 8190 bytes at most, so ``launcher/api_worker.py`` sets this limit itself.
"""

from __future__ import annotations

LONGEST_LINE = 17 * 1024
"""In bytes: addresses of 16 kB, the method and the version. ``deploy/nginx.conf.example`` has the same number."""

CHAT_PATHS = ("/c/", "/api/video/save/stream/")
"""Addresses whose callers are chat bots: every answer is one line of text with status 200."""

TOO_LONG_FOR_CHAT = "This message is too long for a clip; please write a shorter one."


def is_chat_line(line: bytes) -> bool:
    """Return whether the (beginning of the) first line of a request names an address of chat commands."""
    _, _, target = line.partition(b" ")
    return target.startswith(tuple(path.encode() for path in CHAT_PATHS))
