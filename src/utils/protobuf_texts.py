"""Finds the texts in a protobuf message of unknown schema."""

from __future__ import annotations

from collections.abc import Iterator


def texts_in(message: bytes, depth: int) -> Iterator[str]:
    """Yield all texts in a message and its nested messages to this depth, in order.

    Printable content is always taken as a text.
    """
    for content in _fields(message) or ():
        if content.isascii() and content.decode("ascii").isprintable():
            yield content.decode("ascii")
        elif depth:
            yield from texts_in(content, depth - 1)


def _fields(message: bytes) -> list[bytes] | None:
    """Return the contents of all length-delimited fields; None when this is not a protobuf message."""
    found: list[bytes] = []
    position = 0
    while position < len(message):
        key, position = _varint(message, position)
        match key & 7:
            case 0:
                _, position = _varint(message, position)
            case 1:
                position += 8
            case 2:
                length, position = _varint(message, position)
                found.append(message[position : position + length])
                position += length
            case 5:
                position += 4
            case _:
                return None
        if position > len(message) or not key >> 3:
            return None
    return found


def _varint(message: bytes, position: int) -> tuple[int, int]:
    """Return (value, position after it); the position is after the end of the message if that is truncated."""
    value = 0
    for shift in range(0, 70, 7):
        if position >= len(message):
            break
        byte = message[position]
        value, position = value | (byte & 0x7F) << shift, position + 1
        if not byte & 0x80:
            return value, position
    return value, len(message) + 1
