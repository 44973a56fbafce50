"""Turns chat commands into saved moments and reply sentences, without waiting for the video site."""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Protocol

from src.errors import AppError, NothingClipped, ScopeMissing, VideoIdInvalid
from src.models.channel_token import Scope
from src.models.params import LiveClipParams
from src.models.video import Owner, Status, VideoJob
from src.services.chat import sentences
from src.services.chat.adjustments import Adjustments, Command, read_message
from src.services.chat.channel_tokens import ChannelTokenService
from src.services.chat.cooldown import Cooldown
from src.services.chat.identity import request_id
from src.services.chat.requests import ChatReply, ChatRequest
from src.services.clips.requests import ClipService, MomentRequest
from src.services.events.chat_replies import is_nightbot_address
from src.services.jobs.jobs import JobService
from src.utils.chat_text import echo, one_line
from src.utils.clock import Clock
from src.utils.stream_names import WHAT_TO_SEND, StreamName, name_of_video, read_stream_name

log = logging.getLogger(__name__)

DEFAULT_OFFSET, DEFAULT_DURATION = 60.0, 120.0
VIEWER_COOLDOWN_SECONDS = 10  # for bots with a public token
_COMMANDS_REACH = timedelta(hours=12)  # the oldest clip that a chat command may change
_MOST_CHECKED = 50


class KnownStreams(Protocol):
    """The known state of channels, without a request to the site."""

    def known_live_stream(self, name: StreamName) -> str | None:
        """Return the video id of this stream, or ``None``. Raises ChannelNotLive, LiveNotStarted."""


class ChatService:
    """Executes chat commands. Errors are raised; ``sentence_of`` turns them into chat messages."""

    def __init__(
        self,
        clips: ClipService,
        jobs: JobService,
        tokens: ChannelTokenService,
        cooldown: Cooldown,
        streams: KnownStreams,
        clock: Clock,
        *,
        latency: float,
        notify: Callable[[str, str], None],
    ) -> None:
        """Set the services. ``latency``: seconds, for channels without their own. ``notify(job id, address)``
        registers an address for the end of the job."""
        self._clips, self._jobs, self._tokens, self._cooldown = clips, jobs, tokens, cooldown
        self._streams, self._clock, self._latency, self._notify = streams, clock, latency, notify

    def answer(self, request: ChatRequest) -> ChatReply:
        """Execute the command.

        Raises:
            VideoIdInvalid, AdjustmentInvalid, ClipRangeInvalid, ClipTooLong: the command is invalid.
            ChannelNotLive, LiveNotStarted: the channel was not live some seconds ago, or starts later.
            CooldownActive, TooManyPending, DiskFull: the command may be repeated later.
            ScopeMissing, NothingClipped: a moderator's command cannot be executed. UserUnknown, StoreUnavailable.
        """
        # The user in a request with a public token is not verified: such a request may add clips but not see any.
        adjustments = read_message(request.message, commands=request.token is not None)
        match adjustments.command:
            case Command.LAST:
                return self._last(request)
            case Command.DELETE:
                return self._delete(request)
            case Command.RENAME:
                return self._rename(request, adjustments.title)
        return self._save(request, adjustments)

    def _save(self, request: ChatRequest, adjustments: Adjustments) -> ChatReply:
        token, now = request.token, self._clock.now()
        defaults = DEFAULT_OFFSET, DEFAULT_DURATION, self._latency
        if token is not None:
            defaults = token.offset_seconds, token.duration_seconds, token.latency_seconds
        chosen = request.offset, request.duration, request.latency
        offset, duration, latency = map(_or_default, chosen, defaults)
        offset, duration = adjustments.window(offset, duration)
        job_id = request_id(request, now)
        moment = MomentRequest(
            stream=self._stream(request),
            offset=offset,
            duration=duration,
            latency=latency,
            waited=request.waited,
            message=adjustments.title,
            viewer=request.viewer or None,
            saved_with=token.id if token else None,
            job_id=job_id,
            anonymous=token is None,
        )
        reply = sentences.saved(offset, duration, adjustments.title)
        if job_id is not None and (existing := self._jobs.peek(job_id)) is not None:
            return ChatReply(reply, existing)
        chat = self._count(request)
        try:
            known = self._streams.known_live_stream(moment.stream)
            if known is not None:
                moment = replace(moment, stream=name_of_video(known))
            job = self._clips.save_moment(request.user_id, moment)
        except AppError:
            if chat:
                self._cooldown.undo(chat, request.viewer)
            raise
        if token is not None:
            self._tokens.note_used(token)
            if token.webhook:
                self._notify(job.id, token.webhook)
            # Only for the bot of the channel: anyone with a public token could otherwise send messages to other chats.
            if is_nightbot_address(request.response_url):
                self._notify(job.id, request.response_url)
        return ChatReply(reply, job)

    def _stream(self, request: ChatRequest) -> StreamName:
        """Return the stream in the request, otherwise the bot's channel, otherwise the token's stream.

        An unfilled variable is refused even if a header could replace it, so that the mistake in the bot's command is
        noticed.
        """
        named = read_stream_name(request.stream)
        if named is None:
            named = request.channel
        if named is None and request.token is not None and request.token.stream:
            named = read_stream_name(request.token.stream)
        if named is None:
            raise VideoIdInvalid(WHAT_TO_SEND)
        return named

    def _count(self, request: ChatRequest) -> str | None:
        """Count a clip and return the name under which it was counted."""
        if request.token is not None:
            chat, of_channel = request.token.id, request.token.cooldown_seconds
            of_viewer = request.token.viewer_cooldown_seconds
        elif request.bot:
            chat, of_channel, of_viewer = f"user {request.user_id}", 0, VIEWER_COOLDOWN_SECONDS
        else:
            return None
        self._cooldown.count(chat, request.viewer, channel_seconds=of_channel, viewer_seconds=of_viewer)
        return chat

    # --- moderators' commands -------------------------------------------------------------------------------------

    def _last(self, request: ChatRequest) -> ChatReply:
        job = self._newest(request)
        params = job.params
        assert isinstance(params, LiveClipParams)
        ago = sentences.spoken((self._clock.now() - job.created_at).total_seconds())
        text = f"Last clip{echo(params.additional_message)}, {ago} ago: {_state(job)}."
        return ChatReply(text, job)

    def _delete(self, request: ChatRequest) -> ChatReply:
        job = self._newest(request, to_change=True)
        title = getattr(job.params, "additional_message", None)
        if not job.ended:
            self._jobs.cancel(job)
        # A running job ends within a second and is then listed as cancelled.
        self._jobs.forget(job)
        return ChatReply(f"The last clip{echo(title)} was deleted.", job)

    def _rename(self, request: ChatRequest, title: str | None) -> ChatReply:
        if not title:
            return ChatReply("Write the new title behind rename.")
        job = self._newest(request, to_change=True)
        self._jobs.set_facts(job.id, {"additional_message": title})
        return ChatReply(f"The last clip is now called{echo(title)}.", job)

    def _newest(self, request: ChatRequest, *, to_change: bool = False) -> VideoJob:
        """Return the newest clip that was saved with a channel token of this account. The bot's claim that a
        moderator wrote the message does not matter; the scopes of the token decide."""
        assert request.token is not None
        if to_change and Scope.MODERATE not in request.token.scopes:
            raise ScopeMissing("This command may not change clips; its owner can create a token that may.")
        owner = Owner.user(request.token.user_id)
        found, _ = self._jobs.some(owner, (LiveClipParams.kind,), offset=0, limit=_MOST_CHECKED)
        since: datetime = self._clock.now() - _COMMANDS_REACH
        for job in found:
            assert isinstance(job.params, LiveClipParams)
            usable = job.params.saved_with is not None and not (job.cancel_requested or job.status is Status.CANCELLED)
            if usable and (not to_change or job.created_at >= since):
                return job
        raise NothingClipped()


def sentence_of(error: AppError) -> str:
    """Return the message of an error as one line for a chat."""
    return one_line(error.message)


def _state(job: VideoJob) -> str:
    if job.status is Status.COMPLETED:
        return "ready" if job.artifact else "ready, and its file has expired"
    if job.status is Status.FAILED and job.failure is not None:
        return "it could not be made. " + job.failure.message.rstrip(".")
    return "being made"


def _or_default(value: float | None, default: float) -> float:
    return default if value is None else value
