"""What one call fetched, kept for a later cut of the same formats: the bytes, and a list of which they are."""

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

_BYTES, _LIST = "fetched", "fetched.json"
_MOST_SHARE = Fraction(8, 100)  # so much more than the clip needs may be fetched for the padding
# Seconds by which a stretch is told shorter at both ends: transport streams carry sound up to 0.7 s apart from its
# pictures, some indexes tell decode times, and a decoder looks ahead for the last frame of a cut.
_EDGE = Fraction(1)

_TICK = Fraction(1, 1000)  # seconds: enough to touch the neighbour


class Keeper:
    """The folder of a ``Keep``: a spool and its list. It belongs to one call at a time."""

    def __init__(self, keep: Keep) -> None:
        """The folder is made when it is not there. A list that cannot be read is none."""
        keep.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._keep, self._list = keep, keep.folder / _LIST
        self._entries: dict[tuple[int, str], dict[str, Any]] = {}
        self._end = 0
        self._layouts: list[Layout] = []
        self._range: TimeRange | None = None
        if (keep.folder / _BYTES).exists():
            with suppress(OSError, ValueError, KeyError, TypeError):
                told = json.loads(self._list.read_text("utf-8"))
                self._entries = {(entry["place"], entry["name"]): entry for entry in told["resources"]}
                self._end = int(told["end"])

    def open_spool(self) -> Spool:
        """The spool, with what the list tells in it."""
        return Spool(self._keep.folder / _BYTES, self._end)

    def fill(self, resource: Resource) -> None:
        """Give a new resource what is there of it."""
        entry = self._entries.get(resource.identity)
        if entry is None or resource.base is not None:
            return
        resource.base, resource.size = entry["base"], entry["size"]
        resource.ranged, resource.complete = entry["ranged"], entry["complete"]
        for start, end in entry["present"]:
            resource.present.add(start, end)
            resource.asked.add(start, end)

    def save(self, resources: Iterable[Resource], spool: Spool) -> None:
        """Write the list: of pieces that are read in order only whole ones, for nobody could go on with others."""
        kept = {
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
        told = {"end": spool.end, "resources": list({**self._entries, **kept}.values())}
        self._list.write_text(json.dumps(told), "utf-8")

    # --- which range is kept ----------------------------------------------------------------------------------------

    def plan(self, video: Index | None, audio: Index | None, wanted: TimeRange) -> list[Layout]:
        """What to fetch beside the range: the rest of the groups of pictures that it touches, which is there anyway,
        then more of them while they cost little."""
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
        layout = outline(index, *layout.span)  # also the sound of the whole groups, where both lie in one file
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
        """Wait for what is still on its way; the range that is left, None if it is not worth it."""
        resources = [part.resource for layout in self._layouts for part in layout.parts if part.resource is not None]
        if self._range is None or any(resource.ranged is False and not resource.complete for resource in resources):
            return None
        with suppress(SourceError):
            fetcher.wait_until(
                lambda: (
                    any(resource.failure for resource in resources)
                    or all(_is_there(layout) for layout in self._layouts)
                )
            )
            if any(resource.failure for resource in resources):
                return None
            size = sum(end - start for resource in set(resources) for start, end in resource.present.spans())
            return self._range if size <= self._keep.most_bytes else None
        return None


def _is_there(layout: Layout) -> bool:
    for part in layout.parts:
        if part.resource is not None and part.eager:
            there = part.resource.present.end_of(part.start)
            if not (part.resource.complete or (part.length is not None and there >= part.start + part.length)):
                return False
    return True
