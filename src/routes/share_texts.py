"""The texts of the page behind a link to a clip, in the languages of the web page."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True, slots=True)
class ShareTexts:
    """The texts in one language; ``day`` writes the day of a date."""

    language: str
    download: str
    until: str
    length: str
    picture: str
    frames: str
    seen_live: str
    clipped_by: str
    gone: str
    why_gone: str
    made_again: str
    months: tuple[str, ...]
    after_day: str
    decimal_mark: str

    def moment(self, at: datetime) -> str:
        """Return a date and time, such as "30 November 2026, 15:04 UTC"."""
        return f"{at.day}{self.after_day} {self.months[at.month - 1]} {at.year}, {at:%H:%M} UTC"

    def number(self, text: str) -> str:
        """Return a number with a decimal point as this language writes it."""
        return text.replace(".", self.decimal_mark)


_ENGLISH = ShareTexts(
    language="en",
    download="Download",
    until="Available until",
    length="Length",
    picture="Picture",
    frames="fps",
    seen_live="Seen live",
    clipped_by="Clipped by",
    gone="This clip is gone",
    why_gone="This link has expired or was revoked.",
    made_again="Whoever sent it may make it again.",
    months=(
        *("January", "February", "March", "April", "May", "June"),
        *("July", "August", "September", "October", "November", "December"),
    ),
    after_day="",
    decimal_mark=".",
)
_GERMAN = ShareTexts(
    language="de",
    download="Herunterladen",
    until="Verfügbar bis",
    length="Länge",
    picture="Bild",
    frames="Bilder/s",
    seen_live="Live gesehen",
    clipped_by="Geschnitten von",
    gone="Diesen Clip gibt es nicht mehr",
    why_gone="Dieser Link ist abgelaufen oder wurde widerrufen.",
    made_again="Wer ihn geschickt hat, kann ihn neu erstellen.",
    months=(
        *("Januar", "Februar", "März", "April", "Mai", "Juni"),
        *("Juli", "August", "September", "Oktober", "November", "Dezember"),
    ),
    after_day=".",
    decimal_mark=",",
)
_ALL = {texts.language: texts for texts in (_ENGLISH, _GERMAN)}
LANGUAGES = tuple(_ALL)


def texts_in(language: str | None) -> ShareTexts:
    """Return the texts in a language; in English if there are none in it."""
    return _ALL.get(language or "", _ENGLISH)
