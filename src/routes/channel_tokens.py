"""Serves ``/api/auth/tokens``: the tokens that an account gives to chat bots."""

from __future__ import annotations

from flask import Blueprint, request

from src.errors import ChannelTokenNotFound, TokenInvalid, TooManyChannelTokens, VideoIdInvalid, WebhookInvalid
from src.middleware.auth import CHANNEL_HEADER, Auth, Caller
from src.middleware.base_address import base_address
from src.middleware.contract import Reply, endpoint
from src.middleware.services_of_request import services
from src.routes.schemas.channel_tokens import (
    BotCommands,
    ChannelTokenChange,
    ChannelTokenMade,
    ChannelTokenRevoked,
    ChannelTokens,
    ChannelTokenShown,
    NewChannelToken,
)
from src.services.chat.commands import commands_for

bp = Blueprint("channel_tokens", __name__, url_prefix="/api/auth/tokens")


@bp.post("")
@endpoint(
    auth=Auth.PRIVATE,
    replies={201: ChannelTokenMade},
    errors=(TooManyChannelTokens, VideoIdInvalid, WebhookInvalid),
)
def make_token(caller: Caller, body: NewChannelToken) -> Reply:
    """Create a token with which a chat bot may save clips into this account; the token is shown only now."""
    token, secret = services().channel_tokens.create(caller.user_id, body.to_token_request())
    webhook_secret = services().webhooks.secret_of(caller.owner) if token.webhook else None
    commands = commands_for(base_address(), secret, token.stream)
    return ChannelTokenMade.made(token, secret, webhook_secret, commands), 201


@bp.get("")
@endpoint(auth=Auth.PRIVATE, replies={200: ChannelTokens})
def list_tokens(caller: Caller) -> Reply:
    """List the tokens of this account, with the time of their last use."""
    found = services().channel_tokens.of_user(caller.user_id)
    return ChannelTokens(tokens=[ChannelTokenShown.of(token) for token in found]), 200


@bp.patch("/<token_id>")
@endpoint(auth=Auth.PRIVATE, replies={200: ChannelTokenShown}, errors=(ChannelTokenNotFound,))
def change_token(token_id: str, caller: Caller, body: ChannelTokenChange) -> Reply:
    """Switch the rolling capture of a token on or off."""
    token = services().channel_tokens.set_rolling(token_id, caller.user_id, body.rolling)
    return ChannelTokenShown.of(token), 200


@bp.delete("/<token_id>")
@endpoint(auth=Auth.PRIVATE, replies={200: ChannelTokenRevoked}, errors=(ChannelTokenNotFound,))
def revoke_token(token_id: str, caller: Caller) -> Reply:
    """Revoke a token; it is invalid from now on."""
    services().channel_tokens.revoke(token_id, caller.user_id)
    return ChannelTokenRevoked(), 200


@bp.get("/<token_id>/commands")
@endpoint(auth=Auth.PRIVATE, replies={200: BotCommands}, errors=(ChannelTokenNotFound,))
def token_commands(token_id: str, caller: Caller) -> Reply:
    """Return the command of each bot of ``docs/chat-bots.md``.

    The service stores only a hash of the token: send it as ``X-Channel-Token`` to have it filled in.
    """
    token = services().channel_tokens.find(token_id, caller.user_id)
    secret = request.headers.get(CHANNEL_HEADER)
    if secret is not None and services().channel_tokens.identify(secret).id != token.id:
        raise TokenInvalid("This is another channel token.")
    return BotCommands(id=token.id, commands=commands_for(base_address(), secret, token.stream)), 200
