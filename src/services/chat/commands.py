"""The command that each chat bot is given, ready to paste."""

from __future__ import annotations

from urllib.parse import quote

PLACE = "YOUR-CHANNEL-TOKEN"
"""Stands where the token belongs when it is not known."""

_BOTS = {
    # Nightbot tells the channel in a header; on YouTube $(chatid) holds the video's id as well.
    "nightbot": "!commands add !clip $(urlfetch {base}/c/{token}?format=text&stream=$(chatid)&message=$(querystring))",
    # StreamElements says nothing at all when a variable within another is empty: "clip" stands for no message.
    "streamelements": (
        "!command add !clip $(customapi {base}/c/{token}{stream}"
        "?format=text&user=$(queryescape $(sender))&message=$(queryescape $(1:|clip)))"
    ),
    "fossabot": "!addcom !clip $(customapi {base}/c/{token}{stream}?format=text&message=$(querystring))",
    # Core > Network > Fetch URL, then a chat message with %clip%. A name may hold what a URL must not; an id does not.
    "streamerbot": (
        "{base}/c/{token}/%broadcastId%?format=text&user=%userId%&id=%messageId%&message=%rawInputUrlEncoded%"
    ),
    # Custom command > advanced > URL fetch; the tags are put in with Moobot's own menu.
    "moobot": "{base}/c/{token}{stream}?format=text&user=<Username of the user>&message=<Command arguments>",
}


def commands_for(base: str, token: str | None, stream: str | None) -> dict[str, str]:
    """By bot. ``base`` is the service's address; bots that cannot name the stream get it from the token's own."""
    named = f"/{quote(stream, safe='@')}" if stream else ""
    return {
        bot: command.format(base=base.rstrip("/"), token=token or PLACE, stream=named) for bot, command in _BOTS.items()
    }
