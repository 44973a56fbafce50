"""Generates the command for each chat bot, ready to paste."""

from __future__ import annotations

from urllib.parse import quote

PLACEHOLDER = "YOUR-CHANNEL-TOKEN"
"""Used in place of an unknown token."""

_BOTS = {
    # Nightbot sends the channel in a header; on YouTube $(chatid) also contains the video's id.
    "nightbot": "!commands add !clip $(urlfetch {base}/c/{token}?format=text&stream=$(chatid)&message=$(querystring))",
    # A timer has no viewer and no message.
    "nightbottimers": "$(urlfetch {base}/c/{token}{stream}?format=text)",
    # StreamElements sends nothing at all if a variable within another is empty: "clip" stands for no message.
    "streamelements": (
        "!command add !clip $(customapi {base}/c/{token}{stream}"
        "?format=text&user=$(queryescape $(sender))&message=$(queryescape $(1:|clip)))"
    ),
    "fossabot": "!addcom !clip $(customapi {base}/c/{token}{stream}?format=text&message=$(querystring))",
    # Core > Network > Fetch URL, then a chat message with %clip%. A name may contain characters that a URL must not; an
    # id does not.
    "streamerbot": (
        "{base}/c/{token}/%broadcastId%?format=text&user=%userId%&id=%messageId%&message=%rawInputUrlEncoded%"
    ),
    # Custom command > advanced > URL fetch; the tags are inserted with Moobot's menu.
    "moobot": "{base}/c/{token}{stream}?format=text&user=<Username of the user>&message=<Command arguments>",
    # The variable for a range of words needs both ends. The address is not encoded again: the message is its end.
    "streamlabscloudbot": (
        "!addcommand !clip {{readapi.{base}/c/{token}{stream}?format=text&user={{user.id}}&message={{1:20}}}}"
    ),
    "wizebot": (
        "!cmd add !clip $urlcall({base}/c/{token}{stream}"
        "?format=text&user=$(display_name)&message=$(message_clear_encoded))"
    ),
    # A space ends the address: what follows it would name a property of a JSON answer.
    "botisimo": "$(fetch {base}/c/{token}{stream}?format=text&user=$(userid)&message=$(urlencode $(query)))",
    "botrix": "!addcom !clip fetch[{base}/c/{token}{stream}?format=text&message=$(variable)]",
    "phantombot": (
        "!addcom !clip (customapi {base}/c/{token}{stream}"
        "?format=text&user=(encodeurlparam (sender))&message=(encodeurlparam (echo)))"
    ),
    # A special identifier clipmessage with the value uriescape($allargs), then a web request, then a chat message.
    "mixitup": "{base}/c/{token}{stream}?format=text&user=$userid&message=$clipmessage",
    "firebot": (
        "$readApi[{base}/c/{token}{stream}?format=text&user=$encodeForUrl[$user]&message=$encodeForUrl[$arg[all]]]"
    ),
}


def commands_for(base: str, token: str | None, stream: str | None) -> dict[str, str]:
    """Return the command of each bot. ``base``: the address of the service. Bots that cannot name the stream use
    ``stream``."""
    named = f"/{quote(stream, safe='@')}" if stream else ""
    return {
        bot: command.format(base=base.rstrip("/"), token=token or PLACEHOLDER, stream=named)
        for bot, command in _BOTS.items()
    }
