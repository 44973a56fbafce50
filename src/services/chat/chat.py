"""Clips from a chat: a command becomes a saved moment and a sentence. Nothing here waits for the video site."""

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
from src.services.chat.adjustments import Adjustments, Word, read_message
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
VIEWER_COOLDOWN_SECONDS = 10  # of bots that come with a public token
_WORDS_REACH = timedelta(hours=12)  # how old a clip may be that a word in the chat still means
_LOOKED_THROUGH = 50


class KnownStreams(Protocol):
    """What is known about channels without asking the site."""

    def known_live_stream(self, name: StreamName) -> str | None:
        """The video that this stream is, None if unknown. Raises ChannelNotLive, LiveNotStarted."""


class ChatService:
    """What a command does. Errors are raised; ``sentence_of`` says them in a chat."""

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
        tell: Callable[[str, str], None],
    ) -> None:
        """``latency`` in seconds, of channels that tell none. ``tell(job id, address)`` has an address told
        when the job has ended."""
        self._clips, self._jobs, self._tokens, self._cooldown = clips, jobs, tokens, cooldown
        self._streams, self._clock, self._latency, self._tell = streams, clock, latency, tell

    def answer(self, request: ChatRequest) -> ChatReply:
        """Do what the command says.

        Raises:
            VideoIdInvalid, AdjustmentInvalid, ClipRangeInvalid, ClipTooLong: the command.
            ChannelNotLive, LiveNotStarted: it was not live some seconds ago, or is to begin later.
            CooldownActive, TooManyPending, DiskFull: not now.
            ScopeMissing, NothingClipped: a moderator's word.
            UserUnknown, StoreUnavailable.
        """
        # Whoever comes with a public token has said himself whose clips these are: he may add, and see nothing.
        wish = read_message(request.message, words=request.token is not None)
        match wish.word:
            case Word.LAST:
                return self._last(request)
            case Word.DELETE:
                return self._delete(request)
            case Word.RENAME:
                return self._rename(request, wish.title)
        return self._save(request, wish)

    def _save(self, request: ChatRequest, wish: Adjustments) -> ChatReply:
        token, now = request.token, self._clock.now()
        offset, duration = wish.window(
            _first(request.offset, token.offset_seconds if token else None, DEFAULT_OFFSET),
            _first(request.duration, token.duration_seconds if token else None, DEFAULT_DURATION),
        )
        job_id = request_id(request, now)
        moment = MomentRequest(
            stream=self._stream(request),
            offset=offset,
            duration=duration,
            latency=_first(request.latency, token.latency_seconds if token else None, self._latency),
            waited=request.waited,
            message=wish.title,
            viewer=request.viewer or None,
            saved_with=token.id if token else None,
            job_id=job_id,
            anonymous=token is None,
        )
        reply = sentences.saved(offset, duration, wish.title)
        if job_id is not None and (there := self._jobs.peek(job_id)) is not None:
            return ChatReply(reply, there)
        chat = self._cool(request)
        try:
            known = self._streams.known_live_stream(moment.stream)
            if known is not None:
                moment = replace(moment, stream=name_of_video(known))
            job = self._clips.save_moment(request.user_id, moment)
        except AppError:
            if chat:
                self._cooldown.take_back(chat, request.viewer)
            raise
        if token is not None:
            self._tokens.note_used(token)
            if token.webhook:
                self._tell(job.id, token.webhook)
            # Only of a channel's own bot: whoever holds a public token could have strangers' chats spoken to.
            if is_nightbot_address(request.response_url):
                self._tell(job.id, request.response_url)
        return ChatReply(reply, job)

    def _stream(self, request: ChatRequest) -> StreamName:
        """The stream that is named, else the bot's channel, else the token's own stream.

        An unfilled variable is refused even where a header could help: whoever set the bot up should hear of it.
        """
        named = read_stream_name(request.stream)
        if named is None:
            named = request.channel
        if named is None and request.token is not None and request.token.stream:
            named = read_stream_name(request.token.stream)
        if named is None:
            raise VideoIdInvalid(WHAT_TO_SEND)
        return named

    def _cool(self, request: ChatRequest) -> str | None:
        """Count a clip; the name under which it was counted."""
        if request.token is not None:
            chat, of_channel = request.token.id, request.token.cooldown_seconds
            of_viewer = request.token.viewer_cooldown_seconds
        elif request.bot:
            chat, of_channel, of_viewer = f"user {request.user_id}", 0, VIEWER_COOLDOWN_SECONDS
        else:
            return None
        self._cooldown.begin(chat, request.viewer, channel_seconds=of_channel, viewer_seconds=of_viewer)
        return chat

    # --- moderators' words ----------------------------------------------------------------------------------------

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
        self._jobs.learn(job.id, {"additional_message": title})
        return ChatReply(f"The last clip is now called{echo(title)}.", job)

    def _newest(self, request: ChatRequest, *, to_change: bool = False) -> VideoJob:
        """The newest clip that was saved with a channel token of this account. Whether the bot says that a moderator
        speaks does not matter: what counts is a token that may."""
        assert request.token is not None
        if to_change and Scope.MODERATE not in request.token.scopes:
            raise ScopeMissing("This command may not change clips; its owner can make a token that may.")
        owner = Owner.user(request.token.user_id)
        found, _ = self._jobs.some(owner, (LiveClipParams.kind,), offset=0, limit=_LOOKED_THROUGH)
        since: datetime = self._clock.now() - _WORDS_REACH
        for job in found:
            assert isinstance(job.params, LiveClipParams)
            ours = job.params.saved_with is not None and not (job.cancel_requested or job.status is Status.CANCELLED)
            if ours and (not to_change or job.created_at >= since):
                return job
        raise NothingClipped()


def sentence_of(error: AppError) -> str:
    """An error as a chat hears it."""
    return one_line(error.message)


def _state(job: VideoJob) -> str:
    if job.status is Status.COMPLETED:
        return "ready" if job.artifact else "ready, and its file has expired"
    if job.status is Status.FAILED and job.failure is not None:
        return "it could not be made. " + job.failure.message.rstrip(".")
    return "being made"


def _first(*values: float | None) -> float:
    return next(value for value in values if value is not None)
