"""Defines kinds of jobs: their parameters, their queue, and what decides the order in which they run."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from src.models.params import JobParams
from src.models.turns import Kinds
from src.models.video import VideoJob

DOWNLOADS, CAPTURES, ENCODES = "downloads", "captures", "encodes"
"""The queues of the workers. One process serves that of captures, and only waits and reads."""


@dataclass(frozen=True, slots=True)
class JobKind:
    """A kind of job; workers of ``queue`` run it, after those of ``starts_in``, if that is set.

    ``long``: it may take hours. ``urgent``: it captures media that soon cannot be fetched any more. ``same``: two jobs
    with equal parameters in these fields produce the same file, so the second one takes the file of the first.
    ``delivers``: a cancelled job ends with the file of what it has so far.
    """

    params: type[JobParams]
    queue: str
    long: bool = False
    urgent: bool = False
    same: tuple[str, ...] = ()
    starts_in: str | None = None
    delivers: bool = False

    @property
    def name(self) -> str:
        """The kind's name in records."""
        return self.params.kind


class KindTable:
    """All kinds by name.

    A record may name the queue that its job waits in now; otherwise that is the queue of its kind.
    """

    def __init__(self, kinds: Iterable[JobKind], stand_ins: Mapping[str, str] | None = None) -> None:
        """``stand_ins``: by queue, the queue whose workers take its jobs while it has no worker of its own."""
        self._kinds = {kind.name: kind for kind in kinds}
        self.stand_ins = dict(stand_ins or {})
        self.queues = tuple(sorted({kind.queue for kind in self._kinds.values()} | {*self.stand_ins}))

    def __getitem__(self, name: str) -> JobKind:
        return self._kinds[name]

    def __contains__(self, name: object) -> bool:
        return name in self._kinds

    def queue_of(self, job: VideoJob) -> str:
        """Return the queue that a job waits in, or was taken from."""
        return job.queue or self._kinds[job.kind].queue

    def names(self) -> tuple[str, ...]:
        """Return the names of all kinds."""
        return tuple(self._kinds)

    def in_queue(self, queue: str) -> Kinds:
        """Return the kinds of one queue, grouped by what decides their order."""
        found = [kind for kind in self._kinds.values() if kind.queue == queue]
        return Kinds(
            frozenset(kind.name for kind in found),
            frozenset(kind.name for kind in found if kind.long),
            frozenset(kind.name for kind in found if kind.urgent),
            queue,
        )
