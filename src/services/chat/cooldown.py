"""Limits how often a chat may save clips, for the channel and for each viewer."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

from src.errors import CooldownActive
from src.services.window_counters import WindowCounters


@dataclass(frozen=True, slots=True)
class _Rule:
    key: str
    seconds: int
    text: str


class Cooldown:
    """Counts in Redis for all processes, in this process while Redis is unavailable. ``enabled=False`` disables
    limits."""

    def __init__(self, counters: WindowCounters, *, enabled: bool = True) -> None:
        self._counters, self._enabled = counters, enabled

    def count(self, channel: str, viewer: str, *, channel_seconds: int, viewer_seconds: int) -> None:
        """Count one clip of this viewer (empty: unknown) in this channel.

        Raises:
            CooldownActive: with ``retry_after_seconds``; then the clip is not counted.
        """
        if not self._enabled:
            return
        rules = [_Rule(_key("channel", channel), channel_seconds, "A clip was requested just now")]
        if viewer:
            rules.insert(0, _Rule(_key("viewer", channel, viewer), viewer_seconds, "You requested a clip just now"))
        counted: list[_Rule] = []
        for rule in (rule for rule in rules if rule.seconds > 0):
            count = self._counters.add(rule.key, 1, window_seconds=rule.seconds)
            if count.number > 1:
                for earlier in counted:
                    self._counters.clear(earlier.key)
                left = max(1, round(count.seconds_left))
                raise CooldownActive(f"{rule.text}; again in {left} s.", retry_after_seconds=left)
            counted.append(rule)

    def undo(self, channel: str, viewer: str) -> None:
        """Remove the count of a clip that could not be saved."""
        for key in (_key("channel", channel), _key("viewer", channel, viewer)):
            self._counters.clear(key)


def _key(what: str, *parts: str) -> str:
    digest = hashlib.sha256("\0".join(parts).encode("utf-8", "replace")).hexdigest()
    return f"cooldown:{what}:{digest[:32]}"
