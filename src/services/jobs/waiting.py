"""How a job says that what it waits for lies outside: the worker is free meanwhile."""

from __future__ import annotations


class Postponed(Exception):
    """The job waits for something outside and goes on later; no failure, and told to nobody."""

    def __init__(self, seconds: float, why: str, *, follows: str | None = None) -> None:
        """``seconds``: not before, or as soon as the job with the id ``follows`` has ended.

        Coming back costs no attempt; what was kept in ``kept_dir`` is there again.
        """
        super().__init__(why)
        self.seconds, self.follows = seconds, follows
