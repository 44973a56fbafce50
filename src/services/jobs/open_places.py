"""How many jobs of one owner may be open: those of its own, and, apart from these, those that others saved for it."""

from __future__ import annotations

from src.data.video_data import VideoData
from src.errors import TooManyPending
from src.models.video import VideoJob
from src.utils.clock import Clock

MOST_ANONYMOUS_SAVES = 50


class OpenPlaces:
    """Counts the saved, waiting and running jobs of an owner in two separate limits.

    What comes with a login or a channel token counts against ``most``. What anybody may save, with a public token or
    with none, counts against ``MOST_ANONYMOUS_SAVES``, so that nobody can take the places of the owner.
    """

    def __init__(self, jobs: VideoData, clock: Clock, *, most: int) -> None:
        self._jobs, self._clock, self._most = jobs, clock, most

    def require_for(self, job: VideoJob) -> None:
        """Refuse a new job for which there is no place.

        Raises:
            TooManyPending: as many are open as may be.
        """
        self._require(job, more=1)

    def require_with(self, job: VideoJob) -> None:
        """The same for a job that is stored already: of several at the same time none goes over the limit.

        Raises:
            TooManyPending: more are open than may be.
        """
        self._require(job, more=0)

    def _require(self, job: VideoJob, *, more: int) -> None:
        limit = MOST_ANONYMOUS_SAVES if job.anonymous else self._most
        if self._jobs.count_open(job.owner, self._clock.now(), anonymous=job.anonymous) + more <= limit:
            return
        if job.anonymous:
            raise TooManyPending("Others have saved as many clips for this user as they may.", limit=limit)
        raise TooManyPending(limit=limit)
