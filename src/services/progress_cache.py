"""Stores the progress of jobs in Redis: the last reading of each job, notifications of changes, and cancel flags.

All of it is best effort because the record in MongoDB is authoritative: without Redis no progress is shown, but no
error occurs. Keys expire.
"""

from __future__ import annotations

import contextlib
import json
import time
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import redis

from src.models.progress import Progress
from src.services.cache_service import CacheService, CacheUnavailable

EXPIRE_SECONDS = 3600
ENDED, CHANGED = "ended", "changed"


def to_fields(progress: Progress) -> dict[str, Any]:
    """Convert a reading to its documented form: ``eta`` as ``mm:ss`` (``h:mm:ss`` from an hour on)."""
    fields: dict[str, Any] = {
        "current_phase": progress.phase.documented.value,
        "download_progress": round(progress.download_percent, 1),
        "encoding_progress": round(progress.encode_percent, 1),
        "speed": progress.speed,
        "eta": None,
        "fps": None,
        "bytes_done": progress.bytes_done,
        "bytes_total": progress.bytes_total,
    }
    if progress.eta_seconds is not None:
        fields["eta"] = minutes_text(progress.eta_seconds)
    if progress.fps is not None:
        fields["fps"] = round(progress.fps, 1)
    if progress.waiting_for is not None:
        fields["waiting_for"] = progress.waiting_for
    if progress.recorded_bytes is not None:
        seconds = round(progress.recorded_seconds or 0.0, 1)
        fields |= {"recorded_seconds": seconds, "recorded_bytes": progress.recorded_bytes}
    if progress.segments_total is not None:
        fields |= {"segments_done": progress.segments_done, "segments_total": progress.segments_total}
    return fields


def overall_percent(fields: Mapping[str, Any] | None) -> float:
    """Combine the phases into one number of 0-99: mostly the download, the rest for the steps after it.

    If nothing is downloaded (an upload, a clip from a retained source), only the encode counts.
    """
    if not fields:
        return 0.0
    fetched, encoded = float(fields.get("download_progress", 0)), float(fields.get("encoding_progress", 0))
    percent = 0.8 * fetched + 0.2 * encoded if fetched else encoded
    return round(min(percent, 99.0), 1)


def minutes_text(seconds: float) -> str:
    """Return ``mm:ss``, or ``h:mm:ss`` from an hour on."""
    minutes, second = divmod(round(seconds), 60)
    hours, minute = divmod(minutes, 60)
    return f"{hours}:{minute:02}:{second:02}" if hours else f"{minute:02}:{second:02}"


class ProgressCache:
    """Uses ``progress:{id}`` (a value and a channel of the same name) and ``cancel:{id}``."""

    def __init__(self, cache: CacheService) -> None:
        self._cache = cache

    def set_progress(self, job_id: str, progress_data: Progress | dict[str, Any]) -> None:
        """Store a reading for an hour and publish it."""
        fields = to_fields(progress_data) if isinstance(progress_data, Progress) else progress_data
        text = json.dumps(fields)

        def write(client: redis.Redis) -> None:
            with client.pipeline(transaction=False) as pipe:
                pipe.set(f"progress:{job_id}", text, ex=EXPIRE_SECONDS)
                pipe.publish(f"progress:{job_id}", text)
                pipe.execute()

        self._quietly(write)

    def get_progress(self, job_id: str) -> dict[str, Any] | None:
        """Return the last reading, or ``None`` if it is missing or has expired."""
        found = self._cache.get(f"progress:{job_id}")
        return found if isinstance(found, dict) else None

    def clear(self, job_id: str) -> None:
        """Delete the reading and the cancel flag of an earlier run."""
        self._quietly(lambda client: client.delete(f"progress:{job_id}", f"cancel:{job_id}"))

    def announce_end(self, job_id: str) -> None:
        """Notify watchers that the job has ended or waits again."""
        self._quietly(lambda client: client.publish(f"progress:{job_id}", json.dumps({"event": ENDED})))

    def announce_change(self, job_id: str) -> None:
        """Notify watchers to read the record."""
        self._quietly(lambda client: client.publish(f"progress:{job_id}", json.dumps({"event": CHANGED})))

    def ask_cancel(self, job_id: str) -> None:
        """Set the cancel flag, which the job's worker reads."""
        self._quietly(lambda client: client.set(f"cancel:{job_id}", "1", ex=EXPIRE_SECONDS))

    def cancel_asked(self, job_id: str) -> bool | None:
        """Whether the flag is set; ``None`` while Redis is unavailable."""
        try:
            return bool(self._cache.attempt(lambda client: client.exists(f"cancel:{job_id}")))
        except CacheUnavailable:
            return None

    def watch(self, job_id: str, seconds: float) -> Iterator[dict[str, Any] | None]:
        """Yield readings as they arrive, for at most ``seconds``; ``None`` about once a second, to read the record.

        Subscribes before the first yield, so that nothing after it is missed.
        """
        until = time.monotonic() + seconds
        channel = None
        try:
            channel = self._cache.client.pubsub(ignore_subscribe_messages=True)  # type: ignore[no-untyped-call]
            channel.subscribe(f"progress:{job_id}")
        except redis.RedisError:
            channel = None
        try:
            yield None
            while (left := until - time.monotonic()) > 0:
                message = None
                try:
                    if channel is None:
                        time.sleep(min(left, 0.5))
                    else:
                        message = channel.get_message(timeout=min(left, 1.0))
                except redis.RedisError:
                    channel = None
                yield json.loads(message["data"]) if message else None
        finally:
            if channel is not None:
                channel.close()

    def _quietly(self, action: Callable[[redis.Redis], object]) -> None:
        with contextlib.suppress(CacheUnavailable):
            self._cache.attempt(action)
