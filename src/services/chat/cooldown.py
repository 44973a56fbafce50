"""Limits how often a chat may save clips, for the channel and for each viewer."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

from src.errors import CooldownActive
from src.services.window_counters import Count, WindowCounters


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
        counted: list[_Rule] = []
        for rule in self._rules(channel, viewer, channel_seconds, viewer_seconds):
            count = self._counters.add(rule.key, 1, window_seconds=rule.seconds)
            if count.number > 1:
                for earlier in counted:
                    self._counters.clear(earlier.key)
                raise _active(rule, count)
            counted.append(rule)

    def check(self, channel: str, viewer: str, *, channel_seconds: int, viewer_seconds: int) -> None:
        """Raise as ``count``, and count nothing."""
        for rule in self._rules(channel, viewer, channel_seconds, viewer_seconds):
            if (count := self._counters.read(rule.key)).number:
                raise _active(rule, count)

    def _rules(self, channel: str, viewer: str, channel_seconds: int, viewer_seconds: int) -> list[_Rule]:
        if not self._enabled:
            return []
        rules = [_Rule(_key("channel", channel), channel_seconds, "A clip was requested just now")]
        if viewer:
            rules.insert(0, _Rule(_key("viewer", channel, viewer), viewer_seconds, "You requested a clip just now"))
        return [rule for rule in rules if rule.seconds > 0]

    def undo(self, channel: str, viewer: str) -> None:
        """Remove the count of a clip that could not be saved."""
        for key in (_key("channel", channel), _key("viewer", channel, viewer)):
            self._counters.clear(key)


def _active(rule: _Rule, count: Count) -> CooldownActive:
    left = max(1, round(count.seconds_left))
    return CooldownActive(f"{rule.text}; again in {left} s.", retry_after_seconds=left)


def _key(what: str, *parts: str) -> str:
    digest = hashlib.sha256("\0".join(parts).encode("utf-8", "replace")).hexdigest()
    return f"cooldown:{what}:{digest[:32]}"
