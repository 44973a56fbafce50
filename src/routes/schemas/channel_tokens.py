"""Defines the JSON of ``/api/auth/tokens``."""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel, Field, StrictBool, StrictStr, field_validator

from src.models.channel_token import ChannelToken, Scope
from src.routes.schemas.common import Name, RequestBody, Seconds, UtcTime
from src.services.chat.channel_tokens import TokenRequest
from src.utils.latency import latency_seconds


class NewChannelToken(RequestBody):
    """The settings of a chat bot's token. ``latency`` is a preset (ultra-low, low, normal) or seconds.

    ``webhook`` is notified when a clip is ready: a Discord webhook, or an address of the owner (signed).
    """

    name: Name = Field(default="chat bot", min_length=1, max_length=60)
    scopes: list[Scope] = Field(default_factory=lambda: [Scope.SAVE], max_length=4)
    stream: StrictStr | None = Field(default=None, max_length=2000, description="Used when the bot names none.")
    latency: StrictStr | float = Field(default="normal", validate_default=True)
    offset: float = Field(default=60, ge=0, le=43_200)
    duration: float = Field(default=120, gt=0, le=43_200)
    cooldown_seconds: int = Field(default=5, ge=0, le=3600, description="Between two clips of the channel.")
    viewer_cooldown_seconds: int = Field(default=15, ge=0, le=3600, description="Between two clips of one viewer.")
    webhook: StrictStr | None = Field(default=None, max_length=500)
    share: StrictBool = Field(
        default=False, description="Whether the chat gets links with which everyone can watch the finished clips."
    )

    rolling: StrictBool = Field(
        default=False, description="Whether the last minutes of ``stream`` are captured all the time while it runs."
    )

    @field_validator("latency")
    @classmethod
    def _known_latency(cls, value: str | float) -> float:
        return latency_seconds(str(value))

    def to_token_request(self) -> TokenRequest:
        """Return the settings as the service understands them."""
        return TokenRequest(
            name=self.name,
            scopes=self.scopes,
            cooldown_seconds=self.cooldown_seconds,
            viewer_cooldown_seconds=self.viewer_cooldown_seconds,
            latency_seconds=float(self.latency),
            offset_seconds=self.offset,
            duration_seconds=self.duration,
            stream=self.stream,
            webhook=self.webhook,
            share=self.share,
            rolling=self.rolling,
        )


class ChannelTokenChange(RequestBody):
    """What can be changed of a token."""

    rolling: StrictBool


class RollingShown(BaseModel):
    """What a rolling capture has now."""

    covers_from: UtcTime
    covers_to: UtcTime
    bytes: int


class ChannelTokenShown(BaseModel):
    """A token as shown to its owner later: without the secret."""

    id: str
    name: str
    hint: str = Field(description="The first characters of the token.")
    scopes: list[str]
    stream: str | None
    latency_seconds: Seconds
    offset: Seconds
    duration: Seconds
    cooldown_seconds: int
    viewer_cooldown_seconds: int
    webhook: str | None
    share: bool
    rolling: bool
    rolling_capture: RollingShown | None = Field(description="Set while a rolling capture runs.")
    created_at: UtcTime
    last_used_at: UtcTime | None
    uses: int

    @classmethod
    def of(cls, token: ChannelToken) -> ChannelTokenShown:
        """Return the entry for a token."""
        return cls(**_shown(token))


class ChannelTokenMade(ChannelTokenShown):
    """A new token, which is shown only here, and the secret with which webhooks of this account are signed."""

    token: str
    webhook_secret: str | None
    commands: dict[str, str]

    @classmethod
    def made(
        cls, token: ChannelToken, secret: str, webhook_secret: str | None, commands: dict[str, str]
    ) -> ChannelTokenMade:
        """Return the reply for a new token."""
        return cls(**_shown(token), token=secret, webhook_secret=webhook_secret, commands=commands)


class ChannelTokens(BaseModel):
    """All tokens of an account."""

    tokens: list[ChannelTokenShown]


class ChannelTokenRevoked(BaseModel):
    """The token is invalid from now on."""

    message: str = "Token revoked"


class BotCommands(BaseModel):
    """A command for each bot, ready to paste; contains the token only if it was sent in ``X-Channel-Token``."""

    id: str
    commands: dict[str, str]


def _rolling_of(token: ChannelToken) -> RollingShown | None:
    if not token.rolling or token.rolling_from is None or token.rolling_to is None:
        return None
    return RollingShown(covers_from=token.rolling_from, covers_to=token.rolling_to, bytes=token.rolling_bytes)


def _shown(token: ChannelToken) -> dict[str, Any]:
    return {
        "id": token.id,
        "name": token.name,
        "hint": f"{token.hint}\u2026",
        "scopes": [scope.value for scope in token.scopes],
        "stream": token.stream,
        "latency_seconds": token.latency_seconds,
        "offset": token.offset_seconds,
        "duration": token.duration_seconds,
        "cooldown_seconds": token.cooldown_seconds,
        "viewer_cooldown_seconds": token.viewer_cooldown_seconds,
        "webhook": token.webhook,
        "share": token.share,
        "rolling": token.rolling,
        "rolling_capture": _rolling_of(token),
        "created_at": token.created_at,
        "last_used_at": token.last_used_at,
        "uses": token.uses,
    }
