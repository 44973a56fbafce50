"""Small imitations of chat bots: how each fills in its command, asks, and what it prints into the chat.

Written from the bots' own documentation: docs.nightbot.tv (GET, plain text below 400 characters, three headers; another
status than 200 and an empty body become errors), docs.fossabot.com (any status, 5 seconds, ``x-fossabot-*``, the user
agent), docs.streamer.bot (variables between per cent signs; fetches into a variable), moo.bot (GET, plain text, tags in
the URL, which must be valid). What is not documented there is what others have received and published: the user agents
of Nightbot and StreamElements, the headers of StreamElements and Moobot, and that StreamElements stays silent when a
variable inside another one is empty; Fossabot's headers of earlier years; the variables of Streamlabs Cloudbot and
BotRix, which are not known to be encoded; those of WizeBot. Botisimo, PhantomBot, Mix It Up and Firebot document their
variables. ``tests/api/test_chat.py`` asks without any of these headers, too.
"""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import quote, quote_plus

MOST_CHAT_CHARACTERS = 200  # of one message in YouTube's live chat
PAGE = Path(__file__).parents[2] / "docs" / "chat-bots.md"


@dataclass(frozen=True)
class Answer:
    """What a service sent."""

    status: int
    content_type: str
    body: str


Fetch = Callable[[str, Mapping[str, str]], Answer]


@dataclass
class Chatter:
    """Who typed what behind the command."""

    name: str = "Viewer"
    text: str = ""


@dataclass
class Bot:
    """One kind of bot. ``seconds`` is how long it waits, ``only_200`` whether other statuses are an error."""

    name: str
    seconds: float
    only_200: bool
    fill: Callable[[str, Chatter, Mapping[str, str]], str | None]
    headers: Callable[[Chatter, Mapping[str, str]], dict[str, str]]
    most: int = MOST_CHAT_CHARACTERS
    address: re.Pattern[str] = field(default_factory=lambda: re.compile(r"(https?://\S+)$"))

    def says(self, command: str, chatter: Chatter, fetch: Fetch, *, anonymous: bool = False, **facts: str) -> str:
        """What the chat reads after ``chatter`` has used the command. ``anonymous``: the bot sends no header of its
        own."""
        found = self.address.search(command)
        assert found, command
        url = self.fill(found[1], chatter, facts)
        if url is None:
            return f"[{self.name}: silence]"
        assert url.isascii() and " " not in url and "$(" not in url.split("?")[0], url
        began = time.monotonic()
        answer = fetch(url, {} if anonymous else self.headers(chatter, facts))
        if time.monotonic() - began > self.seconds:
            return f"[{self.name}: timed out]"
        if self.only_200 and answer.status != 200:
            return f"[{self.name}: {answer.status}]"
        if not answer.body:
            return f"[{self.name}: empty response]"
        if not answer.content_type.startswith("text/plain"):
            return f"[{self.name}: not plain text]"
        return answer.body[: self.most].split("\n")[0]


def documented_commands() -> dict[str, str]:
    """The command of each bot as ``docs/chat-bots.md`` gives it, by the name under which ``BOTS`` has the bot."""
    sections = re.findall(r"^### (.+?)\n(.*?)(?=^##|\Z)", PAGE.read_text("utf-8"), re.MULTILINE | re.DOTALL)
    blocks = {title: re.search(r"^```\n(.+?)\n```$", text, re.MULTILINE) for title, text in sections}
    return {re.sub(r"\W", "", title).lower(): found[1] for title, found in blocks.items() if found}


def _replacer(words: Mapping[str, str]) -> Callable[[str], str]:
    def replace(url: str) -> str:
        for word, value in words.items():
            url = url.replace(word, value)
        return url

    return replace


def _nightbot(url: str, chatter: Chatter, facts: Mapping[str, str]) -> str:
    known = {"$(querystring)": quote(_text(chatter))}
    if "chat_id" in facts:
        known["$(chatid)"] = quote(facts["chat_id"])
    return _replacer(known)(url)


def _nightbot_headers(chatter: Chatter, facts: Mapping[str, str]) -> dict[str, str]:
    user = quote_plus(chatter.name)
    return {
        "User-Agent": "Nightbot-URL-Fetcher/0.0.3",
        "Nightbot-User": f"name={user}&displayName={user}&provider=youtube&providerId=UCx&userLevel=everyone",
        "Nightbot-Channel": f"name=c&displayName=C&provider=youtube&providerId={facts.get('channel', 'UCx')}",
        "Nightbot-Response-Url": "https://api.nightbot.tv/1/channel/send/TVRRM05UazRNVGsy",
    }


def _streamelements(url: str, chatter: Chatter, facts: Mapping[str, str]) -> str | None:
    """``$(1:|word)`` is all that was written, or else the word; inside another variable nothing is an error."""
    values = {"1:": chatter.text, "sender": chatter.name}
    nested = re.compile(r"\$\(queryescape \$\((1:|sender)(?:\|([^)]*))?\)\)")
    filled = {found[0]: values[found[1]] or found[2] for found in nested.finditer(url)}
    if not all(filled.values()):
        return None
    return _replacer({word: quote_plus((value or "").encode("utf-8", "replace")) for word, value in filled.items()})(
        url
    )


def _fossabot_headers(chatter: Chatter, facts: Mapping[str, str]) -> dict[str, str]:
    return {
        "User-Agent": "Fossabot Web Proxy",
        "x-fossabot-channelid": "01GKZPX5WN4E07KPS46VYMVP06",
        "x-fossabot-channelprovider": "youtube",
        "x-fossabot-channelproviderid": facts.get("channel", "UCx"),
        "x-fossabot-customapitoken": "token",
        "x-fossabot-hasmessage": "true",
        "x-fossabot-validateurl": "https://api.fossabot.com/v2/customapi/validate/token",
        "x-fossabot-message-id": facts.get("message_id", ""),
        "x-fossabot-message-userdisplayname": _header(chatter.name),
        "x-fossabot-message-userprovider": "youtube",
    }


def _streamerbot(url: str, chatter: Chatter, facts: Mapping[str, str]) -> str:
    """A variable that there is not stays as it stands."""
    known = {
        "%broadcastId%": facts.get("video_id", "%broadcastId%"),
        "%rawInputUrlEncoded%": quote_plus(_text(chatter)),
        "%userId%": "UC" + "x" * 22,
        "%messageId%": quote(facts.get("message_id", "")),
    }
    return _replacer(known)(url)


def first_fossabot_headers(chatter: Chatter, facts: Mapping[str, str]) -> dict[str, str]:
    """What Fossabot sent in earlier years, and what some channels may still see."""
    return {
        "X-Fossabot-ChannelName": "c",
        "X-Fossabot-ChannelTwitchID": "1",
        "X-Fossabot-ChannelID": "01GKZPX5WN4E07KPS46VYMVP06",
        "X-Fossabot-SenderName": _header(chatter.name),
        "X-Fossabot-SenderID": "2",
        "X-Fossabot-SenderLevel": "1",
    }


def _header(text: str) -> str:
    return "".join(character for character in text if " " <= character <= "~")


def _timer_headers(chatter: Chatter, facts: Mapping[str, str]) -> dict[str, str]:
    return {name: value for name, value in _nightbot_headers(chatter, facts).items() if name != "Nightbot-User"}


def _unencoded(text: str) -> str:
    """Encode only what no address may hold, as a client does with a text that was put into one as it is."""
    return quote(text.encode("utf-8", "replace"), safe="!#$&'()*+,/:;=?@[]%~")


def _words(variables: Callable[[Chatter], Mapping[str, str]]) -> Callable[[str, Chatter, Mapping[str, str]], str]:
    return lambda url, chatter, facts: _replacer(variables(chatter))(url)


def _none(chatter: Chatter, facts: Mapping[str, str]) -> dict[str, str]:
    return {}


def _text(chatter: Chatter) -> bytes:
    return chatter.text.encode("utf-8", "replace")


BOTS = {
    "nightbot": Bot("Nightbot", 10, True, _nightbot, _nightbot_headers, 399, re.compile(r"\$\(urlfetch (\S+)\)$")),
    "nightbottimers": Bot(
        "Nightbot timer", 10, True, _nightbot, _timer_headers, 399, re.compile(r"\$\(urlfetch (\S+)\)$")
    ),
    "streamelements": Bot(
        "StreamElements",
        10,
        True,
        _streamelements,
        lambda chatter, facts: {
            "User-Agent": "StreamElements Bot",
            "x-streamelements-channel": "5f3b1c0e9a2d4e0012345678",
        },
        address=re.compile(r"\$\(customapi (.+)\)$"),
    ),
    "fossabot": Bot(
        "Fossabot",
        5,
        False,
        lambda url, chatter, facts: _replacer({"$(querystring)": quote_plus(_text(chatter))})(url),
        _fossabot_headers,
        address=re.compile(r"\$\(customapi (\S+)\)$"),
    ),
    "streamerbot": Bot("Streamer.bot", 30, True, _streamerbot, lambda chatter, facts: {}),
    "moobot": Bot(
        "Moobot",
        10,
        True,
        lambda url, chatter, facts: _replacer(
            {"<Username of the user>": quote(chatter.name), "<Command arguments>": quote(_text(chatter))}
        )(url),
        lambda chatter, facts: {"Moobot-channel-name": "c", "Moobot-user-name": "viewer"},
        address=re.compile(r"(https?://.+)$"),
    ),
    "streamlabscloudbot": Bot(
        "Streamlabs Cloudbot",
        10,
        True,
        _words(
            lambda chatter: {"{user.id}": "UC" + "x" * 22, "{1:20}": _unencoded(" ".join(chatter.text.split()[:20]))}
        ),
        _none,
        address=re.compile(r"\{readapi\.(.+)\}$"),
    ),
    "wizebot": Bot(
        "WizeBot",
        10,
        True,
        _words(
            lambda chatter: {"$(display_name)": quote(chatter.name), "$(message_clear_encoded)": quote(_text(chatter))}
        ),
        lambda chatter, facts: {"x-wizebot-channel": "c"},
        address=re.compile(r"\$urlcall\((.+)\)$"),
    ),
    "botisimo": Bot(
        "Botisimo",
        10,
        True,
        _words(lambda chatter: {"$(userid)": "42", "$(urlencode $(query))": quote(_text(chatter))}),
        _none,
        address=re.compile(r"\$\(fetch (.+)\)$"),
    ),
    "botrix": Bot(
        "BotRix",
        10,
        True,
        _words(lambda chatter: {"$(variable)": _unencoded(chatter.text)}),
        _none,
        address=re.compile(r"fetch\[(.+)\]$"),
    ),
    "phantombot": Bot(
        "PhantomBot",
        10,
        True,
        _words(
            lambda chatter: {
                "(encodeurlparam (sender))": quote(chatter.name, safe=""),
                "(encodeurlparam (echo))": quote(_text(chatter), safe=""),
            }
        ),
        lambda chatter, facts: {"User-Agent": "PhantomBot"},
        address=re.compile(r"\(customapi (.+)\)$"),
    ),
    "mixitup": Bot(
        "Mix It Up",
        30,
        True,
        _words(lambda chatter: {"$userid": "42", "$clipmessage": quote(_text(chatter), safe="")}),
        _none,
    ),
    "firebot": Bot(
        "Firebot",
        30,
        True,
        _words(
            lambda chatter: {
                "$encodeForUrl[$user]": quote(chatter.name),
                "$encodeForUrl[$arg[all]]": quote(_text(chatter), safe=""),
            }
        ),
        _none,
        address=re.compile(r"\$readApi\[(.+)\]$"),
    ),
}
