"""Saves requests for clips: a time range of a video, or a moment of a live stream."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from fractions import Fraction
from typing import Any

from src.data.user_data import UserData
from src.data.video_data import VideoData
from src.errors import ClipBusy, ClipRangeInvalid, ClipTooLong, NotOwner, TooManyRecordings, UserUnknown
from src.models.params import BatchParams, ClipParams, Container, JobParams, LiveClipParams, RecordingParams
from src.models.video import Owner, OwnerKind, Status, VideoJob
from src.services.accounts.guests import GuestService
from src.services.clips.moves import inside_retained, moved
from src.services.jobs.jobs import JobService
from src.services.jobs.notifier import WorkerNotifier
from src.utils.clock import Clock
from src.utils.stream_names import NameKind, StreamName, name_of_video
from src.utils.timecode import parse_signed_time, parse_time, time_in_url
from src.utils.validators import canonical_url, parse_video_id_from_url

KINDS = (ClipParams.kind, LiveClipParams.kind, RecordingParams.kind)
NOW = "now"
"""The start of a recording that starts with the arrival of its request."""
MOST_RECORDINGS = 2
"""Unfinished recordings of one account. Each takes the bandwidth of a stream for hours, and a worker again and again;
two are enough for a stream and another one that overlaps it."""


@dataclass(frozen=True, slots=True)
class ClipRequest:
    """A time range as the client wrote it: times in any form that ``timecode`` reads.

    ``waited``: how long ago the request arrived, in seconds; negative times count back from its arrival.
    ``when_live``: start now, and wait for a scheduled stream.
    """

    url: str
    start_time: object
    end_time: object
    message: str | None = None
    offset: float | None = None
    waited: float = 0
    when_live: bool = False


@dataclass(frozen=True, slots=True)
class MomentRequest:
    """A moment of a live stream: ``[now - latency - offset, ... + duration]``, all in seconds, where "now" was
    ``waited`` seconds ago.

    ``job_id``: see ``save_moment``. ``saved_with``: the id of a channel token; ``anonymous``: the request has neither a
    channel token nor the owner's login.
    """

    stream: StreamName
    offset: float = 60
    duration: float = 120
    latency: float = 0
    waited: float = 0
    message: str | None = None
    viewer: str | None = None
    saved_with: str | None = None
    job_id: str | None = None
    anonymous: bool = False


def _is_whole(request: ClipRequest) -> bool:
    """Return whether a running stream is wanted until it ends.

    Raises:
        ClipRangeInvalid: ``NOW`` has an end, or the start cannot be read.
    """
    if request.start_time == NOW and request.end_time is not None:
        raise ClipRangeInvalid("A recording that starts now has no end_time: it ends with the stream.")
    if request.start_time is None or request.end_time is not None:
        return False
    return request.start_time == NOW or parse_signed_time(request.start_time) == 0


def _times_before_now(request: ClipRequest) -> tuple[Fraction, Fraction] | None:
    """Return the times in relation to the arrival of the request; ``None`` if they count from the start of the video.

    Raises:
        ClipRangeInvalid: they do not form a range.
    """
    times = [parse_signed_time(value) for value in (request.start_time, request.end_time) if value is not None]
    if not any(time < 0 for time in times):
        return None
    if len(times) < 2:
        raise ClipRangeInvalid("Times below 0 count back from now: both start_time and end_time are required.")
    start, end = times
    if start > 0 or end > 0:
        raise ClipRangeInvalid("Times below 0 count back from now: then neither start_time nor end_time is above 0.")
    if request.when_live:
        raise ClipRangeInvalid("Times below 0 count back from now: there is nothing to wait for with when_live.")
    if end <= start:
        raise ClipRangeInvalid("end_time must be after start_time.")
    return start, end


class ClipService:
    """Checks and saves requests for clips, without waiting for the video site."""

    def __init__(
        self,
        jobs: JobService,
        users: UserData,
        guests: GuestService,
        notifier: WorkerNotifier,
        clock: Clock,
        *,
        max_seconds: int,
        default_format: Any,
        default_resolution: str,
        recording_keep_seconds: float | None = None,
    ) -> None:
        """``recording_keep_seconds``: how long files of whole streams stay; None: as long as those of clips."""
        self._jobs, self._users, self._guests = jobs, users, guests
        self._notifier, self._clock = notifier, clock
        self._max_seconds, self._recording_keep_seconds = max_seconds, recording_keep_seconds
        self._defaults = {"format_preference": default_format, "resolution_preference": default_resolution}

    def save(self, owner: Owner, request: ClipRequest, *, anonymous: bool = False) -> VideoJob:
        """Save a time range of a video for this account or guest session. ``anonymous``: another caller requests it.

        Negative times mean the last seconds of a running stream, which are captured at once. A start at 0 or ``NOW``
        without an end means a running stream until it ends.

        Raises:
            UrlInvalid: the link is not one to a YouTube video.
            ClipRangeInvalid, ClipTooLong: the range cannot be cut.
            NotOwner: another caller than the owner wants a stream to be awaited, or recorded as a whole.
            TooManyRecordings: two others of the owner have not ended.
            UserUnknown: the account does not exist.
            TooManyPending, SessionFull: the owner has too many jobs.
            DiskFull, QuotaExceeded: there is no room for what must be captured at once.
        """
        without_login = anonymous or owner.kind is not OwnerKind.USER
        if request.when_live and without_login:
            raise NotOwner("Waiting for a stream needs the login of its owner.")
        video_id = parse_video_id_from_url(request.url)
        if _is_whole(request):
            return self._save_recording(owner, request, video_id, anonymous=without_login)
        if (times := _times_before_now(request)) is not None:
            return self._save_past_seconds(owner, request, video_id, *times, anonymous=anonymous)
        start, end = self._range(request)
        job = self._save(
            owner,
            ClipParams(
                url=canonical_url(video_id),
                youtube_video_id=video_id,
                start_time=float(start),
                end_time=float(end),
                additional_message=request.message,
                clip_offset=request.offset,
                when_live=request.when_live,
                **self._defaults,
            ),
            anonymous=anonymous,
        )
        return self._jobs.start_new(job) if request.when_live else job

    def save_batch(
        self, user_id: str, requests: Sequence[ClipRequest], *, joined: bool, container: Container, resolution: str
    ) -> VideoJob:
        """Save several time ranges of one video and request their file. Raises like ``save``."""
        video_id = parse_video_id_from_url(requests[0].url)
        ranges = [self._range(request) for request in requests]
        self._require_allowed_length(float(sum(end - start for start, end in ranges)))
        job = self._save(
            Owner.user(user_id),
            BatchParams(
                url=canonical_url(video_id),
                youtube_video_id=video_id,
                ranges=tuple((float(start), float(end)) for start, end in ranges),
                joined=joined,
                format_preference=container,
                resolution_preference=resolution,
            ),
        )
        return self._jobs.start_new(job)

    def save_moment(self, user_id: str, request: MomentRequest) -> VideoJob:
        """Save a moment of a live stream for this user and fetch it at once, before it leaves the stream's window. A
        request with the ``job_id`` of an earlier one is answered with the earlier job.

        Raises:
            ClipRangeInvalid, ClipTooLong: the window cannot be cut.
            UserUnknown: the account does not exist.
            TooManyPending, DiskFull: there is no room for the clip.
        """
        return self._save_moment(Owner.user(user_id), request)

    def _save_moment(self, owner: Owner, request: MomentRequest) -> VideoJob:
        params = self._moment(owner, request)
        job = self._saved(owner, params, job_id=request.job_id, anonymous=request.anonymous, start=True)
        if job.status is not Status.PENDING or job.waiting:
            return job
        # An earlier release saved it and died before its start. Without an immediate capture the moment is lost soon,
        # so an error is better than a clip that waits in vain.
        return self._jobs.start_new(job)

    def check_moment(self, user_id: str, request: MomentRequest) -> None:
        """Raise what ``save_moment`` would raise now, and save nothing."""
        owner = Owner.user(user_id)
        params = self._moment(owner, request)
        self._jobs.require_possible(owner, params, anonymous=request.anonymous)

    def _moment(self, owner: Owner, request: MomentRequest) -> LiveClipParams:
        if not request.duration > 0 or request.offset < 0:
            raise ClipRangeInvalid("The duration must be above 0, and the offset not below.")
        self._require_allowed_length(request.duration)
        if request.saved_with is None:  # otherwise the account was looked up with its channel token
            self._require_user(owner)
        name = request.stream.value
        video_id, stream = (name, None) if request.stream.kind is NameKind.VIDEO else (None, name)
        return LiveClipParams(
            url=request.stream.url,
            youtube_video_id=video_id,
            stream=stream,
            event_at=self._clock.now() - timedelta(seconds=request.latency + request.waited),
            latency_seconds=request.latency,
            saved_with=request.saved_with,
            viewer=request.viewer,
            clip_offset=request.offset,
            clip_duration=request.duration,
            additional_message=request.message,
            **self._defaults,
        )

    def _save_past_seconds(
        self, owner: Owner, request: ClipRequest, video_id: str, start: Fraction, end: Fraction, *, anonymous: bool
    ) -> VideoJob:
        moment = MomentRequest(
            name_of_video(video_id),
            offset=float(-start),
            duration=float(end - start),
            waited=request.waited,
            message=request.message,
            anonymous=anonymous,
        )
        return self._save_moment(owner, moment)

    def _save_recording(self, owner: Owner, request: ClipRequest, video_id: str, *, anonymous: bool) -> VideoJob:
        if anonymous:
            raise NotOwner("Recording a whole stream needs the login of its owner.")
        self._require_user(owner)
        kinds = (RecordingParams.kind,)
        if self._jobs.count_open(kinds, owner) >= MOST_RECORDINGS:
            raise TooManyRecordings(limit=MOST_RECORDINGS)
        params = RecordingParams(
            url=canonical_url(video_id),
            youtube_video_id=video_id,
            requested_at=self._clock.now() - timedelta(seconds=request.waited),
            from_start=request.start_time != NOW,
            when_live=request.when_live,
            additional_message=request.message,
            clip_offset=request.offset,
            resolution_preference=self._defaults["resolution_preference"],
        )
        job = self._jobs.save(owner, params, keep_seconds=self._recording_keep_seconds)
        if self._jobs.count_open(kinds, owner) > MOST_RECORDINGS:  # others arrived at the same time
            self._jobs.forget(job)
            raise TooManyRecordings(limit=MOST_RECORDINGS)
        self._notifier.describe(job.id)
        return self._jobs.start_new(job)

    def move(self, job: VideoJob, move: Mapping[str, float]) -> tuple[VideoJob, bool]:
        """Cut a clip again with other times; return the job and whether its source must be fetched again.

        ``move`` has some of ``start_time``, ``end_time``, ``move_start``, ``move_end`` and, for a live clip, ``offset``
        and ``duration``: all in seconds.

        Raises:
            ClipRangeInvalid, ClipTooLong: times that cannot be cut.
            ClipBusy: the clip is being processed.
            DiskFull: there is no room for new work.
        """
        if not move:
            raise ClipRangeInvalid("Name the times to change: move_start, end_time ...")
        if job.status is Status.PROCESSING or job.waiting:
            raise ClipBusy()
        params = job.params
        if isinstance(params, RecordingParams):
            raise ClipRangeInvalid("The recording of a whole stream has no times to change.")
        changes = moved(params, move)
        length = changes.get("clip_duration") or changes["end_time"] - changes["start_time"]
        self._require_allowed_length(length)
        covered = isinstance(params, LiveClipParams) or inside_retained(job, changes)
        retained = covered and self._jobs.has_retained(job)
        if job.queued_at is None and job.completed_at is None:  # only saved, never started
            self._jobs.set_facts(job.id, changes)
            return replace(job, params=params.model_copy(update=changes)), True
        started = self._jobs.start(replace(job, failure=None), changes)
        if started.params != params.model_copy(update=changes):
            raise ClipBusy()
        return started, not retained

    def _save(self, owner: Owner, params: JobParams, *, anonymous: bool = False) -> VideoJob:
        self._require_user(owner)
        job = self._saved(owner, params, anonymous=anonymous)
        self._notifier.describe(job.id)
        return job

    def _saved(
        self, owner: Owner, params: JobParams, *, job_id: str | None = None, anonymous: bool, start: bool = False
    ) -> VideoJob:
        save = self._jobs.save_started if start else self._jobs.save
        if owner.kind is OwnerKind.USER:
            return save(owner, params, job_id=job_id, anonymous=anonymous)
        job_id = VideoData.new_id()
        self._guests.reserve(owner, job_id)
        try:
            return save(owner, params, job_id=job_id)
        except BaseException:
            self._guests.release(owner, job_id)
            raise

    def _require_user(self, owner: Owner) -> None:
        if owner.kind is OwnerKind.USER and not self._users.is_active(owner.id):
            raise UserUnknown()

    def _range(self, request: ClipRequest) -> tuple[Fraction, Fraction]:
        start = time_in_url(request.url) if request.start_time is None else parse_time(request.start_time)
        if start is None:
            raise ClipRangeInvalid("start_time is required.")
        if request.end_time is None:
            raise ClipRangeInvalid("end_time is required.")
        end = parse_time(request.end_time)
        if end <= start:
            raise ClipRangeInvalid("end_time must be after start_time.")
        self._require_allowed_length(float(end - start))
        return start, end

    def _require_allowed_length(self, seconds: float) -> None:
        if seconds > self._max_seconds:
            raise ClipTooLong(f"A clip may have at most {self._max_seconds} seconds.", max_seconds=self._max_seconds)
