"""Turns chat commands into saved moments and reply sentences, without waiting for the video site."""

from __future__ import annotations

import functools
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
from src.services.chat.answers import Answers
from src.services.chat.channel_tokens import ChannelTokenService
from src.services.chat.cooldown import Cooldown
from src.services.chat.identity import request_ids
from src.services.chat.requests import ChatReply, ChatRequest
from src.services.clips.requests import ClipService, MomentRequest
from src.services.events.chat_replies import is_nightbot_address, state_of
from src.services.events.clip_links import ClipLinks, compose
from src.services.events.viewer_sentences import sentence_for
from src.services.jobs.jobs import JobService
from src.utils.chat_text import echo, one_line
from src.utils.clock import Clock
from src.utils.spoken import spoken
from src.utils.stream_names import WHAT_TO_SEND, StreamName, name_of_video, read_stream_name

log = logging.getLogger(__name__)

DEFAULT_OFFSET, DEFAULT_DURATION = 60.0, 120.0
VIEWER_COOLDOWN_SECONDS = 10  # for bots with a public token
_COMMANDS_REACH = timedelta(hours=12)  # the oldest clip that a chat command may change
_MOST_CHECKED = 50
_MOST_TITLE = 30  # of a clip, where links and the title of its source follow


class KnownStreams(Protocol):
    """The known state of channels, without a request to the site."""

    def known_live_stream(self, name: StreamName) -> str | None:
        """Return the video id of this stream, or ``None``. Raises ChannelNotLive, LiveNotStarted."""


class Deliveries(Protocol):
    """Notifies addresses of the end of a job."""

    def register_ahead(self, job_id: str, url: str, owner: Owner) -> None:
        """Register an address for a job that is about to be saved."""

    def forget(self, job_id: str) -> None:
        """Delete the addresses of a job that could not be saved."""


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
        deliveries: Deliveries,
        answers: Answers,
        links: Callable[[VideoJob, str], ClipLinks],
    ) -> None:
        """Set the services. ``latency``: seconds, for channels without their own. ``links(job, base)`` returns the
        links for an answer about a clip."""
        self._deliveries, self._answers, self._links = deliveries, answers, links
        self._clips, self._jobs, self._tokens, self._cooldown = clips, jobs, tokens, cooldown
        self._streams, self._clock, self._latency = streams, clock, latency

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
        if adjustments.command is None:
            return self._save(request, adjustments)
        command = functools.partial(self._execute, adjustments.command, request, adjustments.title)
        if request.dry_run:
            return replace(command(), job=None)
        return self._answers.once(request, command)

    def _execute(self, command: Command, request: ChatRequest, title: str | None) -> ChatReply:
        match command:
            case Command.LAST:
                return self._last(request)
            case Command.DELETE:
                return self._delete(request)
            case Command.RENAME:
                return self._rename(request, title)

    def _save(self, request: ChatRequest, adjustments: Adjustments) -> ChatReply:
        token, now = request.token, self._clock.now()
        defaults = DEFAULT_OFFSET, DEFAULT_DURATION, self._latency
        if token is not None:
            defaults = token.offset_seconds, token.duration_seconds, token.latency_seconds
        chosen = request.offset, request.duration, request.latency
        offset, duration, latency = map(_or_default, chosen, defaults)
        offset, duration = adjustments.window(offset, duration)
        job_id, *earlier = request_ids(request, now)
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
        reply = sentences.requested(offset, duration, adjustments.title)
        if request.dry_run:
            self._check(request, moment)
            return ChatReply(reply)
        if (existing := self._jobs.peek_first((job_id, *earlier))) is not None:
            return ChatReply(reply, existing)
        chat = self._count(request)
        try:
            moment = self._named(moment)
            job = self._save_and_notify(request, moment, job_id)
        except AppError:
            if chat:
                self._cooldown.undo(chat, request.viewer)
            raise
        if token is not None:
            self._tokens.note_used(token)
        return ChatReply(reply, job)

    def _check(self, request: ChatRequest, moment: MomentRequest) -> None:
        chat, of_channel, of_viewer = self._cooldown_of(request)
        if chat is not None:
            self._cooldown.check(chat, request.viewer, channel_seconds=of_channel, viewer_seconds=of_viewer)
        self._clips.check_moment(request.user_id, self._named(moment))

    def _named(self, moment: MomentRequest) -> MomentRequest:
        """Return the moment with the video of its channel, if it is known."""
        known = self._streams.known_live_stream(moment.stream)
        return moment if known is None else replace(moment, stream=name_of_video(known))

    def _save_and_notify(self, request: ChatRequest, moment: MomentRequest, job_id: str) -> VideoJob:
        """Register who is to be notified, then save: so no message is lost if the process dies in between."""
        addresses = []
        if request.token is not None:
            # Only for the bot of the channel: anyone with a public token could otherwise send messages to other chats.
            of_bot = request.response_url if is_nightbot_address(request.response_url) else None
            addresses = [url for url in (request.token.webhook, of_bot) if url]
        try:
            for url in addresses:
                self._deliveries.register_ahead(job_id, url, Owner.user(request.user_id))
            return self._clips.save_moment(request.user_id, moment)
        except AppError:
            if addresses and self._jobs.peek(job_id) is None:
                self._deliveries.forget(job_id)
            raise

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
        chat, of_channel, of_viewer = self._cooldown_of(request)
        if chat is not None:
            self._cooldown.count(chat, request.viewer, channel_seconds=of_channel, viewer_seconds=of_viewer)
        return chat

    @staticmethod
    def _cooldown_of(request: ChatRequest) -> tuple[str | None, int, int]:
        """Return under which name a request is counted, and the pauses of the channel and of a viewer in seconds."""
        if request.token is not None:
            return request.token.id, request.token.cooldown_seconds, request.token.viewer_cooldown_seconds
        if request.bot:
            return f"user {request.user_id}", 0, VIEWER_COOLDOWN_SECONDS
        return None, 0, 0

    # --- moderators' commands -------------------------------------------------------------------------------------

    def _last(self, request: ChatRequest) -> ChatReply:
        job = self._newest(request)
        params = job.params
        assert isinstance(params, LiveClipParams)
        ago = spoken((self._clock.now() - job.created_at).total_seconds())
        lead = f"Last clip{echo(params.additional_message, most=_MOST_TITLE)}, {ago} ago: {state_of(job)}"
        links = self._links(job, request.base)
        return ChatReply(compose(lead, job, links, self._clock.now(), most=request.most), job, links.shown)

    def _delete(self, request: ChatRequest) -> ChatReply:
        job = self._newest(request, to_change=True)
        title = getattr(job.params, "additional_message", None)
        if not request.dry_run:
            if not job.ended:
                self._jobs.cancel(job)
            # A running job ends within a second and is then listed as cancelled.
            self._jobs.forget(job)
        return ChatReply(f"The last clip{echo(title)} was deleted.", job)

    def _rename(self, request: ChatRequest, title: str | None) -> ChatReply:
        if not title:
            return ChatReply("Write the new title behind rename.")
        job = self._newest(request, to_change=True)
        if not request.dry_run:
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
    """Return a sentence about an error that viewers understand, as one line for a chat."""
    return one_line(sentence_for(error.code, error.message))


def _or_default(value: float | None, default: float) -> float:
    return default if value is None else value
