"""Messages behind ``!clip``, and the sentences that go back: harmless whatever a stranger writes."""

from __future__ import annotations

import random
import re

import pytest

from src.errors import AdjustmentInvalid, RequestInvalid
from src.services.chat import sentences
from src.services.chat.adjustments import Adjustments, Command, read_message
from src.utils.chat_text import one_line
from src.utils.latency import latency_seconds

ACTIVE = re.compile(r"\$\(|\$\{|\{\{|@|://|%\w+%")


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
    return ["".join(chance.choices(pieces, k=chance.randrange(1, 9))) for _ in range(number)]


def assert_one_harmless_line(text: str) -> None:
    """The rule that every reply to a chat obeys."""
    assert text and text.strip() == text
    assert len(text.encode("utf-16-le")) // 2 <= 200
    assert len(text.splitlines()) == 1 and text.isprintable()
    assert text[0] not in "!/.\\" and not ACTIVE.search(text), text


@pytest.mark.parametrize("message", ["", " ", "!", "@@@", "$($($("])
def test_nothing_becomes_something(message: str) -> None:
    assert_one_harmless_line(one_line(message))


def test_hostile_messages_stay_in_one_harmless_line() -> None:
    for message in hostile_messages():
        assert_one_harmless_line(one_line(message))
        assert_one_harmless_line(sentences.saved(60, 120, message))


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


@pytest.mark.parametrize("one", ["\U0001f1e9\U0001f1ea", "\U0001f44d\U0001f3fd", "x\u0323\u0301", "\u2764\ufe0f"])
@pytest.mark.parametrize("before", ["", "a", "ab", "abc", "\U0001f1eb\U0001f1f7 "])
def test_what_is_seen_as_one_character_is_not_cut_in_two(one: str, before: str) -> None:
    many = f"{one}b{one}{one}c"
    for most in range(5, 40):
        told = one_line(before + many * 9, most=most)
        whole = told.removesuffix("\u2026").removeprefix(before.strip())
        assert told.endswith("\u2026") and not whole.replace(one, "").strip("bc "), told
