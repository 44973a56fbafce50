"""Accepts requests for previews of everyone, limits them, and shows a preview only to its owner."""

from __future__ import annotations

from datetime import timedelta

from src.errors import ClipRangeInvalid, PreviewNotFound, QueueFull, RateLimitExceeded
from src.models.params import Container, PreviewParams
from src.models.turns import PREVIEWS
from src.models.video import Owner, OwnerKind, Status, VideoJob
from src.services.clips.preview_attention import ATTENTION_SECONDS, PreviewAttention
from src.services.jobs.jobs import JobService
from src.services.window_counters import WindowCounters
from src.utils.clock import Clock
from src.utils.signing import Signer
from src.utils.timecode import parse_time
from src.utils.validators import canonical_url, parse_video_id_from_url

KINDS = (PreviewParams.kind,)
PREVIEWS_A_MINUTE = 120
PREVIEWS_AT_ONCE = 2
PREVIEWS_WAITING = 100  # of all visitors together
MOST_SECONDS = 60.0
KEPT_SECONDS = 600.0
_MINUTE = 60
_MOST_LOOKED_AT = 20
_LEFT_SECONDS = 120.0  # a finished preview that is used again stays for this long at least
_OPEN = (Status.PENDING, Status.PROCESSING)
_PURPOSE = "preview"
_ID_LENGTH = 24


class PreviewRequests:
    """Starts, finds and cancels previews. Their ids contain a signature, so that nobody can guess one."""

    def __init__(
        self,
        jobs: JobService,
        attention: PreviewAttention,
        counters: WindowCounters,
        signer: Signer,
        clock: Clock,
        *,
        enabled: bool = True,
    ) -> None:
        """``enabled=False`` disables counting."""
        self._jobs, self._attention, self._counters = jobs, attention, counters
        self._signer, self._clock, self._enabled = signer, clock, enabled

    def start(
        self,
        owner: Owner,
        url: str,
        at: object,
        seconds: float,
        *,
        container: Container | None = None,
        resolution: str | None = None,
    ) -> str:
        """Start a preview of ``seconds`` around ``at``, and cancel older ones of this owner; return its id.

        A finished one of the same part, for a clip of the same ``container`` and ``resolution``, is used again.

        Raises:
            UrlInvalid, VideoIdInvalid, ClipRangeInvalid: the request is not valid.
            RateLimitExceeded: the owner has requested too many. QueueFull: all visitors together have.
            DiskFull, QuotaExceeded: there is no room.
        """
        video_id = parse_video_id_from_url(url)
        middle = float(parse_time(at))
        if not 0 < seconds <= MOST_SECONDS:
            raise ClipRangeInvalid(f"A preview may have at most {MOST_SECONDS:g} seconds.", max_seconds=MOST_SECONDS)
        self._count(owner)
        begin = max(middle - seconds / 2, 0.0)
        params = PreviewParams(
            url=canonical_url(video_id),
            youtube_video_id=video_id,
            start_time=begin,
            end_time=begin + seconds,
            format_preference=container,
            resolution_preference=resolution,
        )
        known = self._finished(owner, params)
        if known is not None:
            return self._id_of(known)
        if owner.kind is not OwnerKind.USER:
            self._require_place()
        facts = {"request": {"counts_for": PREVIEWS}} if owner.kind is not OwnerKind.USER else {}
        expires_at = self._clock.now() + timedelta(seconds=KEPT_SECONDS)
        job = self._jobs.save(owner, params, facts=facts, keep_seconds=KEPT_SECONDS, expires_at=expires_at)
        self._make_room(owner)  # after it was saved: of requests at the same time, the last one sees all
        self._attention.note(job.id)
        self._jobs.start_new(job)
        return self._id_of(job)

    def find(self, preview_id: str, owner: Owner) -> VideoJob:
        """Return the job of a preview of this owner, which stays as long as its owner asks for it.

        Raises:
            PreviewNotFound: there is none, it has expired, or it belongs to another owner.
        """
        job_id, signature = preview_id[:_ID_LENGTH], preview_id[_ID_LENGTH:]
        if not self._signer.is_signed(_PURPOSE, job_id, signature):
            raise PreviewNotFound()
        job = self._jobs.find_of_kind(job_id, KINDS, PreviewNotFound)
        if job.owner != owner or (job.status is Status.COMPLETED and job.artifact is None):
            raise PreviewNotFound()
        if not job.ended:
            self._attention.note(job.id)
        return job

    def _id_of(self, job: VideoJob) -> str:
        return job.id + self._signer.sign(_PURPOSE, job.id)

    def _finished(self, owner: Owner, params: PreviewParams) -> VideoJob | None:
        found, _ = self._jobs.some(owner, KINDS, offset=0, limit=_MOST_LOOKED_AT, states=(Status.COMPLETED,))
        good_until = self._clock.now() + timedelta(seconds=_LEFT_SECONDS)
        return next(
            (
                job
                for job in found
                if job.params == params and job.artifact and job.expires_at and job.expires_at > good_until
            ),
            None,
        )

    def _require_place(self) -> None:
        """Require that not too many wait. Those for closed pages would be cancelled at their turn: they are at once."""
        if self._jobs.count_open(KINDS, running=False) < PREVIEWS_WAITING:
            return
        waiting, _ = self._jobs.page_of_all(
            page=1, per_page=2 * PREVIEWS_WAITING, kind=PreviewParams.kind, status=Status.PENDING.value
        )
        noted = self._clock.now() - timedelta(seconds=ATTENTION_SECONDS)  # by then the first client has been noted
        lost = [job for job in waiting if job.created_at < noted and self._attention.is_lost(job.id)]
        for job in lost:
            self._jobs.cancel(job)
        if len(waiting) - len(lost) >= PREVIEWS_WAITING:
            raise QueueFull()

    def _make_room(self, owner: Owner) -> None:
        open_jobs, _ = self._jobs.some(owner, KINDS, offset=0, limit=100, states=_OPEN)
        for job in open_jobs[PREVIEWS_AT_ONCE:]:
            self._jobs.cancel(job)

    def _count(self, owner: Owner) -> None:
        if not self._enabled:
            return
        count = self._counters.add(f"previews:{owner.kind.value}:{owner.id}", 1, window_seconds=_MINUTE)
        if count.number > PREVIEWS_A_MINUTE:
            raise RateLimitExceeded(retry_after_seconds=max(1, round(count.seconds_left)))
