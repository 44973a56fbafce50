"""Defines a remote resource that is being fetched, its decryption, and the chunks that are requested of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from Cryptodome.Cipher import AES

from src.errors import AppError, MediaForbidden, MediaGone, Network, NetworkTimeout, StreamUnreadable
from src.services.fetch.limits import Inflater
from src.services.fetch.shared import SharedBytes, Version
from src.services.fetch.spool import Intervals

_BLOCK = 16
_OF_ONE = (MediaGone, MediaForbidden, Network, NetworkTimeout, StreamUnreadable)
"""Errors that may concern one segment only."""


class Decryptor:
    """AES-128-CBC with PKCS#7 padding, as HLS encrypts whole segments. ``key`` and ``iv`` have 16 bytes."""

    def __init__(self, key: bytes, iv: bytes) -> None:
        self._decrypt = AES.new(key, AES.MODE_CBC, iv).decrypt
        self._cipher = b""
        self._last = b""  # the last plain block is held back: it may be padding

    def update(self, data: bytes) -> bytes:
        """Return the plain bytes that are complete after ``data``."""
        data = self._cipher + data
        whole = len(data) // _BLOCK * _BLOCK
        self._cipher = data[whole:]
        plain = self._last + self._decrypt(data[:whole])
        self._last = plain[-_BLOCK:]
        return plain[:-_BLOCK]

    def finish(self) -> bytes:
        """Return the last plain bytes, without padding.

        Raises:
            StreamUnreadable: the key does not fit, or the end is missing.
        """
        count = self._last[-1] if self._last and not self._cipher else 0
        if not 1 <= count <= _BLOCK or self._last[-count:] != bytes([count]) * count:
            raise StreamUnreadable("An encrypted piece could not be decrypted.")
        return self._last[:-count]


@dataclass(eq=False, slots=True)
class Resource:
    """One URL. ``size`` is in bytes (of the plain text if it is encrypted), None while it is unknown.

    ``ranged`` is whether the server honours Range, None before its first answer. ``identity`` names the track and the
    fragment of it, so that the resource is found again after the links were renewed.
    """

    url: str
    headers: Mapping[str, str]
    identity: tuple[int, str] = (0, "")
    decryptor: Decryptor | None = None
    inflater: Inflater | None = None
    most_bytes: int | None = None  # plain bytes that are accepted of a resource read in order
    size: int | None = None
    no_byte_at: int | None = None  # its server says that it ends at this position at the latest
    ranged: bool | None = None
    whole: bool = False  # fetched from start to end in one piece
    complete: bool = False
    base: int | None = None  # its first address in the spool
    present: Intervals = field(default_factory=Intervals)
    asked: Intervals = field(default_factory=Intervals)
    wanted_end: int = 0
    written: int = 0  # plain bytes stored of a resource that is read in order
    read_ahead: int = 0  # bytes to fetch at once for a read that was not planned
    generation: int = 0  # how often its link was renewed
    final_url: str | None = None  # where redirects led to
    may_fail: bool = False  # a failure concerns its readers, not the whole call
    failure: AppError | None = None  # why it could not be fetched, if it may fail
    also_own: tuple[type[AppError], ...] = ()  # more errors that concern it alone
    retries: int | None = None  # instead of the network settings
    validator: str | None = None  # how its server names its state: a strong ETag, or Last-Modified; "": in several ways
    shared: SharedBytes | None = None  # what other jobs fetched of it
    copied: Intervals = field(default_factory=Intervals)  # of ``present``: what came from there

    @property
    def version(self) -> Version | None:
        """This state of it; None if the server does not say enough to recognise it."""
        return Version(self.size, self.validator) if self.size and self.validator and self.ranged else None

    def take(self, error: Exception) -> bool:
        """Return whether a failed fetch concerns only the readers of this resource; it is recorded then."""
        own = self.may_fail and isinstance(error, (*_OF_ONE, *self.also_own))
        if own and isinstance(error, AppError):
            self.failure = error
        return own

    def has_failed(self) -> bool:
        """Return whether it could not be fetched: what still arrives of it is dropped."""
        return self.failure is not None

    def renew(self, url: str, headers: Mapping[str, str]) -> None:
        """Use a fresh link to the same bytes."""
        self.url, self.headers, self.final_url = url, headers, None
        self.generation += 1


@dataclass(eq=False, slots=True)
class Chunk:
    """Bytes [position, end) of a resource that one connection fetches; ``end`` None is up to the end of it.

    ``position`` moves on as bytes arrive; ``end`` moves down when an idle connection takes over the rest.
    """

    resource: Resource
    position: int
    end: int | None
    priority: int = 0
    failures: int = 0
    latency: float = 0.0  # seconds from the request to the answer
    began: float = 0.0  # when a connection took it; a monotonic time
    answered: tuple[float, int] | None = None  # when the last answer began, and the position then
    received: float = 0.0  # when bytes arrived last

    def start(self, now: float) -> None:
        """Record that a connection fetches it from now on."""
        self.began = now

    def answer(self, asked: float, now: float) -> None:
        """Record that an answer to a request of the moment ``asked`` begins."""
        self.latency, self.answered, self.received = now - asked, (now, self.position), now

    def speed(self, now: float) -> float | None:
        """The bytes per second since the answer began, or None if that is unknown: it is silent, or has just begun."""
        if self.answered is None:
            return None
        begin, position = self.answered
        seconds, got = (now if self.left else self.received) - begin, self.position - position
        return got / seconds if got > 0 and seconds > 0 else None

    def seconds_left(self, now: float) -> float:
        """Estimate how long the rest takes at the speed so far; as long as none is known, how long it is silent."""
        speed = self.speed(now)
        return self.left / speed if speed else now - self.began

    def halve(self) -> Chunk:
        """Return the second half of the rest, for another connection."""
        assert self.end is not None
        middle = self.end - self.left // 2
        half = Chunk(self.resource, middle, self.end, self.priority)
        self.end = middle
        return half

    @property
    def left(self) -> int:
        """Bytes that are still missing, 0 if unknown."""
        return 0 if self.end is None else self.end - self.position
