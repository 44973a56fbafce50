"""Makes text safe for a chat: one short line that is never empty and does not trigger a bot or a chat.

Texts of viewers, titles of streams and our own sentences pass the same filter. Only links that are given to it as
``links`` remain: ours, and the canonical one of the site.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Collection

from src.utils.disguised_links import without_links
from src.utils.graphemes import ZERO_WIDTH_JOINER, beginning, is_pictograph, units

MOST_CHARACTERS = 200
_MOST_ECHO = 60
_MOST_READ = 1000  # of a text whose length nothing else limits
_NEVER_EMPTY = "OK."
_ELLIPSIS = "\u2026"
_INVISIBLE = "\u034f\u115f\u1160\u17b4\u17b5\u180b\u180c\u180d\u180e\u180f\u2800\u3164\uffa0"
_VARIATION = "\ufe0f"
# Tags are invisible letters; only after a black flag, as in the flag of Scotland, do they have a meaning.
_TAGGED_FLAG = re.compile("\U0001f3f4[\U000e0030-\U000e0039\U000e0061-\U000e007a]{2,6}\U000e007f")
# Variables of bots and mentions: $(x), ${x}, $x, {x}, {{x}}, x[..], <x>, %x%, (x). A per cent sign behind a number, a
# heart and a smiley are none.
_PARENTHESES = re.compile(r"\(([^()]*)\)|\((?=[\w#])")
_ACTIVE = re.compile(r"[${}\[\]`\\]|<(?!3)|(?<!\d)%|%(?=\w)|(?<=\w):/+|//+")
_LEADING = re.compile(r"^[\s!/.\\#~*+=<>|,;:?_&-]+")
_CALLS = str.maketrans({"@": None, "\uff20": None, "\ufe6b": None})


def one_line(text: str, *, most: int = MOST_CHARACTERS, links: Collection[str] = ()) -> str:
    """Return ``text`` as one harmless line of at most ``most`` UTF-16 units, which is how chats count.

    ``links`` remain as they are, and whole: one that does not fit is left out with what follows it.
    """
    parts = [text]
    for link in links:
        parts = [piece for part in parts for piece in _around(part, link, links)]
    parts = [_filtered(part, links) for part in parts]
    line = " ".join(filter(None, parts))
    if not line.startswith(tuple(links)):
        line = _LEADING.sub("", line)
    if units(line) > most:
        line = _shortened(line, most, links)
    return line or _NEVER_EMPTY


def neutral(text: str) -> str:
    """Return ``text`` in one line without control characters, stacked accents, commands, mentions, variables and links.

    Removing a part may form a new one from its neighbours, so this repeats until nothing changes.
    """
    return _LEADING.sub("", _neutral_part(text))


def echo(text: str | None, *, most: int = _MOST_ECHO) -> str:
    """Return untrusted text, short and quoted, after a space; empty when nothing harmless is left of it."""
    harmless = neutral(text or "").replace('"', "'")
    return f' "{one_line(harmless, most=most)}"' if harmless else ""


def _filtered(part: str, links: Collection[str]) -> str:
    return part if part in links else _neutral_part(part)


def _around(text: str, link: str, links: Collection[str]) -> list[str]:
    """Return a text in parts: the link, and what stands before and after it."""
    if text in links or link not in text:
        return [text]
    before, _, after = text.partition(link)
    return [before, link, *_around(after, link, links)]


def _neutral_part(text: str) -> str:
    text = text[:_MOST_READ]
    before = None
    while text != before:
        before = text
        text = _visible(text.encode("utf-8", "replace").decode("utf-8"))
        text = re.sub(r"(\W)(?:\s*\1){4,}", r"\1", _without_heaps(text))
        text = without_links(" ".join(text.split()))
        text = _PARENTHESES.sub(r" \1 ", text.translate(_CALLS))
        text = " ".join(_ACTIVE.sub(" ", text).split())
        text = _LEADING.sub("", text) if text[:1] in "!/." else text
    return text


def _visible(text: str) -> str:
    """Return the text in compatible forms, without what nobody sees: except for what joins the parts of an emoji."""
    text = _ELLIPSIS.join(unicodedata.normalize("NFKC", part) for part in text.split(_ELLIPSIS))
    tags = {place for match in _TAGGED_FLAG.finditer(text) for place in range(*match.span())}
    kept: list[str] = []
    for place, character in enumerate(text):
        category = unicodedata.category(character)
        if place in tags or (category[0] not in "CZ" and character not in _INVISIBLE):
            kept.append(character)
        elif character == ZERO_WIDTH_JOINER:
            following = text[place + 1 : place + 2]
            joins = bool(kept and following) and is_pictograph(following) and is_pictograph(_base(kept))
            kept += [character] if joins else []
        elif category != "Cf" and character not in _INVISIBLE:
            kept.append(" ")
    return "".join(kept)


def _base(kept: list[str]) -> str:
    """Return the last character that is no variation selector."""
    return next((character for character in reversed(kept[-3:]) if character != _VARIATION), "")


def _without_heaps(text: str) -> str:
    """Remove marks beyond two on one letter."""
    left: list[str] = []
    marks = 0
    for character in text:
        marks = marks + 1 if unicodedata.combining(character) or unicodedata.category(character) == "Me" else 0
        if marks <= 2:
            left.append(character)
    return "".join(left)


def _shortened(line: str, most: int, links: Collection[str]) -> str:
    """Return the beginning of a line with an ellipsis; a link is never cut."""
    start = beginning(line, most - 1).rstrip()
    for link in links:
        place = line.find(link)
        if 0 <= place < len(start) < place + len(link):
            start = start[:place].rstrip()
    return start + _ELLIPSIS
