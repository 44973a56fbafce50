"""What bots call a stream is read, or refused with a sentence; nothing is asked from anybody."""

from __future__ import annotations

import base64
import random

import pytest

from src.errors import VideoIdInvalid
from src.utils.stream_names import NameKind, StreamName, read_stream_name, youtube_channel_of

VIDEO = "dQw4w9WgXcQ"
CHANNEL = "UC" + "aB3_-" * 4 + "xy"


def field(number: int, content: bytes) -> bytes:
    return bytes([number << 3 | 2, len(content)]) + content


def chat_id(*, video: str = VIDEO, channel: str | None = CHANNEL, padded: bool = True) -> str:
    """A live-chat id as the site makes them: the video alone, or the channel and the video."""
    message = field(1, field(1, video.encode())) if video else b""
    if channel:
        message += field(5, field(1, channel.encode()) + (field(2, video.encode()) if video else b""))
    text = base64.urlsafe_b64encode(message).decode()
    return text if padded else text.rstrip("=")


@pytest.mark.parametrize(
    ("text", "kind", "value"),
    [
        (VIDEO, NameKind.VIDEO, VIDEO),
        (f"https://www.youtube.com/watch?v={VIDEO}&t=3", NameKind.VIDEO, VIDEO),
        (f"youtu.be/{VIDEO}", NameKind.VIDEO, VIDEO),
        (f"https%3A%2F%2Fyoutube.com%2Flive%2F{VIDEO}", NameKind.VIDEO, VIDEO),
        (chat_id(), NameKind.VIDEO, VIDEO),
        (chat_id(channel=None), NameKind.VIDEO, VIDEO),
        (chat_id(padded=False), NameKind.VIDEO, VIDEO),
        (chat_id().replace("=", "%3D"), NameKind.VIDEO, VIDEO),
        (chat_id(video=""), NameKind.CHANNEL, CHANNEL),
        (CHANNEL, NameKind.CHANNEL, CHANNEL),
        (f"https://www.youtube.com/channel/{CHANNEL}/live", NameKind.CHANNEL, CHANNEL),
        ("@Some.Body", NameKind.HANDLE, "@some.body"),
        ("https://m.youtube.com/@some_body", NameKind.HANDLE, "@some_body"),
    ],
)
def test_a_name_is_read(text: str, kind: NameKind, value: str) -> None:
    assert read_stream_name(text) == StreamName(kind, value)


@pytest.mark.parametrize("text", ["", "live", " Now ", "-"])
def test_words_that_mean_this_stream(text: str) -> None:
    assert read_stream_name(text) is None


@pytest.mark.parametrize(
    "text",
    ["$(chatid)", "${chatid}", "{{id}}", "%broadcastId%", "null", "undefined", "<chat id>", "{token}"],
)
def test_an_unfilled_variable_is_told_as_such(text: str) -> None:
    with pytest.raises(VideoIdInvalid, match="did not fill in"):
        read_stream_name(text)


@pytest.mark.parametrize(
    "text",
    [
        *(
            "short",
            "123456/7890",
            "https://example.com/watch?v=dQw4w9WgXcQ",
            "UCshort",
            "@a",
            "x" * 5000,
            "\ud800" * 11,
        ),
        *("https://www.youtube.com.evil.example/@somebody", "ftp://youtube.com/@somebody", "watch"),
    ],
)
def test_what_names_no_stream_is_refused(text: str) -> None:
    with pytest.raises(VideoIdInvalid):
        read_stream_name(text)


def test_no_bytes_in_base64_break_the_reader() -> None:
    chance = random.Random(7)
    for _ in range(2000):
        whole = bytearray(base64.urlsafe_b64decode(chat_id()))
        for _ in range(chance.randrange(1, 8)):
            whole[chance.randrange(len(whole))] = chance.randrange(256)
        text = base64.urlsafe_b64encode(bytes(whole[: chance.randrange(16, len(whole) + 1)])).decode()
        try:
            read_stream_name(text)
        except VideoIdInvalid:
            continue


@pytest.mark.parametrize(
    ("header", "channel"),
    [
        (f"name=n&displayName=N&provider=youtube&providerId={CHANNEL}", CHANNEL),
        (f"name=n&provider=twitch&providerId={CHANNEL}", None),
        ("name=n&provider=youtube&providerId=11785491", None),
        ("", None),
        ("&" * 500, None),
    ],
)
def test_the_channel_in_a_bots_header(header: str, channel: str | None) -> None:
    found = youtube_channel_of(header)
    assert (found.value if found else None) == channel
