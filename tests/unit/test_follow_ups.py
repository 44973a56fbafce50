"""Where a word about a finished clip may go, and what is said there."""

from __future__ import annotations

import json
from urllib.parse import parse_qs

import pytest

from src.models.video import Failure, Status
from src.services.events.chat_replies import is_discord_address, is_nightbot_address, message_for
from tests.tools.factories import make_clip

NIGHTBOT = "https://api.nightbot.tv/1/channel/send/TVRRM05UazRNVGsyT1RnNE1TOWthWE5"
DISCORD = "https://discord.com/api/webhooks/123456789012345678/abcDEF-_0123456789abcDEF"


@pytest.mark.parametrize(
    "url",
    [
        NIGHTBOT.replace("https", "http"),
        NIGHTBOT.replace("api.nightbot.tv", "api.nightbot.tv.evil.example"),
        NIGHTBOT.replace("api.nightbot.tv", "api.nightbot.tv:8443"),
        NIGHTBOT.replace("api.nightbot.tv", "user@api.nightbot.tv"),
        NIGHTBOT.replace("api.nightbot.tv", "evil.example#api.nightbot.tv"),
        NIGHTBOT.replace("api.nightbot.tv", "API.nightbot.tv"),
        NIGHTBOT.replace("/send/", "/send/../../"),
        NIGHTBOT.replace("/channel/send/", "/channel/"),
        NIGHTBOT + "?x=1",
        NIGHTBOT + "\nHost: x",
        "https://api.nightbot.tv\\@evil.example/1/channel/send/abcdefgh",
        "",
    ],
)
def test_what_is_no_link_of_nightbot(url: str) -> None:
    assert not is_nightbot_address(url)


@pytest.mark.parametrize(
    "url",
    [
        DISCORD.replace("discord.com", "discord.com.evil.example"),
        DISCORD.replace("https", "http"),
        DISCORD.replace("/webhooks/", "/users/"),
        DISCORD + "/../x",
        "https://discord.com@evil.example/api/webhooks/123456789012345678/abcDEF-_0123456789abcDEF",
    ],
)
def test_what_is_no_webhook_of_discord(url: str) -> None:
    assert not is_discord_address(url)


def test_what_is_said() -> None:
    ready = make_clip(status=Status.COMPLETED, additional_message="@everyone $(x) wow")
    failed = make_clip(status=Status.FAILED, failure=Failure("LIVE_MOMENT_GONE", "It is gone."))
    body, kind = message_for(NIGHTBOT, ready) or (b"", "")
    assert kind == "application/x-www-form-urlencoded"
    assert parse_qs(body.decode()) == {"message": ['The clip "everyone x wow" is ready.']}
    body, kind = message_for(DISCORD, failed) or (b"", "")
    assert json.loads(body) == {
        "content": "The clip could not be made: It is gone.",
        "allowed_mentions": {"parse": []},
    }
    assert message_for("https://example.com/hook", ready) is None
