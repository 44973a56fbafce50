"""Links to finished clips for whoever has them: signed, expiring, taken back by their owner."""

from __future__ import annotations

import io
import logging
from datetime import timedelta
from pathlib import Path

import av
from av.error import FFmpegError

from src.data.share_data import ShareData
from src.errors import FileGone, FileNotReady, ShareNotFound
from src.models.share import Share
from src.models.video import Status, VideoJob
from src.services.job_service import JobService
from src.utils.clock import Clock
from src.utils.signing import Signer

log = logging.getLogger(__name__)

_PURPOSE = "share"
_ID_CHARACTERS = 24
_POSTER_WIDTH = 1280
_POSTER_SECONDS = 0.5  # the first picture of a clip is often in the midst of a cut


class ShareService:
    """Every method may raise ``StoreUnavailable``."""

    def __init__(self, shares: ShareData, jobs: JobService, signer: Signer, clock: Clock, *, life: timedelta) -> None:
        """``life`` is how long a link counts when nobody says otherwise."""
        self._shares, self._jobs, self._signer, self._clock, self._life = shares, jobs, signer, clock, life

    def make(self, job: VideoJob, *, life: timedelta | None = None) -> tuple[Share, str]:
        """A new link to a job's file, and its token. It never outlives the file.

        Raises:
            FileNotReady, FileGone: there is no file to share.
        """
        if job.status is not Status.COMPLETED:
            raise FileNotReady()
        if job.artifact is None:
            raise FileGone()
        now = self._clock.now()
        expires_at = now + (life or self._life)
        if job.expires_at is not None:
            expires_at = min(expires_at, job.expires_at)
        share = Share(ShareData.new_id(), job.id, job.owner.id, now, expires_at)
        self._shares.insert(share)
        return share, share.id + self._signer.sign(_PURPOSE, share.id)

    def open(self, token: str) -> tuple[Share, VideoJob]:
        """The link with this token, and the job whose file is there.

        Raises:
            ShareNotFound: none, expired, taken back, or its file is gone.
        """
        share_id, signature = token[:_ID_CHARACTERS], token[_ID_CHARACTERS:]
        if not self._signer.is_signed(_PURPOSE, share_id, signature):
            raise ShareNotFound()
        share = self._shares.find(share_id)
        if share is None or share.expires_at <= self._clock.now():
            raise ShareNotFound()
        job = self._jobs.peek(share.job_id)
        if job is None or job.artifact is None or job.status is not Status.COMPLETED:
            raise ShareNotFound()
        return share, job

    def take_back(self, job: VideoJob) -> int:
        """End all links to a job; how many there were."""
        return self._shares.delete_of_job(job.id)


def poster_of(path: Path) -> bytes | None:
    """A picture from the beginning of a clip as JPEG, at most 1280 pixels wide; None when there is none."""
    try:
        with av.open(str(path)) as container:
            frame: av.VideoFrame | None = None
            for frame in container.decode(container.streams.video[0]):
                if frame.time is None or frame.time >= _POSTER_SECONDS:
                    break
            return None if frame is None else _jpeg(frame)
    except (FFmpegError, IndexError, OSError):
        log.warning("no poster could be made of %s", path.name)
        return None


def poster_size(width: int, height: int) -> tuple[int, int]:
    """(width, height) of the poster of a picture of this size: at most 1280 wide, and even."""
    small = max(min(width, _POSTER_WIDTH) // 2 * 2, 2)
    return small, max(round(height * small / width / 2) * 2, 2)


def _jpeg(frame: av.VideoFrame) -> bytes:
    width, height = poster_size(frame.width, frame.height)
    picture = frame.reformat(width=width, height=height, format="yuvj420p")
    picture.pts = 0
    target = io.BytesIO()
    with av.open(target, "w", format="image2pipe") as output:
        stream = output.add_stream("mjpeg", rate=1)
        stream.width, stream.height, stream.pix_fmt = width, height, "yuvj420p"
        for packet in [*stream.encode(picture), *stream.encode()]:
            output.mux(packet)
    return target.getvalue()
