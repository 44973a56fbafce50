"""Defines what waits and runs in a queue, as far as it decides whose job starts next."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime

from src.models.video import Status

PREVIEWS = "previews"
"""The owner that all previews without an account count for."""


@dataclass(frozen=True, slots=True)
class Kinds:
    """The kinds of jobs of one queue.

    ``long`` ones are recordings and whole downloads, which may take hours; ``urgent`` ones capture a moment of a live
    stream, which soon cannot be fetched any more. ``queue``: jobs whose records name this queue belong to it, whatever
    their kind; ``all`` are the kinds whose jobs belong to it when their records name none.
    """

    all: frozenset[str]
    long: frozenset[str] = field(default_factory=frozenset)
    urgent: frozenset[str] = field(default_factory=frozenset)
    queue: str = ""


@dataclass(frozen=True, slots=True)
class OpenJobs:
    """A number of jobs of one kind and state. ``queue``: the one that their records name, if any. ``since``: when the
    first of them was requested."""

    kind: str
    queue: str | None
    status: Status
    number: int
    since: datetime | None


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
