"""Orders the bytes of a clip: both edges before what is between them, because the edges are encoded meanwhile."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from src.services.cutting.engine.indexes.layout import Layout
from src.services.fetch.fetcher import Fetcher
from src.services.fetch.reader import Part

PER_CLIP = 10
"""The distance between the priorities of two clips of one call."""
_HEAD, _SOUND, _TAIL, _MIDDLE, _PADDING = 0, 1, 2, 3, 4


class BytePlan:
    """What one clip of a call wants of its fetcher. ``number``: the place of the clip in the call, from 0."""

    def __init__(self, fetcher: Fetcher, number: int) -> None:
        self._fetcher, self._base = fetcher, number * PER_CLIP

    def video(self, layout: Layout) -> None:
        """Want the first group of pictures from all connections at once, and then the last one and the rest."""
        parts = _fetched(layout)
        self._want(parts[:1], _HEAD, together=False)
        self._want(parts[1:][-1:], _TAIL)
        self._want(parts[1:-1], _MIDDLE)

    def audio(self, layout: Layout) -> None:
        """Want audio, which is copied from the start on, beside the video."""
        self._want(_fetched(layout), _SOUND)

    def all(self, layout: Layout) -> None:
        """Want what has no edges to encode."""
        self._want(_fetched(layout), _MIDDLE)

    def padding(self, layout: Layout) -> None:
        """Want what the clip itself does not need."""
        self._want(_fetched(layout), _PADDING, group=_PADDING)

    def _want(self, parts: Sequence[Part], priority: int, *, together: bool = True, group: int = 0) -> None:
        place = self._base + group if together else None
        for part in _joined(parts):
            assert part.resource is not None
            end = None if part.length is None else part.start + part.length
            self._fetcher.want(part.resource, part.start, end, self._base + priority, place)


def _fetched(layout: Layout) -> list[Part]:
    return [part for part in layout.parts if part.resource is not None and part.eager]


def _joined(parts: Sequence[Part]) -> list[Part]:
    """Return the parts with neighbours of the same resource as one."""
    joined: list[Part] = []
    for part in parts:
        last = joined[-1] if joined else None
        if last is not None and part.length is not None and _touches(last, part):
            joined[-1] = replace(last, length=(last.length or 0) + part.length)
        else:
            joined.append(part)
    return joined


def _touches(last: Part, part: Part) -> bool:
    """Whether a part starts where the one before it ends."""
    same = last.resource is part.resource and last.length is not None
    return same and part.start == last.start + (last.length or 0)
