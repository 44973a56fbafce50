"""Counts the open connections of each network address over all API processes, in shared memory.

Each process writes to a separate part and holds a lock on it while it lives, so the counts of a killed process are
discarded with it.
"""

from __future__ import annotations

import fcntl
import ipaddress
import mmap
import os
import secrets
import tempfile
import threading
from hashlib import blake2b
from typing import IO

from src.utils.addresses import network_of

# Two addresses with the same slot share a limit; the secret key keeps clients from choosing such addresses.
_PLACES = 1 << 16
_LARGEST = 0xFFFF


class ConnectionCounts:
    """At most ``limit`` connections per address (IPv6: per /64); 0 is no limit. Create it before the processes fork."""

    def __init__(self, limit: int, processes: int) -> None:
        self.limit, self._parts = limit, max(processes, 1)
        self._key = secrets.token_bytes(16)
        self._file = _memory_file()
        self._file.truncate(self._parts * _PLACES * 2)
        self._memory = mmap.mmap(self._file.fileno(), self._parts * _PLACES * 2)
        self._counts = memoryview(self._memory).cast("H")
        self._lock = threading.Lock()
        self._own: int | None = None

    def join(self) -> None:
        """Take a part for this process, and clear those of ended processes.

        If there are more processes than parts (their number was raised while running), the others share the last part.
        """
        with self._lock:
            self._own = None
            for part in range(self._parts):
                try:
                    fcntl.lockf(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB, 1, part)
                except OSError:
                    continue
                self._counts[part * _PLACES : (part + 1) * _PLACES] = _EMPTY
                if self._own is None:
                    self._own = part
                else:
                    fcntl.lockf(self._file, fcntl.LOCK_UN, 1, part)
            if self._own is None:
                self._own = self._parts - 1

    def enter(self, address: str) -> bool:
        """Count a connection of this address, or return False without counting when its limit is reached."""
        if not self.limit:
            return True
        place = self._place(address)
        with self._lock:
            # Two processes must not both assign the last slot. The locks of a killed process are released.
            fcntl.lockf(self._file, fcntl.LOCK_EX, 1, self._parts + place)
            try:
                own = self._own_part() * _PLACES + place
                if self._total(place) >= min(self.limit, _LARGEST):
                    return False
                self._counts[own] += 1
                return True
            finally:
                fcntl.lockf(self._file, fcntl.LOCK_UN, 1, self._parts + place)

    def leave(self, address: str) -> None:
        """Stop counting a connection that has ended."""
        if not self.limit:
            return
        with self._lock:
            own = self._own_part() * _PLACES + self._place(address)
            self._counts[own] = max(self._counts[own] - 1, 0)

    def of(self, address: str) -> int:
        """Return the number of counted connections of this address."""
        return self._total(self._place(address))

    def _total(self, place: int) -> int:
        return sum(self._counts[part * _PLACES + place] for part in range(self._parts))

    def _own_part(self) -> int:
        return self._own if self._own is not None else 0

    def _place(self, address: str) -> int:
        digest = blake2b(network_of(address).encode(), key=self._key, digest_size=2).digest()
        return int.from_bytes(digest, "big")


def _memory_file() -> IO[bytes]:
    if hasattr(os, "memfd_create"):
        return os.fdopen(os.memfd_create("connections"), "r+b", buffering=0)
    return tempfile.TemporaryFile(buffering=0)


_EMPTY = memoryview(bytes(_PLACES * 2)).cast("H")


def is_loopback(address: str) -> bool:
    """Return whether a peer is on this machine: also as IPv4 in IPv6, and on a unix socket, which has no address."""
    try:
        parsed = ipaddress.ip_address(address.partition("%")[0])
    except ValueError:
        return True
    mapped = getattr(parsed, "ipv4_mapped", None)
    return (mapped or parsed).is_loopback
