"""Creates, finds, lists and revokes channel tokens; secrets are shown once and stored as hashes."""

from __future__ import annotations

import hashlib
import re
import secrets
import threading
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from src.data.channel_token_data import ChannelTokenData
from src.errors import ChannelTokenNotFound, RequestInvalid, TokenInvalid, TooManyChannelTokens
from src.models.channel_token import ChannelToken, Scope
from src.services.events.webhooks import WebhookService
from src.utils.clock import Clock
from src.utils.stream_names import read_stream_name

PREFIX = "ytc_"  # recognizable to people and to scanners for leaked secrets
MOST_TOKENS = 50  # per account
_SHAPE = re.compile(r"ytc_[A-Za-z0-9_-]{43}")


@dataclass(frozen=True, slots=True)
class TokenRequest:
    """The settings of a new token; see ``ChannelToken``."""

    name: str
    scopes: Sequence[Scope]
    cooldown_seconds: int
    viewer_cooldown_seconds: int
    latency_seconds: float
    offset_seconds: float
    duration_seconds: float
    stream: str | None = None
    webhook: str | None = None
    share: bool = False
    rolling: bool = False


def has_token_prefix(text: str) -> bool:
    """Whether this text starts like a channel token; it need not be valid."""
    return text.startswith(PREFIX)


class ChannelTokenService:
    """Manages channel tokens. Every method may raise ``StoreUnavailable``."""

    def __init__(self, tokens: ChannelTokenData, webhooks: WebhookService, clock: Clock, *, max_seconds: int) -> None:
        """Set the services. ``max_seconds``: the longest clip."""
        self._tokens, self._webhooks, self._clock, self._max_seconds = tokens, webhooks, clock, max_seconds
        self._uses: Counter[str] = Counter()
        self._uses_lock, self._uses_are_written = threading.Lock(), False

    def create(self, user_id: str, request: TokenRequest) -> tuple[ChannelToken, str]:
        """Create a token and its secret: 256 random bits that are not stored.

        Raises:
            TooManyChannelTokens: the account has reached its limit.
            RequestInvalid, VideoIdInvalid, WebhookInvalid: a setting is invalid.
        """
        if len(self._tokens.of_user(user_id)) >= MOST_TOKENS:
            raise TooManyChannelTokens()
        if request.duration_seconds > self._max_seconds:
            raise RequestInvalid(f"duration: a clip may have at most {self._max_seconds} seconds.")
        if request.webhook:
            self._webhooks.require_valid(request.webhook)
        stream = read_stream_name(request.stream) if request.stream else None
        if request.rolling and stream is None:
            raise RequestInvalid("rolling: name the stream of this token, too.")
        secret = PREFIX + secrets.token_urlsafe(32)
        token = ChannelToken(
            id=ChannelTokenData.new_id(),
            user_id=user_id,
            name=request.name,
            scopes=tuple(dict.fromkeys([Scope.SAVE, *request.scopes])),
            created_at=self._clock.now(),
            hint=secret[: len(PREFIX) + 4],
            cooldown_seconds=request.cooldown_seconds,
            viewer_cooldown_seconds=request.viewer_cooldown_seconds,
            latency_seconds=request.latency_seconds,
            offset_seconds=request.offset_seconds,
            duration_seconds=request.duration_seconds,
            stream=stream.value if stream else None,
            webhook=request.webhook,
            share=request.share,
            rolling=request.rolling,
        )
        self._tokens.insert(token, _hash(secret))
        return token, secret

    def of_user(self, user_id: str) -> list[ChannelToken]:
        """Return the tokens of an account, oldest first."""
        return self._tokens.of_user(user_id)

    def find(self, token_id: str, user_id: str) -> ChannelToken:
        """Return a token of this account. Raises ChannelTokenNotFound."""
        token = self._tokens.find(token_id)
        if token is None or token.user_id != user_id:
            raise ChannelTokenNotFound()
        return token

    def set_rolling(self, token_id: str, user_id: str, rolling: bool) -> ChannelToken:
        """Switch the rolling capture of a token; return it.

        Raises:
            ChannelTokenNotFound. RequestInvalid: the token has no stream.
        """
        if rolling and self.find(token_id, user_id).stream is None:
            raise RequestInvalid("rolling: this token has no stream; create one that names it.")
        if not self._tokens.set_rolling(token_id, user_id, rolling):
            raise ChannelTokenNotFound()
        return self.find(token_id, user_id)

    def revoke(self, token_id: str, user_id: str) -> None:
        """Revoke a token. Raises ChannelTokenNotFound."""
        if not self._tokens.delete(token_id, user_id):
            raise ChannelTokenNotFound()

    def identify(self, secret: str) -> ChannelToken:
        """Return the token with this secret.

        The secret is found by its hash, so the timing of the index lookup reveals nothing about its 256 random bits.

        Raises:
            TokenInvalid: the token is unknown or revoked, or its account is deleted or disabled.
        """
        token = self._tokens.find_by_hash(_hash(secret)) if _SHAPE.fullmatch(secret) else None
        if token is None:
            raise TokenInvalid("This channel token is not valid; its owner may have revoked it.")
        return token

    def note_used(self, token: ChannelToken) -> None:
        """Record that a clip was saved with this token.

        Many commands of a chat at once would wait for each other to change one document. So the first of them writes
        for all that come meanwhile.
        """
        with self._uses_lock:
            self._uses[token.id] += 1
            if self._uses_are_written:
                return
            self._uses_are_written = True
        try:
            while (uses := self._take_uses()) is not None:
                for token_id, number in uses.items():
                    self._tokens.note_used(token_id, self._clock.now(), number)
        except BaseException:
            with self._uses_lock:
                self._uses_are_written = False
            raise

    def _take_uses(self) -> Counter[str] | None:
        with self._uses_lock:
            if not self._uses:
                self._uses_are_written = False
                return None
            uses, self._uses = self._uses, Counter()
        return uses


def _hash(secret: str) -> str:
    return hashlib.sha256(secret.encode()).hexdigest()
