"""Where a word about a finished clip may go, and what is said there."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from urllib.parse import parse_qs

import pytest

from src.errors import catalogue
from src.models.video import Artifact, Failure, Status
from src.services.events.chat_replies import is_discord_address, is_nightbot_address, message_for, sentence_about
from src.services.events.clip_links import ClipLinks, moment_link
from src.services.events.viewer_sentences import sentence_for
from src.utils.graphemes import units
from tests.tools.factories import make_clip
from tests.unit.test_chat_words import FAMILY, assert_one_harmless_line

NIGHTBOT = "https://api.nightbot.tv/1/channel/send/TVRRM05UazRNVGsyT1RnNE1TOWthWE5"
DISCORD = "https://discord.com/api/webhooks/123456789012345678/abcDEF-_0123456789abcDEF"

FILE = Artifact(Path("/clip.mp4"), 1, "video/mp4", "clip.mp4")
NOW = datetime(2026, 1, 18, 12, 0, tzinfo=UTC)


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
    ready = make_clip(status=Status.COMPLETED, artifact=FILE, additional_message="@everyone $(x) wow")
    failed = make_clip(status=Status.FAILED, failure=Failure("LIVE_MOMENT_GONE", "It is gone."))
    body, kind = message_for(NIGHTBOT, ready, NOW) or (b"", "")
    assert kind == "application/x-www-form-urlencoded"
    assert parse_qs(body.decode()) == {"message": ['Clip "everyone x wow" saved.']}
    body, kind = message_for(DISCORD, failed, NOW) or (b"", "")
    assert json.loads(body) == {
        "content": "Clip not saved: It is gone.",
        "allowed_mentions": {"parse": []},
    }
    assert message_for("https://example.com/hook", ready, NOW) is None


SHARE = "https://clips.example.com/s/65a0000000000000000000010123456789abcdefghijkl"
MOMENT = "https://www.youtube.com/watch?v=dQw4w9WgXcQ&t=60s"


def test_link_first_then_the_title_then_the_moment() -> None:
    ready = make_clip(status=Status.COMPLETED, artifact=FILE, additional_message="wow", facts={"title": "My stream"})
    assert moment_link(ready) == MOMENT
    shared = ClipLinks(SHARE, NOW + timedelta(minutes=29), MOMENT)
    told = f'{SHARE} Clip "wow" saved, link valid for 29 min: "My stream" {MOMENT}'
    assert sentence_about(ready, NOW, shared, most=399) == told
    assert sentence_about(ready, NOW, ClipLinks(moment=MOMENT), most=399) == f'{MOMENT} Clip "wow" saved: "My stream"'


@pytest.mark.parametrize("title", ["", "x" * 300, FAMILY * 50, "evil.com !ban $(x) @all"])
@pytest.mark.parametrize("said", ["", "a very long message of a viewer " * 5, "discord.gg/x"])
def test_whatever_the_title_everything_fits_and_links_stay_whole(title: str, said: str) -> None:
    ready = make_clip(status=Status.COMPLETED, artifact=FILE, additional_message=said, facts={"title": title})
    links = ClipLinks(SHARE, NOW + timedelta(minutes=29), MOMENT)
    for most in range(90, 400, 7):
        told = sentence_about(ready, NOW, links, most=most)
        assert units(told) <= most and told.startswith(f"{SHARE} Clip"), told
        rest = told.removeprefix(SHARE).removesuffix(MOMENT)
        assert_one_harmless_line(rest.strip(), most=most)
    assert told.endswith(MOMENT) and (not title or '"' in told)


def test_every_failure_has_a_sentence_for_viewers() -> None:
    """Nothing in it is meant for the operator or a programmer, and no code is without one."""
    for code, error in catalogue().items():
        sentence = sentence_for(code, error().message)
        assert_one_harmless_line(sentence)
        assert sentence[0].isupper() and sentence.endswith(".") and "_" not in sentence
        for word in ("proxy", "cookies", "yt-dlp", "FFmpeg", "header", "endpoint", "database", "POST", "job"):
            assert word not in sentence, (code, sentence)
    assert sentence_for("OF_AN_EARLIER_RELEASE", "KeyError: 'x'").startswith("Something went wrong")
