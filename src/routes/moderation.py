"""Serves ``/c/<token>/clips``: the newest clips of a channel for its moderators.

The token is part of the path or, with ``-`` in its place, the header ``X-Channel-Token``.
"""

from __future__ import annotations

from flask import Blueprint

from src.errors import ClipBusy, ClipRangeInvalid, ClipTooLong, ScopeMissing, VideoNotFound
from src.middleware.auth import Auth, Caller
from src.middleware.contract import Reply, endpoint
from src.middleware.posters import poster_address
from src.middleware.services_of_request import services
from src.models.channel_token import ChannelToken
from src.models.video import VideoJob
from src.routes.schemas.moderation import ClipDeleted, ModeratedClip, ModeratedClips, RenameClip
from src.routes.schemas.share import MoveTimes

bp = Blueprint("moderation", __name__, url_prefix="/c/<token>/clips")

OF_A_CLIP = (ScopeMissing, VideoNotFound)


@bp.get("")
@endpoint(auth=Auth.CHANNEL, replies={200: ModeratedClips}, errors=(ScopeMissing,))
def list_clips(caller: Caller) -> Reply:
    """List the ten newest clips that were saved with the account's channel tokens, with links to play them."""
    return ModeratedClips(clips=[_shown(job) for job in services().moderation.clips(_token(caller))]), 200


@bp.patch("/<video_id>")
@endpoint(auth=Auth.CHANNEL, replies={200: ModeratedClip}, errors=OF_A_CLIP)
def rename_clip(video_id: str, caller: Caller, body: RenameClip) -> Reply:
    """Change the title of a clip."""
    return _shown(services().moderation.rename(_token(caller), video_id, body.title)), 200


@bp.post("/<video_id>/move")
@endpoint(auth=Auth.CHANNEL, replies={202: ModeratedClip}, errors=(*OF_A_CLIP, ClipRangeInvalid, ClipTooLong, ClipBusy))
def move_clip(video_id: str, caller: Caller, body: MoveTimes) -> Reply:
    """Cut a clip again with other times, as the owner can with PATCH /api/video/{video_id}."""
    job, _ = services().moderation.move(_token(caller), video_id, body.model_dump(exclude_none=True))
    return _shown(job), 202


@bp.delete("/<video_id>")
@endpoint(auth=Auth.CHANNEL, replies={200: ClipDeleted}, errors=OF_A_CLIP)
def delete_clip(video_id: str, caller: Caller) -> Reply:
    """Delete a clip; one that is running is cancelled."""
    return ClipDeleted(video_id=video_id, deleted=services().moderation.delete(_token(caller), video_id)), 200


def _token(caller: Caller) -> ChannelToken:
    assert caller.channel is not None
    return caller.channel


def _shown(job: VideoJob) -> ModeratedClip:
    link = services().file_links.shown(job)
    return ModeratedClip.of(
        job, services().jobs.progress(job), None if link is None else link.address, poster_address(job)
    )
