"""Formats durations for people."""

from __future__ import annotations

from fractions import Fraction


def spoken(seconds: float | Fraction) -> str:
    """Format a duration: ``45 s``, ``2 min``, ``1 min 30 s``; in whole minutes from ten, in whole hours from three."""
    whole = max(0, round(seconds))
    if whole >= 3 * 3600:
        return f"{whole // 3600} h"
    minutes, rest = divmod(whole, 60)
    if not minutes or whole < 100:
        return f"{whole} s"
    return f"{minutes} min {rest} s" if rest and minutes < 10 else f"{minutes} min"
