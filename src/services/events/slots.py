"""Limits the open event streams of a process, in total, per owner and per address."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass

from src.errors import TooManyListeners, TooManyOwnListeners

_RETRY_SECONDS = 5


@dataclass(frozen=True, slots=True)
class Holder:
    """The owner and the address that a slot counts against. ``owner``: ``None`` if shared by many clients.
    ``address``: normalized as for rate limits."""

    owner: str | None
    address: str


class Slots:
    """Counts the slots of this process only: no slot stays taken after a process died."""

    def __init__(self, most: int, *, per_owner: int | None = None, per_address: int | None = None) -> None:
        """Set the limits; ``None`` means only ``most`` applies."""
        self.most, self._per_owner, self._per_address = most, per_owner, per_address
        self._lock = threading.Lock()
        self._owners: Counter[str] = Counter()
        self._addresses: Counter[str] = Counter()
        self._taken = 0

    def take(self, holder: Holder | None = None) -> Callable[[], None]:
        """Take a slot and return the function that releases it. Releasing twice is harmless.

        Raises:
            TooManyOwnListeners: this owner or this address has used its share.
            TooManyListeners: all slots are taken.
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
        released = threading.Event()

        def release() -> None:
            with self._lock:
                if not released.is_set():
                    released.set()
                    self._taken -= 1
                    self._count(owner, address, -1)

        return release

    @property
    def free(self) -> int:
        """The number of free slots."""
        return self.most - self._taken

    def _count(self, owner: str | None, address: str | None, number: int) -> None:
        for counts, key in ((self._owners, owner), (self._addresses, address)):
            if key is not None:
                counts[key] += number
                if not counts[key]:
                    del counts[key]


def _is_full(counts: Counter[str], key: str | None, most: int | None) -> bool:
    return key is not None and most is not None and counts[key] >= most
