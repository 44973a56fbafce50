"""Defines what the clip engine's parent and its child exchange; neither imports the other."""

from __future__ import annotations

import pickle
import struct
from dataclasses import dataclass
from typing import IO, Any

from src.services.cutting.engine.model import Call, CutOrder
from src.utils.sandbox import SandboxRules

NO_LISTENER, LISTENER = b"-", b"+"
"""The child's first byte: whether a listener of its own network comes with it."""
_LENGTH = struct.Struct("<I")


@dataclass(frozen=True, slots=True)
class Task:
    """One call of the engine. ``refreshes``: the parent can answer one request for fresh links.

    ``file_bytes``: the size of the largest file that may be written; ``None`` is unlimited.
    """

    call: Call
    order: CutOrder
    sandbox: SandboxRules
    refreshes: bool
    file_bytes: int | None = None


def send(stream: IO[bytes], value: object) -> None:
    """Send a task, or the answer to a request, from the parent to the child."""
    data = pickle.dumps(value)
    stream.write(_LENGTH.pack(len(data)) + data)
    stream.flush()


def receive(stream: IO[bytes]) -> Any:
    """Read what the parent sent. Only the child calls this: the parent is trusted, the child is not."""
    (length,) = _LENGTH.unpack(stream.read(_LENGTH.size))
    return pickle.loads(stream.read(length))  # noqa: S301 # nosec B301 (sent by the parent, which is trusted)
