"""Limits how many open jobs an owner may have, separately for jobs of the owner and jobs that others saved for it."""

from __future__ import annotations

from src.data.video_data import VideoData
from src.errors import TooManyPending
from src.models.video import VideoJob
from src.utils.clock import Clock

MOST_ANONYMOUS_SAVES = 50


class OpenJobLimits:
    """Counts the saved, waiting and running jobs of an owner against two separate limits.

    Jobs saved with a login or a channel token count against ``most``. Jobs that anyone may save, with a public token or
    without a token, count against ``MOST_ANONYMOUS_SAVES``, so that they cannot use up the owner's limit.
    """

    def __init__(self, jobs: VideoData, clock: Clock, *, most: int) -> None:
        self._jobs, self._clock, self._most = jobs, clock, most

    def require_before_save(self, job: VideoJob) -> None:
        """Refuse a new job that would exceed its limit.

        Raises:
            TooManyPending: the limit is reached.
        """
        self._require(job, more=1)

    def require_after_save(self, job: VideoJob) -> None:
        """Check after the job is stored, so that concurrent requests cannot exceed the limit together.

        Raises:
            TooManyPending: the limit is exceeded.
        """
        self._require(job, more=0)

    def _require(self, job: VideoJob, *, more: int) -> None:
        if job.params.passing:
            return
        limit = MOST_ANONYMOUS_SAVES if job.anonymous else self._most
        now, most = self._clock.now(), limit + 1
        if self._jobs.count_open(job.owner, now, anonymous=job.anonymous, most=most) + more <= limit:
            return
        if job.anonymous:
            raise TooManyPending("Others have saved too many clips for this user.", limit=limit)
        raise TooManyPending(limit=limit)
