"""Serves clips from a chat: the documented address, and a short one for bots with a channel token."""

from __future__ import annotations

from flask import Blueprint

from src.errors import (
    AdjustmentInvalid,
    AnonymousSavesOff,
    ChannelNotLive,
    ClipRangeInvalid,
    ClipTooLong,
    CooldownActive,
    LiveNotStarted,
    NothingClipped,
    RequestInvalid,
    ScopeMissing,
    TooManyPending,
    UserUnknown,
    VideoIdInvalid,
)
from src.middleware.auth import Auth, Caller
from src.middleware.base_address import base_address
from src.middleware.bots import hints
from src.middleware.chat import speaks_to_bots, text, waited_seconds
from src.middleware.contract import Limit, Reply, endpoint
from src.middleware.services_of_request import services
from src.routes.schemas.chat import ChatAnswered, ChatQuery, StreamClipQuery, StreamClipSaved
from src.services.chat.adjustments import read_message
from src.services.chat.requests import ChatRequest
from src.utils.latency import latency_seconds

bp = Blueprint("chat", __name__)

_REFUSALS = (VideoIdInvalid, AdjustmentInvalid, ClipRangeInvalid, ClipTooLong, UserUnknown)
_NOT_NOW = (ChannelNotLive, LiveNotStarted, CooldownActive, TooManyPending, AnonymousSavesOff)
_DOCUMENTED = "/api/video/save/stream/<token>"


@bp.route(f"{_DOCUMENTED}/<video_id>", methods=["GET", "POST"])
@bp.route(f"{_DOCUMENTED}/<path:video_id>", methods=["GET", "POST"], endpoint="save_stream_clip_of_link")
@speaks_to_bots
@endpoint(
    auth=Auth.PATH_TOKEN,
    limit=Limit.SAVE,
    replies={201: StreamClipSaved, 200: ChatAnswered},
    errors=(*_REFUSALS, *_NOT_NOW),
)
def save_stream_clip(video_id: str, caller: Caller, query: StreamClipQuery) -> Reply:
    """Save a clip around this moment of a live stream.

    ``video_id`` may also be a link, a live-chat id, a channel's id or a handle. Known chat bots, and requests with
    ``format=text``, always get a sentence with status 200 instead.
    """
    user_id = caller.channel.user_id if caller.channel else query.user_id
    if not user_id:
        raise RequestInvalid("user_id: Field required")
    if caller.channel is None:  # otherwise the owner created the token
        services().anonymous_saves.require_permission(user_id, by=None)
    return _answer(video_id, user_id, caller, query)


@bp.route("/c/<token>", methods=["GET", "POST"])
# More slashes are not merged into one: bots do not follow the redirect to that address.
@bp.route("/c/<token>/", methods=["GET", "POST"], endpoint="clip_with_slash", merge_slashes=False)
@bp.route("/c/<token>/<path:stream>", methods=["GET", "POST"], endpoint="clip_of_stream")
@speaks_to_bots
@endpoint(
    auth=Auth.CHANNEL,
    limit=Limit.SAVE,
    replies={201: StreamClipSaved, 200: ChatAnswered},
    errors=(*_REFUSALS, *_NOT_NOW, ScopeMissing, NothingClipped),
)
def clip(caller: Caller, query: ChatQuery, stream: str = "") -> Reply:
    """Save a clip of the channel's stream, with a channel token.

    The message may start or end with ``+20``, ``-15``, ``45s`` or ``1:30``, or be one of the commands ``last``,
    ``delete`` and ``rename``. Chat bots get a sentence.
    """
    assert caller.channel is not None
    return _answer(stream or query.stream, caller.channel.user_id, caller, query)


def _answer(stream: str, user_id: str, caller: Caller, query: ChatQuery) -> Reply:
    bot = hints()
    request = ChatRequest(
        user_id=user_id,
        token=caller.channel,
        stream=stream.strip("/"),
        channel=bot.channel,
        message=query.message,
        viewer=bot.viewer or query.viewer[:100],
        message_id=query.message_id or bot.message_id,
        offset=query.offset,
        duration=query.duration,
        latency=None if query.latency is None else latency_seconds(query.latency),
        waited=waited_seconds(),
        bot=bot.bot,
        response_url=bot.response_url,
        base=base_address(),
        dry_run=query.dry_run,
        most=bot.most,
    )
    reply = services().chat.answer(request)
    if bot.bot:
        return text(reply.text, reply.links)
    if reply.job is None or (caller.channel is not None and read_message(query.message).command is not None):
        return ChatAnswered(message=reply.text, video_id=reply.job.id if reply.job else None), 200
    return StreamClipSaved.of(reply.job), 201
