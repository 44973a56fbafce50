"""Defines what waits and runs in a queue, as far as it decides whose job starts next."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime

PREVIEWS = "previews"
"""The owner that all previews without an account count for."""


@dataclass(frozen=True, slots=True)
class Kinds:
    """The kinds of jobs of one queue.

    ``long`` ones are recordings and whole downloads, which may take hours; ``urgent`` ones capture a moment of a live
    stream, which soon cannot be fetched any more.
    """

    all: frozenset[str]
    long: frozenset[str] = field(default_factory=frozenset)
    urgent: frozenset[str] = field(default_factory=frozenset)


@dataclass(frozen=True, slots=True)
class Waiting:
    """Jobs of one owner that could start now: either all long ones (recordings, whole downloads) or all others.

    ``since``: when the first of them was requested. ``declined``: ids of those that a worker declined, oldest first;
    no worker considers them again without another notification.
    """

    owner: str
    long: bool
    number: int
    since: datetime
    declined: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Running:
    """A running job. ``owner``: whose share it counts against, if any. ``long``: a recording or a whole download."""

    owner: str | None
    long: bool = False
