"""What can go wrong with one film, for a situation of the table or for one test."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class Fault:
    """Everything that is set happens. Media faults hit every file of the film unless ``itags`` names some."""

    # The answers before the media.
    extraction_status: int | None = None
    """Status that the watch page and the player interface answer with."""
    extraction_seconds: float = 0
    """How long the player interface takes to answer."""
    captions_status: int | None = None
    """Status that the captions answer with."""

    # The media.
    itags: frozenset[int] | None = None
    """Only these formats are hit; None is all."""
    status: int | None = None
    """Status that media answer with."""
    times: int | None = None
    """How many requests ``status`` hits before all is fine; None is all of them."""
    expires_after_bytes: int | None = None
    """The first URLs of a film stop after so many bytes and answer 403 from then on; those of a new extraction work."""
    cut_every_bytes: int | None = None
    """Each reply is cut after so many bytes of its body; asking for the rest works."""
    cut_at: float | None = None
    """No byte behind this part (0 to 1) of a file is ever sent: the connection is closed."""
    stall_at: float | None = None
    """No byte behind this part (0 to 1) of a file is ever sent: the connection stays open and silent."""
    bytes_per_second: float | None = None
    """Speed of each connection."""
    ignores_range: bool = False
    """A request for a range is answered with 200 and the whole file."""

    def hits(self, itag: int) -> bool:
        """Whether media of this format are concerned."""
        return self.itags is None or itag in self.itags


NO_FAULT = Fault()
