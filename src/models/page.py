"""A part of a list: what is shown, and how much there is."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar

Item = TypeVar("Item")
Other = TypeVar("Other")


@dataclass(frozen=True, slots=True)
class Page(Generic[Item]):
    """The items from ``offset`` on, and the number of all."""

    items: Sequence[Item]
    total: int
    offset: int = 0

    @property
    def has_more(self) -> bool:
        """Whether there are items behind these."""
        return self.offset + len(self.items) < self.total

    def map(self, change: Callable[[Item], Other]) -> Page[Other]:
        """The same part of a list of something else."""
        return Page([change(item) for item in self.items], self.total, self.offset)
