"""Builds the sentences that answer a chat command."""

from __future__ import annotations

from fractions import Fraction

from src.utils.chat_text import echo


def spoken(seconds: float | Fraction) -> str:
    """Format a duration for people: ``45 s``, ``2 min``, ``1 min 30 s``."""
    whole = max(0, round(seconds))
    minutes, rest = divmod(whole, 60)
    if not minutes or whole < 100:
        return f"{whole} s"
    return f"{minutes} min {rest} s" if rest else f"{minutes} min"


def saved(offset: float, duration: float, title: str | None) -> str:
    """Confirm that a moment was saved."""
    before, after = min(offset, duration), max(duration - offset, 0)
    what = f"the last {spoken(before)}" if before else ""
    if after:
        what += f"{' and ' if what else ''}the next {spoken(after)}"
    return f"Clip{echo(title)} saved: {what}."
