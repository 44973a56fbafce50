"""Holds the links of a stream and decides when they are too old."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from fractions import Fraction

from src.models.captured import LiveTrack
from src.services.live.numbered.addresses import broadcast_of, expires_at
from src.utils.clock import to_seconds

_SPARE_SHARE, _SPARE_SECONDS = Fraction(9, 10), 3  # of a lifetime, what is used of it and what is left of it
_EXPIRY_SPARE_SECONDS = 600


@dataclass(frozen=True, slots=True)
class Links:
    """The tracks of a stream with the links of one lookup. ``ended``: the stream is over, but still has segments."""

    tracks: tuple[LiveTrack, ...]
    extracted_at: datetime
    ended: bool = False

    @property
    def broadcast(self) -> str:
        """The broadcast to which the numbers belong."""
        return broadcast_of(self.tracks[0].url)


class LinkLife:
    """How long links last. They state hours, but without a token of the site they may die after half a minute.

    One object for all captures of a process: what one of them finds out serves the others.
    """

    def __init__(self) -> None:
        self._seconds: Fraction | None = None

    def died(self, links: Links, now: Fraction) -> None:
        """Learn from links that were refused although they should not have expired."""
        age = now - to_seconds(links.extracted_at)
        self._seconds = age if self._seconds is None else min(self._seconds, age)

    def ends_at(self, links: Links) -> Fraction | None:
        """Return when the links should be renewed; None: never, as far as known."""
        since = to_seconds(links.extracted_at)
        ends: list[Fraction] = []
        stated = expires_at(links.tracks[0].url)
        if stated is not None:
            ends.append(to_seconds(stated) - _EXPIRY_SPARE_SECONDS)
        if self._seconds is not None:
            ends.append(since + min(self._seconds * _SPARE_SHARE, self._seconds - _SPARE_SECONDS))
        return min(ends, default=None)
