"""Describes the kinds of jobs: their parameters, their queue, and what matters for the order in which they run."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from src.models.params import JobParams
from src.models.turns import Kinds


@dataclass(frozen=True, slots=True)
class JobKind:
    """One kind. ``queue``: whose workers run it.

    ``long``: it may take hours. ``urgent``: it captures what soon cannot be fetched any more. ``same``: two jobs whose
    parameters agree in these fields produce the same file, so the second one takes the file of the first.
    """

    params: type[JobParams]
    queue: str
    long: bool = False
    urgent: bool = False
    same: tuple[str, ...] = ()

    @property
    def name(self) -> str:
        """The name, as records have it."""
        return self.params.kind


class KindTable:
    """All kinds by name."""

    def __init__(self, kinds: Iterable[JobKind]) -> None:
        self._kinds = {kind.name: kind for kind in kinds}
        self.queues = tuple(sorted({kind.queue for kind in self._kinds.values()}))

    def __getitem__(self, name: str) -> JobKind:
        return self._kinds[name]

    def __contains__(self, name: object) -> bool:
        return name in self._kinds

    def names(self) -> tuple[str, ...]:
        """The names of all kinds."""
        return tuple(self._kinds)

    def in_queue(self, queue: str) -> Kinds:
        """The kinds of one queue, by what matters for their order."""
        found = [kind for kind in self._kinds.values() if kind.queue == queue]
        return Kinds(
            frozenset(kind.name for kind in found),
            frozenset(kind.name for kind in found if kind.long),
            frozenset(kind.name for kind in found if kind.urgent),
        )
