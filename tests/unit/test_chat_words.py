"""Messages behind ``!clip``, and the sentences that go back: harmless whatever a stranger writes."""

from __future__ import annotations

import random
import re
from collections.abc import Collection

import pytest

from src.errors import AdjustmentInvalid, RequestInvalid
from src.services.chat import sentences
from src.services.chat.adjustments import Adjustments, Command, read_message
from src.utils.chat_text import one_line
from src.utils.latency import latency_seconds

ACTIVE = re.compile(r"[${}\[\]@`]|//|%\w|\w\.[a-z]{2}|\((?=\w)|h ?t ?t ?p", re.IGNORECASE)
JOINERS = re.compile("[\u200d\U000e0020-\U000e007f]")


def hostile_messages(number: int = 1000) -> list[str]:
    """Messages that try to become a second line, a command, a call, a variable, or to burst the line."""
    chance = random.Random(5)
    pieces = ["\n", "\r\n", "\u2028", "\u2029", "\x85", "\x00", "\x1b[31m", "\v", "\f", "!ban me", "/ban", ".timeout"]
    pieces += [
        "\\",
        "$(eval 1)",
        "${x}",
        "$$((",
        "{{{{a",
        "$\u200b(",
        "@everyone",
        "\uff20here",
        "@",
        "$(urlfetch http://x)",
    ]
    pieces += [
        "\u202e",
        "\u200d",
        "\ufeff",
        "\ud800",
        "e" + "\u0301" * 50,
        "\U0001f600",
        "\U0001f1e9" * 9,
        "<script>",
        '"',
    ]
    pieces += [
        "%user%",
        "x" * 300,
        " " * 50,
        "null",
        "+20",
        "-15",
        "1:30",
        "last",
        "rename",
        "\u3164",
        "\u00a0",
        "https://e.x",
    ]
    pieces += [
        "discord.gg/x",
        "h t t p",
        "evil\uff0ecom",
        "evil . com",
        "d\u200bis\u200bcord\u3002gg",
        "(dot)",
        ".gg",
        "gg/x",
    ]
    pieces += [
        "fetch[http://x.y]",
        "$user",
        "{name}",
        "(echo)",
        "<@1>",
        "`x`",
        "\U0001f468\u200d\U0001f469\u200d\U0001f467",
    ]
    return ["".join(chance.choices(pieces, k=chance.randrange(1, 9))) for _ in range(number)]


def assert_one_harmless_line(text: str, *, most: int = 200, links: Collection[str] = ()) -> None:
    """The rule that every reply to a chat obeys; only our own ``links`` may stand in it."""
    assert text and text.strip() == text
    assert len(text.encode("utf-16-le")) // 2 <= most
    assert len(text.splitlines()) == 1 and JOINERS.sub("", text).isprintable(), ascii(text)
    for link in links:
        text = text.replace(link, "")
    assert text[:1] not in ("!", "/", ".", "\\") and not ACTIVE.search(text), text


@pytest.mark.parametrize("message", ["", " ", "!", "@@@", "$($($("])
def test_nothing_becomes_something(message: str) -> None:
    assert_one_harmless_line(one_line(message))


def test_hostile_messages_stay_in_one_harmless_line() -> None:
    for message in hostile_messages():
        assert_one_harmless_line(one_line(message))
        assert_one_harmless_line(sentences.requested(60, 120, message))


@pytest.mark.parametrize(
    ("message", "wish"),
    [
        ("", Adjustments()),
        ("clip", Adjustments()),
        ("null", Adjustments()),
        ("clip it", Adjustments(title="clip it")),
        ("epic fail", Adjustments(title="epic fail")),
        ("+20", Adjustments(more=20)),
        (" 20 wow", Adjustments(title="wow", more=20)),
        ("-15 wow +5s", Adjustments(title="wow", earlier=15, more=5)),
        ("45s", Adjustments(length=45)),
        ("the 1:30 play", Adjustments(title="the 1:30 play")),
        ("the play 1:30", Adjustments(title="the play", length=90)),
        ("20", Adjustments(title="20")),
        ("last", Adjustments(Command.LAST)),
        ("last of us", Adjustments(title="last of us")),
        ("DELETE", Adjustments(Command.DELETE)),
        ("rename  a  better  title", Adjustments(Command.RENAME, title="a better title")),
    ],
)
def test_what_a_message_asks_for(message: str, wish: Adjustments) -> None:
    assert read_message(message) == wish


@pytest.mark.parametrize(
    ("message", "window"),
    [("", (60, 120)), ("+20", (60, 140)), ("-15", (75, 135)), ("45s", (45, 45)), ("1:30 +10 -5", (95, 105))],
)
def test_the_window_that_is_meant(message: str, window: tuple[float, float]) -> None:
    assert read_message(message).window(60, 120) == window


@pytest.mark.parametrize("message", ["+99999", "0s", "0:00", "-4000"])
def test_adjustments_that_are_slips(message: str) -> None:
    with pytest.raises(AdjustmentInvalid):
        read_message(message)


def test_a_stranger_has_no_words() -> None:
    assert read_message("delete", commands=False) == Adjustments(title="delete")


@pytest.mark.parametrize(("text", "seconds"), [("ultra-low", 3), ("LOW", 8), ("normal", 20), ("12.5", 12.5)])
def test_latency(text: str, seconds: float) -> None:
    assert latency_seconds(text) == seconds


@pytest.mark.parametrize("text", ["", "high", "-1", "121", "nan", "1e1"])
def test_latencies_that_are_none(text: str) -> None:
    with pytest.raises(RequestInvalid):
        latency_seconds(text)


FAMILY = "\U0001f468\u200d\U0001f469\u200d\U0001f467\U0001f3fd"
HEART = "\u2764\ufe0f\u200d\U0001f525"
SCOTLAND = "\U0001f3f4\U000e0067\U000e0062\U000e0073\U000e0063\U000e0074\U000e007f"


@pytest.mark.parametrize(
    "one", ["\U0001f1e9\U0001f1ea", "\U0001f44d\U0001f3fd", "x\u0323\u0301", "\u2764\ufe0f", FAMILY, HEART, SCOTLAND]
)
@pytest.mark.parametrize("before", ["", "a", "ab", "abc", "\U0001f1eb\U0001f1f7 "])
def test_what_is_seen_as_one_character_is_not_cut_in_two(one: str, before: str) -> None:
    many = f"{one}b{one}{one}c"
    for most in range(5, 40):
        told = one_line(before + many * 9, most=most)
        whole = told.removesuffix("\u2026").removeprefix(before.strip())
        assert told.endswith("\u2026") and not whole.replace(one, "").strip("bc "), told


@pytest.mark.parametrize(
    "link",
    [
        *(
            "discord.gg/x",
            "evil.com",
            "EVIL.COM/x?y=1",
            "https://evil.example/x",
            "//evil.com/x",
            "1.2.3.4/x",
            "t.me/x",
        ),
        *(
            "h t t p : / / e v i l . c o m",
            "hxxps://evil",
            "http:\\\\evil",
            "www.evil",
            "www evil com",
            "localhost:80/x",
        ),
        *(
            "evil\uff0ecom",
            "evil\u3002com",
            "discord\u00b7gg",
            "discord\u2024gg/x",
            "\uff44\uff49\uff53\uff43\uff4f\uff52\uff44\uff0e\uff47\uff47",
        ),
        *(
            "ev\u200bil.c\u200bom",
            "disc\u043erd.gg/x",
            "discord.\u0581\u0581",
            "evil\ufe0f.\u034fcom",
            "\U0001d555\U0001d55a.gg",
        ),
        *(
            "d i s c o r d . g g / abc",
            "discord . gg",
            "discord(dot)gg",
            "discord [.] gg",
            "discord dot gg",
            "evil,com/x",
        ),
        *("discord gg/abc", "x@evil.com", "xn--e1awd7f.com", "a.b.evil", "host.internal:8080/x", "javascript://x"),
    ],
)
def test_a_link_is_replaced_however_it_is_disguised(link: str) -> None:
    for text in (link, f"see {link} now"):
        told = one_line(text)
        assert told in ("link", "see link now", "link now"), told
        assert_one_harmless_line(told)


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("Nice shot... wow", "Nice shot... wow"),
        ("1.5x, v1.2, 100% :) <3", "1.5x, v1.2, 100% :) <3"),
        ("Nice.Next clip", "Nice. Next clip"),
        ("GG. gg wp", "GG. gg wp"),
        ("\u3059\u3054\u3044\u3002\u6b21", "\u3059\u3054\u3044\u3002\u6b21"),
        ("C++ & C# at 0:45 - 1:30", "C++ & C# at 0:45 - 1:30"),
        ("$(eval 1) ${x} $user {name} {{a}} fetch[x]", "eval 1 x user name a fetch x"),
        ("%user% $math(1+1)$ (echo) <@12> `x`", "user math 1+1 echo 12> x"),
        ("!ban me", "ban me"),
        ("/me x", "me x"),
        (".timeout x", "timeout x"),
    ],
)
def test_what_a_bot_would_act_on_goes_and_everything_else_stays(text: str, told: str) -> None:
    assert one_line(text) == told == one_line(told)


OURS, CANONICAL = "https://clips.example.com/s/abcDEF", "https://www.youtube.com/watch?v=dQw4w9WgXcQ&t=61s"


def test_only_our_own_links_remain_and_they_stay_whole() -> None:
    text = f"{OURS} Clip saved: evil.com {CANONICAL}"
    assert one_line(text, links=(OURS, CANONICAL)) == f"{OURS} Clip saved: link {CANONICAL}"
    assert OURS not in one_line(text)
    for most in range(1, 120):
        told = one_line(text, most=most, links=(OURS, CANONICAL))
        assert len(told) <= max(most, len("OK."))
        assert "//" not in told.replace(OURS, "").replace(CANONICAL, ""), told
