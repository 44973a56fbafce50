"""Defines a page of a list: some items, and the number of all."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar

Item = TypeVar("Item")
Other = TypeVar("Other")


@dataclass(frozen=True, slots=True)
class Page(Generic[Item]):
    """The items from ``offset`` on, and the total number."""

    items: Sequence[Item]
    total: int
    offset: int = 0

    @property
    def has_more(self) -> bool:
        """Whether more items follow."""
        return self.offset + len(self.items) < self.total

    def map(self, change: Callable[[Item], Other]) -> Page[Other]:
        """Return the page with each item converted."""
        return Page([change(item) for item in self.items], self.total, self.offset)
