"""When a right or a wait is over, by the database server's clock: for jobs, their chunks, and locks alike."""

from __future__ import annotations

from src.data.job_documents import Document, after_now

LONGEST_WAIT_SECONDS = 3600.0  # no job is put off for longer at once
_UNTOLD_LEASE_SECONDS = 1800.0  # of records that do not say how long their lease was given for
NO_LEASE: Document = {"lease_until": None, "lease_seconds": None, "worker": None}


def lease_for(seconds: float) -> Document:
    """A lease of so many seconds from now, as an update: when it ends, and how long it was given for."""
    return {"lease_until": after_now(seconds), "lease_seconds": seconds}


def lease_is_over(until: str = "$lease_until", given_for: str = "$lease_seconds") -> Document:
    """Whether a lease has run out, or was given before the server's clock was put back: then it ends further ahead than
    its giver, whose settings may be others than the reader's, ever set one. No lease at all is over, too."""
    longest = {"$multiply": [2000, {"$ifNull": [given_for, _UNTOLD_LEASE_SECONDS]}]}
    return _is_past(until, {"$add": ["$$NOW", longest]})


def wait_is_over(field: str) -> Document:
    """Whether a job need not wait any longer; the time in this field is never more than ``LONGEST_WAIT_SECONDS``
    ahead, unless it was written before the server's clock was put back."""
    return _is_past(field, after_now(LONGEST_WAIT_SECONDS))


def _is_past(field: str, latest: Document) -> Document:
    time = {"$ifNull": [field, None]}
    return {"$or": [{"$lte": [time, "$$NOW"]}, {"$gt": [time, latest]}]}
