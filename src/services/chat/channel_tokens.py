"""Channel tokens: made and shown once, found by their hash, listed, revoked."""

from __future__ import annotations

import hashlib
import re
import secrets
from collections.abc import Sequence
from dataclasses import dataclass

from src.data.channel_token_data import ChannelTokenData
from src.data.user_data import UserData
from src.errors import ChannelTokenNotFound, RequestInvalid, TokenInvalid, TooManyChannelTokens
from src.models.channel_token import ChannelToken, Scope
from src.services.events.webhooks import WebhookService
from src.utils.clock import Clock
from src.utils.stream_names import read_stream_name

PREFIX = "ytc_"  # so that a scanner of leaked secrets, and we, know one at a glance
MOST_TOKENS = 50  # of one account
_SHAPE = re.compile(r"ytc_[A-Za-z0-9_-]{43}")


@dataclass(frozen=True, slots=True)
class TokenWish:
    """What a new token should be like; see ``ChannelToken``."""

    name: str
    scopes: Sequence[Scope]
    cooldown_seconds: int
    viewer_cooldown_seconds: int
    latency_seconds: float
    offset_seconds: float
    duration_seconds: float
    stream: str | None = None
    webhook: str | None = None


def looks_like_channel_token(text: str) -> bool:
    """Whether this is spelled like a channel token, right or wrong."""
    return text.startswith(PREFIX)


class ChannelTokenService:
    """Every method may raise ``StoreUnavailable``."""

    def __init__(
        self, tokens: ChannelTokenData, users: UserData, webhooks: WebhookService, clock: Clock, *, max_seconds: int
    ) -> None:
        """``max_seconds`` is the longest clip."""
        self._users = users
        self._tokens, self._webhooks, self._clock, self._max_seconds = tokens, webhooks, clock, max_seconds

    def make(self, user_id: str, wish: TokenWish) -> tuple[ChannelToken, str]:
        """A new token, and its secret: 256 random bits that are kept nowhere.

        Raises:
            TooManyChannelTokens: the account has enough of them.
            RequestInvalid, VideoIdInvalid, WebhookInvalid: something about the wish.
        """
        if len(self._tokens.of_user(user_id)) >= MOST_TOKENS:
            raise TooManyChannelTokens()
        if wish.duration_seconds > self._max_seconds:
            raise RequestInvalid(f"duration: a clip may have at most {self._max_seconds} seconds.")
        if wish.webhook:
            self._webhooks.require_valid(wish.webhook)
        stream = read_stream_name(wish.stream) if wish.stream else None
        secret = PREFIX + secrets.token_urlsafe(32)
        token = ChannelToken(
            id=ChannelTokenData.new_id(),
            user_id=user_id,
            name=wish.name,
            scopes=tuple(dict.fromkeys([Scope.SAVE, *wish.scopes])),
            created_at=self._clock.now(),
            hint=secret[: len(PREFIX) + 4],
            cooldown_seconds=wish.cooldown_seconds,
            viewer_cooldown_seconds=wish.viewer_cooldown_seconds,
            latency_seconds=wish.latency_seconds,
            offset_seconds=wish.offset_seconds,
            duration_seconds=wish.duration_seconds,
            stream=stream.value if stream else None,
            webhook=wish.webhook,
        )
        self._tokens.insert(token, _hash(secret))
        return token, secret

    def of_user(self, user_id: str) -> list[ChannelToken]:
        """The tokens of an account, oldest first."""
        return self._tokens.of_user(user_id)

    def find(self, token_id: str, user_id: str) -> ChannelToken:
        """A token of this account. Raises ChannelTokenNotFound."""
        token = self._tokens.find(token_id)
        if token is None or token.user_id != user_id:
            raise ChannelTokenNotFound()
        return token

    def revoke(self, token_id: str, user_id: str) -> None:
        """From now on the token counts nowhere. Raises ChannelTokenNotFound."""
        if not self._tokens.delete(token_id, user_id):
            raise ChannelTokenNotFound()

    def identify(self, secret: str) -> ChannelToken:
        """The token with this secret.

        The secret is looked up by its hash: a comparison in the database's index tells an attacker nothing about a
        secret of 256 random bits.

        Raises:
            TokenInvalid: it is none, or was revoked, or its account is deleted or disabled.
        """
        token = self._tokens.find_by_hash(_hash(secret)) if _SHAPE.fullmatch(secret) else None
        if token is None or not self._users.is_active(token.user_id):
            raise TokenInvalid("This channel token is not valid; its owner may have revoked it.")
        return token

    def note_used(self, token: ChannelToken) -> None:
        """A clip was saved with it."""
        self._tokens.note_used(token.id, self._clock.now())


def _hash(secret: str) -> str:
    return hashlib.sha256(secret.encode()).hexdigest()
