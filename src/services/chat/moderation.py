"""Lets moderators of a channel see and correct its newest clips, with a channel token and without the owner's login."""

from __future__ import annotations

from collections.abc import Mapping

from src.errors import ScopeMissing, VideoNotFound
from src.models.channel_token import ChannelToken, Scope
from src.models.params import LiveClipParams
from src.models.video import Owner, VideoJob
from src.services.clips.requests import ClipService
from src.services.jobs.jobs import JobService

MOST_CLIPS = 10
_MOST_CHECKED = 50


class ModerationService:
    """The newest clips that were saved with the channel tokens of one account, and nothing else of the account.

    Every method raises ``ScopeMissing`` for a token without the scope ``moderate``: viewers can often read the token in
    the command of a chat.
    """

    def __init__(self, jobs: JobService, clips: ClipService) -> None:
        self._jobs, self._clips = jobs, clips

    def clips(self, token: ChannelToken) -> list[VideoJob]:
        """Return the newest clips, at most ``MOST_CLIPS``."""
        if Scope.MODERATE not in token.scopes:
            raise ScopeMissing("This token may not see clips; its owner can create one with the scope moderate.")
        owner = Owner.user(token.user_id)
        found, _ = self._jobs.some(owner, (LiveClipParams.kind,), offset=0, limit=_MOST_CHECKED)
        return [job for job in found if _saved_with_a_token(job) and not job.cancel_requested][:MOST_CLIPS]

    def find(self, token: ChannelToken, video_id: str) -> VideoJob:
        """Return one of these clips.

        Raises:
            VideoNotFound: it is none of them.
        """
        job = next((each for each in self.clips(token) if each.id == video_id), None)
        if job is None:
            raise VideoNotFound()
        return job

    def rename(self, token: ChannelToken, video_id: str, title: str) -> VideoJob:
        """Change the title of a clip. Raises as ``find``."""
        job = self.find(token, video_id)
        self._jobs.set_facts(job.id, {"additional_message": title})
        return self.find(token, video_id)

    def move(self, token: ChannelToken, video_id: str, move: Mapping[str, float]) -> tuple[VideoJob, bool]:
        """Cut a clip again with other times: see ``ClipService.move``."""
        return self._clips.move(self.find(token, video_id), move)

    def delete(self, token: ChannelToken, video_id: str) -> bool:
        """Delete a clip, or cancel one that is running; return whether it was deleted. Raises as ``find``."""
        return self._jobs.dismiss(self.find(token, video_id))[1]


def _saved_with_a_token(job: VideoJob) -> bool:
    return isinstance(job.params, LiveClipParams) and job.params.saved_with is not None
