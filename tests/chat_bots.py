"""Small imitations of chat bots: how each fills in its command, asks, and what it prints into the chat.

Written from the bots' own documentation: docs.nightbot.tv (plain text below 400 characters, three headers, another
status than 200 and an empty body become errors), docs.streamelements.com (the body of a 200 only), docs.fossabot.com
(any status, 5 seconds, ``x-fossabot-*``), streamer.bot (fetches into a variable), moo.bot (plain text, GET).
"""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from urllib.parse import quote, quote_plus

MOST_CHAT_CHARACTERS = 200  # of one message in YouTube's live chat


@dataclass(frozen=True)
class Answer:
    """What a service sent."""

    status: int
    content_type: str
    body: str


Fetch = Callable[[str, Mapping[str, str]], Answer]


@dataclass
class Chatter:
    """Who typed what."""

    name: str = "Viewer"
    text: str = ""


@dataclass
class Bot:
    """One kind of bot. ``seconds`` is how long it waits, ``only_200`` whether other statuses are an error."""

    name: str
    seconds: float
    only_200: bool
    fill: Callable[[str, Chatter, Mapping[str, str]], str]
    headers: Callable[[Chatter, Mapping[str, str]], dict[str, str]]
    address: re.Pattern[str] = field(default_factory=lambda: re.compile(r"(https?://\S+)$"))

    def says(self, command: str, chatter: Chatter, fetch: Fetch, **facts: str) -> str:
        """What the chat reads after ``chatter`` has used the command."""
        found = self.address.search(command)
        assert found, command
        url = self.fill(found[1], chatter, facts)
        assert " " not in url and "$(" not in url.split("?")[0], url
        began = time.monotonic()
        answer = fetch(url, self.headers(chatter, facts))
        if time.monotonic() - began > self.seconds:
            return f"[{self.name}: timed out]"
        if self.only_200 and answer.status != 200:
            return f"[{self.name}: {answer.status}]"
        if not answer.body:
            return f"[{self.name}: empty response]"
        if not answer.content_type.startswith("text/plain"):
            return f"[{self.name}: not plain text]"
        return answer.body[:MOST_CHAT_CHARACTERS].split("\n")[0]


def _replacer(words: Mapping[str, str]) -> Callable[[str], str]:
    def replace(url: str) -> str:
        for word, value in words.items():
            url = url.replace(word, value)
        return url

    return replace


def _nightbot(url: str, chatter: Chatter, facts: Mapping[str, str]) -> str:
    known = {"$(querystring)": quote(chatter.text), "$(chatid)": quote(facts.get("chat_id", ""))}
    return _replacer(known if "chat_id" in facts else {"$(querystring)": quote(chatter.text)})(url)


def _nightbot_headers(chatter: Chatter, facts: Mapping[str, str]) -> dict[str, str]:
    user = quote_plus(chatter.name)
    return {
        "User-Agent": "Nightbot-URL-Fetcher/0.0.3",
        "Nightbot-User": f"name={user}&displayName={user}&provider=youtube&providerId=UCx&userLevel=everyone",
        "Nightbot-Channel": f"name=c&displayName=C&provider=youtube&providerId={facts.get('channel', 'UCx')}",
        "Nightbot-Response-Url": "https://api.nightbot.tv/1/channel/send/TVRRM05UazRNVGsy",
    }


BOTS = {
    "nightbot": Bot("Nightbot", 10, True, _nightbot, _nightbot_headers, re.compile(r"\$\(urlfetch (\S+)\)$")),
    "streamelements": Bot(
        "StreamElements",
        10,
        True,
        lambda url, chatter, facts: _replacer(
            {"$(queryescape $(1:))": quote_plus(chatter.text), "$(sender)": quote_plus(chatter.name)}
        )(url),
        lambda chatter, facts: {"User-Agent": "StreamElements Bot"},
        re.compile(r"\$\(customapi (.+)\)$"),
    ),
    "fossabot": Bot(
        "Fossabot",
        5,
        False,
        lambda url, chatter, facts: _replacer({"$(querystring)": quote_plus(chatter.text)})(url),
        lambda chatter, facts: {
            "User-Agent": "Fossabot Web Proxy",
            "x-fossabot-channelid": "01GKZPX5WN4E07KPS46VYMVP06",
            "x-fossabot-customapitoken": "token",
            "x-fossabot-message-id": facts.get("message_id", ""),
            "x-fossabot-message-userdisplayname": chatter.name,
        },
        re.compile(r"\$\(customapi (\S+)\)$"),
    ),
    "streamerbot": Bot(
        "Streamer.bot",
        30,
        True,
        lambda url, chatter, facts: _replacer(
            {
                "%broadcastId%": facts.get("video_id", "%broadcastId%"),
                "%rawInputUrlEncoded%": quote(chatter.text),
                "%userName%": quote(chatter.name),
                "%messageId%": quote(facts.get("message_id", "")),
            }
        )(url),
        lambda chatter, facts: {},
    ),
    "moobot": Bot(
        "Moobot",
        10,
        True,
        lambda url, chatter, facts: _replacer(
            {"<Username of the user>": quote(chatter.name), "<Command arguments>": quote(chatter.text)}
        )(url),
        lambda chatter, facts: {"User-Agent": "Moobot"},
        re.compile(r"(https?://.+)$"),
    ),
}
