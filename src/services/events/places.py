"""Places of a process for replies that last: so many in all, and of these so many for one owner and one address."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass

from src.errors import TooManyListeners, TooManyOwnListeners

_RETRY_SECONDS = 5


@dataclass(frozen=True, slots=True)
class Holder:
    """Whom a place counts against. ``owner``: None for one that many share. ``address``: as limits count it."""

    owner: str | None
    address: str


class Places:
    """Counts in this process alone: nothing is left over from one that died."""

    def __init__(self, most: int, *, per_owner: int | None = None, per_address: int | None = None) -> None:
        """None is no limit beside ``most``."""
        self.most, self._per_owner, self._per_address = most, per_owner, per_address
        self._lock = threading.Lock()
        self._owners: Counter[str] = Counter()
        self._addresses: Counter[str] = Counter()
        self._taken = 0

    def take(self, holder: Holder | None = None) -> Callable[[], None]:
        """Take a place; the function gives it back. Calling it twice does no harm.

        Raises:
            TooManyOwnListeners: this owner or this address has its share.
            TooManyListeners: all are taken.
        """
        owner = holder.owner if holder else None
        address = holder.address if holder else None
        with self._lock:
            if _is_full(self._owners, owner, self._per_owner) or _is_full(self._addresses, address, self._per_address):
                raise TooManyOwnListeners(retry_after_seconds=_RETRY_SECONDS)
            if self._taken >= self.most:
                raise TooManyListeners(retry_after_seconds=_RETRY_SECONDS)
            self._taken += 1
            self._count(owner, address, 1)
        given_back = threading.Event()

        def give_back() -> None:
            with self._lock:
                if not given_back.is_set():
                    given_back.set()
                    self._taken -= 1
                    self._count(owner, address, -1)

        return give_back

    @property
    def free(self) -> int:
        """How many are free."""
        return self.most - self._taken

    def _count(self, owner: str | None, address: str | None, number: int) -> None:
        for counts, key in ((self._owners, owner), (self._addresses, address)):
            if key is not None:
                counts[key] += number
                if not counts[key]:
                    del counts[key]


def _is_full(counts: Counter[str], key: str | None, most: int | None) -> bool:
    return key is not None and most is not None and counts[key] >= most
