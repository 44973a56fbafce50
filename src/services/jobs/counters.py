"""Counts in Redis how jobs of each kind ended and how long they took, for Prometheus.

The counters are best effort: while Redis is unavailable nothing is counted, and an emptied Redis restarts at 0, as
Prometheus expects of counters. The records in MongoDB are authoritative.
"""

from __future__ import annotations

import contextlib
import math
from collections.abc import Mapping
from dataclasses import dataclass, field

from src.services.cache_service import CacheService, CacheUnavailable

KEY = "metrics:jobs"
# Upper bounds of the histogram, in seconds: a clip takes seconds, an encode minutes to hours.
BUCKETS = (1.0, 2.0, 5.0, 10.0, 30.0, 60.0, 300.0, 1800.0, 7200.0, math.inf)


@dataclass(frozen=True, slots=True)
class Durations:
    """A histogram of durations: cumulative counts by upper bound, the number of jobs, and the sum of seconds."""

    buckets: Mapping[float, int]
    count: int
    seconds: float


@dataclass(frozen=True, slots=True)
class JobCounts:
    """Counts since the counters started: durations by kind, ended jobs by (kind, state), failed and repeated attempts
    by (kind, code)."""

    durations: Mapping[str, Durations] = field(default_factory=dict)
    ended: Mapping[tuple[str, str], int] = field(default_factory=dict)
    failures: Mapping[tuple[str, str], int] = field(default_factory=dict)
    retries: Mapping[tuple[str, str], int] = field(default_factory=dict)
    captured_segments: int = 0
    captured_bytes: int = 0


class JobCounters:
    """Writes and reads one hash with the fields ``ended:<kind>:<state>``, ``failed:<kind>:<code>``,
    ``retried:<kind>:<code>``, ``took:<kind>:<bound>``, ``seconds:<kind>``, ``captured:segments`` and
    ``captured:bytes``. No method raises."""

    def __init__(self, cache: CacheService) -> None:
        self._cache = cache

    def ended(self, kind: str, status: str, seconds: float | None, code: str | None) -> None:
        """Count a job that ended in this state, ``seconds`` after its last attempt started (``None``: unknown), with
        the error ``code`` if it failed."""
        counts = {f"ended:{kind}:{status}": 1}
        if code:
            counts[f"failed:{kind}:{code}"] = 1
        if seconds is not None:
            counts[f"took:{kind}:{next(bound for bound in BUCKETS if seconds <= bound):g}"] = 1
        self._add(counts, {} if seconds is None else {f"seconds:{kind}": round(seconds, 3)})

    def retried(self, kind: str, code: str) -> None:
        """Count a failed attempt that will be repeated."""
        self._add({f"retried:{kind}:{code}": 1}, {})

    def captured(self, segments: int, size: int) -> None:
        """Count segments of running streams, and their bytes."""
        self._add({"captured:segments": segments, "captured:bytes": size}, {})

    def read(self) -> JobCounts:
        """Return all counts; empty while Redis is unavailable."""
        try:
            found = self._cache.attempt(lambda client: client.hgetall(KEY))
        except CacheUnavailable:
            return JobCounts()
        counts: dict[str, dict[tuple[str, str], float]] = {}
        for name, value in found.items():
            what, kind, rest = (*str(name).split(":", 2), "")[:3]
            counts.setdefault(what, {})[kind, rest] = float(value)
        took, sums = counts.get("took", {}), counts.get("seconds", {})
        return JobCounts(
            durations={kind: _durations(kind, took, seconds) for (kind, _), seconds in sorted(sums.items())},
            ended=_whole(counts.get("ended", {})),
            failures=_whole(counts.get("failed", {})),
            retries=_whole(counts.get("retried", {})),
            captured_segments=int(counts.get("captured", {}).get(("segments", ""), 0)),
            captured_bytes=int(counts.get("captured", {}).get(("bytes", ""), 0)),
        )

    def _add(self, counts: Mapping[str, int], sums: Mapping[str, float]) -> None:
        with contextlib.suppress(CacheUnavailable):
            self._cache.add_to_hash(KEY, counts, sums)


def _durations(kind: str, took: Mapping[tuple[str, str], float], seconds: float) -> Durations:
    so_far, buckets = 0, {}
    for bound in BUCKETS:
        so_far += int(took.get((kind, f"{bound:g}"), 0))
        buckets[bound] = so_far
    return Durations(buckets, so_far, seconds)


def _whole(counts: Mapping[tuple[str, str], float]) -> dict[tuple[str, str], int]:
    return {labels: int(count) for labels, count in sorted(counts.items())}
