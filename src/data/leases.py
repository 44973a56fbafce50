"""Decides by the database server's clock when a lease or a waiting time is over: for jobs, chunks and locks."""

from __future__ import annotations

from src.data.job_documents import Document, after_now

LONGEST_WAIT_SECONDS = 3600.0  # no job is postponed for longer at once
_DEFAULT_LEASE_SECONDS = 1800.0  # for records without the duration of their lease
NO_LEASE: Document = {"lease_until": None, "lease_seconds": None, "worker": None}


def lease_for(seconds: float) -> Document:
    """Return an update that sets a lease of ``seconds`` from now: its end and its duration."""
    return {"lease_until": after_now(seconds), "lease_seconds": seconds}


def lease_is_over(until: str = "$lease_until", given_for: str = "$lease_seconds") -> Document:
    """Return a condition: the lease has expired, does not exist, or was set before the server's clock went back.

    In the last case it ends further ahead than its holder ever set it. The holder's duration is stored because its
    settings may differ from the reader's.
    """
    longest = {"$multiply": [2000, {"$ifNull": [given_for, _DEFAULT_LEASE_SECONDS]}]}
    return _is_past(until, {"$add": ["$$NOW", longest]})


def wait_is_over(field: str) -> Document:
    """Return a condition: the time in this field has passed, or was set before the server's clock went back.

    Otherwise it is at most ``LONGEST_WAIT_SECONDS`` ahead.
    """
    return _is_past(field, after_now(LONGEST_WAIT_SECONDS))


def _is_past(field: str, latest: Document) -> Document:
    time = {"$ifNull": [field, None]}
    return {"$or": [{"$lte": [time, "$$NOW"]}, {"$gt": [time, latest]}]}
