"""Finds links in untrusted text, however they are disguised, and replaces each by the word ``link``.

The text is compared in a plain form: lower case, without marks, with one form of dot and slash, with Latin letters in
place of those that look the same, and with spelled-out words put together. Only what matches there is replaced.
"""

from __future__ import annotations

import functools
import re
import unicodedata
from bisect import bisect_right
from dataclasses import dataclass
from itertools import pairwise

REPLACEMENT = "link"

# Endings of names that are not words of a sentence; every ending of two letters counts where nothing separates it.
_ENDINGS = (
    "com|net|org|info|biz|xyz|app|dev|live|link|online|site|store|shop|club|top|icu|vip|pro|fun|space|tech|cloud|page"
    "|blog|news|media|game|games|stream|video|chat|social|world|today|life|wtf|lol|gift|gifts|promo|click|download|win"
    "|bet|casino|porn|sex|cam|zip|mov|host|website|gg|io|tv|ly|cc|ws|ru|de|uk|eu|fr|nl|pl|br|cn|jp|su|pw|tk|ml|ga|cf|gq"
    "|edu|gov|mil|int|name|mobi|tel|asia|jobs|travel|art|bio|cafe|cash|cool|deals|email|fans|fyi|gold|guru|help|ink"
    "|land|loan|ltd|men|money|monster|network|ninja|one|party|photo|pics|pink|press|red|rip|rocks|run|sale|show|studio"
    "|support|team|tips|tools|trade|work|works|zone"
)
_WORDS_FOR_DOT = "dot|punkt|punto|ponto"
_PATH = r"(?:\s?[/?#]\s?\S*|:\d+\S*)?"
_PATTERNS = tuple(
    re.compile(pattern)
    for pattern in (
        # A scheme, with whatever follows it: http, hxxp, h.t.t.p.
        r"h\W{0,3}[tx]\W{0,3}[tx]\W{0,3}p(?:\W{0,3}s(?!\w))?(?:\s*[:;/]+\s*\S*)?",
        r"(?<!\w)[a-z][\w+-]*\s?:\s?/\s?/\s?\S*",
        rf"(?<!\w)w\W?w\W?w\s?(?:\.\s?\S+|\s[\w-]+\s(?:{_ENDINGS})(?!\w))",
        # Names without spaces: an address in numbers, a known ending, two letters, or a path behind it.
        rf"(?<![\w.])\d{{1,3}}(?:\.\d{{1,3}}){{3}}(?![\w.]){_PATH}",
        rf"(?<![\w@-])(?:[\w@-]{{1,63}}\.)+(?:{_ENDINGS}|[a-z]{{2}}|xn--[\w-]+)(?!\w){_PATH}",
        r"(?<![\w@-])(?:[\w@-]{1,63}\.)+[\w-]+(?::\d+)?/\S*",
        r"(?<![\w.-])[\w-]+:\d+/\S*",
        r"(?<![\w@-])(?:[\w@-]{1,63}\.){2,}[^\W\d_]{2,}",
        # The dot is set apart, in brackets, or a word.
        rf"(?<![\w-])[\w-]{{2,}}\s+\.\s*(?:{_ENDINGS})(?!\w){_PATH}",
        rf"(?<![\w-])[\w-]{{2,}}\.\s+(?:{_ENDINGS})\s?/\s?\S+",
        rf"(?<![\w-])[\w-]+\s?[^\w\s]\s?\.\s?[^\w\s]\s?(?:{_ENDINGS}|[a-z]{{2}})(?!\w){_PATH}",
        rf"(?<![\w-])[\w-]{{2,}}\s*[^\w\s]?\s*(?<!\w)(?:{_WORDS_FOR_DOT})(?!\w)\s*[^\w\s]?\s*(?:{_ENDINGS})(?!\w){_PATH}",
        rf"(?<![\w-])[\w-]{{2,}}\s?[,;]\s?(?:{_ENDINGS})\s?/\s?\S+",
        # Invitations that work without a dot.
        r"(?<!\w)discord(?:app)?\W{0,3}(?:gg|com|app)(?!\w)(?:\s?/\s?\S*|\W{1,3}invite\S*)?",
        r"(?<!\w)(?:gg|t\W?me|youtu\W?be)\s?/\s?\w\S*",
    )
)
_DOTS = (
    "\u00b7\u2022\u2219\u22c5\u2027\u2024\u3002\u30fb\uff0e\uff61\ufe52\ua78f\u16eb\u0701\u0702\u06d4\u0387\u25cf\u26ab"
)
_SLASHES = "\u2044\u2215\u2571\u29f8\u29f5\uff0f\\"
_COLONS = "\ua789\u2236\u02d0\u0589\ufe55\uff1a"
_LOOK_ALIKES = str.maketrans(
    # Cyrillic, Greek, Armenian, and Latin letters of unusual forms.
    "\u0430\u0435\u043e\u0440\u0441\u0443\u0445\u0456\u0458\u0455\u0501\u051b\u051d\u043c\u0442\u043a\u043d\u0432"
    "\u03bf\u03b1\u03bd\u03b9\u03c4\u03ba\u03c1\u03c5\u0581\u0578\u057d\u0585\u0570"
    "\u0261\u026a\u0262\u1d0f\u1d04\u0131\u1d0d\u1d1b\u1d07\u0274\u029f\u1d20\u1d05\u0280\ua731",
    "aeopcyxijsdqwmtkhb" + "oavitkpu" + "gnuoh" + "gigocimtenlvdrs",
)
_SPELLED = re.compile(r"(?<!\w)\w(?: \w)+(?!\w)")
_REPEATED = re.compile(rf"\b{REPLACEMENT}(?:[\W_]+{REPLACEMENT})+\b")
# A forgotten space, as in "Nice.Next": with it, no chat sees a name.
_FORGOTTEN = re.compile(r"(?<=\w)\.(?=[^\W\d_])")


@dataclass(frozen=True, slots=True)
class _Plain:
    """A text in its plain form; ``places[i]`` is where its character ``i`` stands in the original."""

    text: str
    places: list[int]

    def without(self, dropped: set[int]) -> _Plain:
        kept = [number for number in range(len(self.text)) if number not in dropped]
        return _Plain("".join(self.text[number] for number in kept), [self.places[number] for number in kept])


def without_links(text: str) -> str:
    """Return the text with the word ``link`` in place of everything that is, or is meant as, a link."""
    plain = _plain(text)
    found = sorted(
        (plain.places[match.start()], _end(text, plain, match.end()))
        for pattern in _PATTERNS
        for match in pattern.finditer(plain.text)
    )
    parts, reached = [], 0
    for start, end in found:
        if start >= reached:
            parts += [text[reached:start], REPLACEMENT]
        reached = max(reached, end)
    replaced = _REPEATED.sub(REPLACEMENT, "".join([*parts, text[reached:]]))
    return _FORGOTTEN.sub(". ", replaced)


def _end(text: str, plain: _Plain, end: int) -> int:
    """Return where a match that ends before character ``end`` of the plain form ends in the original."""
    last = plain.places[end - 1]
    following = bisect_right(plain.places, last)
    return plain.places[following] if following < len(plain.places) else len(text)


def _plain(text: str) -> _Plain:
    letters, places = [], []
    for place, character in enumerate(text):
        for letter in _plain_letters(character):
            letters.append(letter)
            places.append(place)
    plain = _Plain("".join(letters), places)
    doubled = {second for first, second in pairwise(range(len(letters))) if letters[first] == letters[second] == " "}
    plain = plain.without(doubled)
    spaces = {
        place
        for match in _SPELLED.finditer(plain.text)
        for place in range(match.start(), match.end())
        if plain.text[place] == " "
    }
    return plain.without(spaces)


@functools.lru_cache(maxsize=4096)
def _plain_letters(character: str) -> str:
    if character in _DOTS:
        return "."
    if character in _SLASHES:
        return "/"
    if character in _COLONS:
        return ":"
    category = unicodedata.category(character)
    if category[0] == "Z":
        return " "
    if category in ("Mn", "Me", "Cf"):
        return ""
    letters = unicodedata.normalize("NFKD", character.lower()).translate(_LOOK_ALIKES)
    return "".join(letter for letter in letters if not unicodedata.combining(letter))
