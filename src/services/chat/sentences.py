"""Builds the sentences that answer a chat command."""

from __future__ import annotations

from src.utils.chat_text import echo
from src.utils.spoken import spoken


def requested(offset: float, duration: float, title: str | None) -> str:
    """Confirm that a moment was requested; whether it can be saved is not known yet."""
    before, after = min(offset, duration), max(duration - offset, 0)
    what = f"the last {spoken(before)}" if before else ""
    if after:
        what += f"{' and ' if what else ''}the next {spoken(after)}"
    return f"Clip{echo(title)} requested: {what}."
