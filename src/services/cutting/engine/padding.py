"""Stores what one call fetched, with some padding, for later cuts of the same formats."""

from __future__ import annotations

import json
from collections.abc import Iterable
from contextlib import suppress
from fractions import Fraction
from math import ceil, floor
from typing import Any

from src.errors import SourceError
from src.models.media_source import TimeRange
from src.services.cutting.engine.attempt import AUDIO_LEAD
from src.services.cutting.engine.indexes.layout import Index, Layout
from src.services.cutting.engine.indexes.segment_index import outline
from src.services.cutting.engine.model import Keep
from src.services.fetch.fetcher import Fetcher
from src.services.fetch.resource import Resource
from src.services.fetch.spool import Spool

_LIST = "fetched.json"
_MOST_SHARE = Fraction(8, 100)  # of the bytes of the clip that may be fetched additionally for the padding
# Seconds by which the reported range is shorter at both ends: transport streams store audio up to 0.7 s away from its
# frames, some indexes contain decode times, and a decoder reads ahead for the last frame of a cut.
_EDGE = Fraction(1)

_TICK = Fraction(1, 1000)  # seconds: enough to reach into the next unit of an index


class Keeper:
    """The folder of a ``Keep``: a spool and a list of its contents, for one call at a time."""

    def __init__(self, keep: Keep) -> None:
        """Create the folder if necessary and read its list. An unreadable list counts as empty."""
        keep.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._keep, self._list = keep, keep.folder / _LIST
        self._entries: dict[tuple[int, str], dict[str, Any]] = {}
        self._end = 0
        self._layouts: list[Layout] = []
        self._range: TimeRange | None = None
        if keep.spool.exists():
            with suppress(OSError, ValueError, KeyError, TypeError):
                stored = json.loads(self._list.read_text("utf-8"))
                self._entries = {(entry["place"], entry["name"]): entry for entry in stored["resources"]}
                self._end = int(stored["end"])

    @property
    def is_empty(self) -> bool:
        """Whether no earlier call left anything."""
        return not self._entries

    def open_spool(self) -> Spool:
        """Open the spool with the contents of the list."""
        return Spool(self._keep.spool, self._end)

    def fill(self, resource: Resource) -> None:
        """Add the stored bytes of a new resource to it."""
        entry = self._entries.get(resource.identity)
        if entry is None or resource.base is not None:
            return
        resource.base, resource.size = entry["base"], entry["size"]
        resource.ranged, resource.complete = entry["ranged"], entry["complete"]
        for start, end in entry["present"]:
            resource.present.add(start, end)
            resource.asked.add(start, end)
            resource.copied.add(start, end)  # not shared again: nobody knows of which version it is

    def save(self, resources: Iterable[Resource], spool: Spool) -> None:
        """Write the list. Resources without ranges are only listed if complete: they cannot be continued."""
        entries = {
            resource.identity: {
                "place": resource.identity[0],
                "name": resource.identity[1],
                "size": resource.size,
                "ranged": resource.ranged,
                "complete": resource.complete,
                "base": resource.base,
                "present": resource.present.spans(),
            }
            for resource in resources
            if resource.base is not None and (resource.complete or (resource.ranged and not resource.whole))
        }
        stored = {"end": spool.end, "resources": list({**self._entries, **entries}.values())}
        self._list.write_text(json.dumps(stored), "utf-8")

    # --- the stored range -------------------------------------------------------------------------------------------

    def plan(self, video: Index | None, audio: Index | None, wanted: TimeRange) -> list[Layout]:
        """Return what to fetch in addition to the range: the rest of the GOPs that it overlaps, which is fetched
        anyway, and more GOPs while they are small."""
        main = video or audio
        assert main is not None
        layout = self._padded(main, wanted)
        if layout.span is None:
            return []
        start, end = layout.span
        self._layouts = [layout]
        if audio is not None and audio is not main:
            self._layouts.append(outline(audio, max(start - AUDIO_LEAD, Fraction(0)), end))
        start = start if layout.at_start else Fraction(ceil((start + _EDGE) * 1000), 1000)
        end = end if layout.at_end else Fraction(floor((end - _EDGE) * 1000), 1000)
        self._range = TimeRange(min(start, wanted.start), max(end, wanted.end))
        return self._layouts

    def _padded(self, index: Index, wanted: TimeRange) -> Layout:
        layout = outline(index, wanted.start, wanted.end)
        if layout.span is None:
            return layout
        most = None if layout.size is None else layout.size * (1 + _MOST_SHARE)
        layout = outline(index, *layout.span)  # in one file with the audio, also the audio of the whole GOPs
        growing = most is not None
        while growing and most is not None and layout.span is not None:
            growing = False
            start, end = layout.span
            for short, earlier, later in (
                (not layout.at_start and wanted.start - start < self._keep.padding, _TICK, Fraction(0)),
                (not layout.at_end and end - wanted.end < self._keep.padding, Fraction(0), _TICK),
            ):
                more = outline(index, max(start - earlier, Fraction(0)), end + later) if short else layout
                if more.size is not None and layout.size is not None and layout.size < more.size <= most:
                    layout, growing = more, True
                    break
        return layout

    def kept(self, fetcher: Fetcher) -> TimeRange | None:
        """Wait for unfinished requests. Returns the stored range; None if it is incomplete or too large."""
        resources = [part.resource for layout in self._layouts for part in layout.parts if part.resource is not None]
        if self._range is None or any(resource.ranged is False and not resource.complete for resource in resources):
            return None
        with suppress(SourceError):
            fetcher.wait_until(
                lambda: (
                    any(resource.failure for resource in resources)
                    or all(_is_complete(layout) for layout in self._layouts)
                )
            )
            if any(resource.failure for resource in resources):
                return None
            size = sum(end - start for resource in set(resources) for start, end in resource.present.spans())
            return self._range if size <= self._keep.most_bytes else None
        return None


def _is_complete(layout: Layout) -> bool:
    for part in layout.parts:
        if part.resource is not None and part.eager:
            end = part.resource.present.end_of(part.start)
            if not (part.resource.complete or (part.length is not None and end >= part.start + part.length)):
                return False
    return True
