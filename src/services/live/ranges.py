"""Cuts clips whose times count from the start of a stream while that stream still runs.

Such a range is a moment like any other: by the wall clock, it begins ``start_time`` after the stream. What is still to
be broadcast is awaited and captured as it comes, and what the stream no longer offers is in its recording.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, Self

from src.errors import LiveNotSupported
from src.models.params import ClipParams, LiveClipParams
from src.models.source import LiveStatus
from src.models.video import WaitsFor
from src.services.jobs.handler import JobContext, JobHandler, JobResult, Postponed
from src.services.youtube_service import YouTubeService
from src.utils.clock import Clock, SystemClock
from src.utils.whole_file import write_whole

_FILE = "range.json"
# A worker is there before the range begins, because queues take time.
_EARLY_SECONDS = 20.0
LONGEST_WAIT = timedelta(days=14)
"""How long after the request a scheduled stream is awaited."""
_SHORTEST_PAUSE_SECONDS, _LONGEST_PAUSE_SECONDS = 60.0, 900.0


@dataclass(frozen=True, slots=True)
class _FirstAttempt:
    """What the first attempt found: when the stream was released, and the times that were requested then."""

    released_at: datetime
    start_time: float
    end_time: float

    @classmethod
    def load(cls, folder: Path) -> Self | None:
        """Return what the first attempt of this job saved."""
        try:
            fields = json.loads((folder / _FILE).read_text("utf-8"))
            return cls(datetime.fromisoformat(fields.pop("released_at")), **fields)
        except (OSError, ValueError, KeyError, TypeError):
            return None

    def save(self, folder: Path) -> None:
        """Store it for later attempts."""
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        fields = {"released_at": self.released_at.isoformat()}
        times = {"start_time": self.start_time, "end_time": self.end_time}
        write_whole(folder / _FILE, json.dumps({**fields, **times}).encode())


class StreamRanges:
    """Turns a range into a moment, for the handler of live clips."""

    def __init__(
        self, moments: JobHandler[LiveClipParams], youtube: YouTubeService, *, clock: Clock | None = None
    ) -> None:
        """``moments`` handles live clips."""
        self._moments, self._youtube, self._clock = moments, youtube, clock or SystemClock()

    def has_started(self, context: JobContext) -> bool:
        """Return whether an earlier attempt found that the stream of this clip runs. ``cut`` must then continue."""
        return context.job.repairing or _FirstAttempt.load(context.retained_dir) is not None

    def cut(self, params: ClipParams, context: JobContext) -> JobResult:
        """Produce the file of the range, with the report of a live clip.

        Raises:
            LiveNotSupported: the stream does not run, or the site does not say when it started.
            Postponed: a part of the range, or its recording, is awaited.
            AppError: as for live clips.
        """
        first = _FirstAttempt.load(context.retained_dir)
        if first is None:
            first = self._first(params, context)
        moment = _moment_of(params, first)
        self._require_near(moment)
        result = self._moments.run(moment, _patient_after(moment, context))
        requested = {"start": params.start_time, "end": params.end_time, **result.report.get("requested", {})}
        # The times of the record are those of the request; the ones of the file are in the report.
        facts = {name: value for name, value in result.facts.items() if name not in ("start_time", "end_time")}
        return replace(result, report={**result.report, "requested": requested}, facts=facts)

    def wait(self, params: ClipParams, context: JobContext) -> None:
        """Let a stream that has not started be awaited without a worker, until ``LONGEST_WAIT`` after the request.

        Raises:
            Postponed.
        """
        scheduled_at = self._youtube.get_video_info(params.youtube_video_id or "").release_at
        wait_for_start(context, scheduled_at, self._clock.now())

    def _first(self, params: ClipParams, context: JobContext) -> _FirstAttempt:
        info = self._youtube.get_video_info(params.youtube_video_id or "")
        if info.release_at is None or not (context.job.repairing or info.live_status is LiveStatus.IS_LIVE):
            raise LiveNotSupported()
        first = _FirstAttempt(info.release_at, params.start_time, params.end_time)
        if not context.job.repairing:
            first.save(context.retained_dir)
        return first

    def _require_near(self, moment: LiveClipParams) -> None:
        """Let a range that starts later be awaited without a worker.

        Raises:
            Postponed.
        """
        starts_at = moment.event_at - timedelta(seconds=moment.clip_offset)
        left = (starts_at - self._clock.now()).total_seconds() - _EARLY_SECONDS
        if left > 0:
            raise Postponed(left, "the range has not been broadcast yet", waiting_for=WaitsFor.SEGMENTS)


def wait_for_start(context: JobContext, scheduled_at: datetime | None, now: datetime) -> None:
    """Let a stream that has not started be awaited without a worker, until ``LONGEST_WAIT`` after the request.

    Raises:
        Postponed.
    """
    if now >= (context.job.queued_at or context.job.created_at) + LONGEST_WAIT:
        return
    left = _LONGEST_PAUSE_SECONDS if scheduled_at is None else (scheduled_at - now).total_seconds()
    overdue = -left / 2  # half of what was waited already
    seconds = min(max(left, overdue, _SHORTEST_PAUSE_SECONDS), _LONGEST_PAUSE_SECONDS)
    raise Postponed(seconds, "the stream has not started", waiting_for=WaitsFor.STREAM)


def _patient_after(moment: LiveClipParams, context: JobContext) -> JobContext:
    """Return the context with the end of the range as the time of the request, where the request was earlier.

    The recording is awaited for a time that starts then.
    """
    ends_at = moment.event_at + timedelta(seconds=moment.clip_duration - moment.clip_offset)
    since = max(context.job.queued_at or context.job.created_at, ends_at)
    return replace(context, job=replace(context.job, queued_at=since))


def _moment_of(params: ClipParams, first: _FirstAttempt) -> LiveClipParams:
    """Return the range as a moment. One whose times were moved since the first attempt is not repaired."""
    common: dict[str, Any] = {
        name: getattr(params, name) for name in ClipParams.model_fields if name in LiveClipParams.model_fields
    }
    return LiveClipParams(
        **{
            **common,
            "event_at": first.released_at,
            "clip_offset": -params.start_time,
            "clip_duration": round(params.end_time - params.start_time, 9),
            "moved": (params.start_time, params.end_time) != (first.start_time, first.end_time),
        }
    )
