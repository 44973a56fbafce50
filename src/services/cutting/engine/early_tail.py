"""Encodes the last frames of a clip while its head is encoded and what is between them still arrives."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import replace
from fractions import Fraction

from src.errors import AppError
from src.models.media_source import SourceUnreadable, TimeRange
from src.services.cutting.engine.codecs.join import join_for
from src.services.cutting.engine.demuxer import Demuxer, Pack
from src.services.cutting.engine.encoders import AnyEncoder, Encoder, codec_name
from src.services.cutting.engine.indexes.layout import Index, Layout
from src.services.cutting.engine.indexes.segment_index import SegmentIndex
from src.services.cutting.engine.model import SmartImpossible
from src.services.cutting.engine.video import EndMissed, StartMissed, VideoCut
from src.services.fetch.fetcher import Fetcher
from src.services.fetch.reader import Part
from src.services.fetch.resource import Resource

_TICK = Fraction(1, 1000)  # seconds: a moment before the end of the clip
_FAILURES = (AppError, EndMissed, SmartImpossible, SourceUnreadable, StartMissed)


class _Stopped(Exception):
    """The result is not needed any more."""


class EarlyTail:
    """The encoded frames at the end, from a second reading of the last group of pictures, in a thread.

    It is only a shortcut: the cut of the whole clip decides which frames it needs, and encodes them itself if these are
    others, or if this reading failed.
    """

    def __init__(self, fetcher: Fetcher, layout: Layout, main: Demuxer, high: int) -> None:
        """``main`` reads the whole clip; ``high``: the first frame after the clip, in its ticks."""
        self._fetcher, self._layout, self._high = fetcher, layout, high
        self._base, self._shift = main.time_base, main.shift
        self._packs: list[Pack] = []
        self._stopped = False
        self._thread = threading.Thread(target=self._work, name="tail", daemon=True)
        self._thread.start()

    @classmethod
    def start(cls, fetcher: Fetcher, index: Index, main: Demuxer, high: int, clip: TimeRange) -> EarlyTail | None:
        """Start, if the last group of pictures does not reach back to the start of the clip and can be read alone."""
        if isinstance(index, SegmentIndex):  # its plans depend on what was read before
            return None
        layout = index.plan(max(clip.end - _TICK, clip.start), clip.end)
        if layout.span is None or layout.span[0] <= clip.start or not all(map(_is_known, layout.parts)):
            return None
        parts = tuple(part for part in layout.parts if part.eager)
        return cls(fetcher, replace(layout, parts=parts, rough=False), main, high)

    def take(self, wanted: Sequence[int]) -> list[Pack] | None:
        """Return the encoded frames of these times, in ticks of the whole clip, or None if it has others."""
        self._thread.join()
        packs, self._packs = self._packs, []
        return packs if sorted(pack.pts for pack in packs) == sorted(wanted) else None

    def close(self) -> None:
        """Stop, and release all resources."""
        self._stopped = True
        self._thread.join()

    def read(self, resource: Resource, start: int, size: int, end: int | None = None) -> bytes:
        """Read like ``Fetcher.read``, but without hurry, and only until this is closed."""

        def ready() -> bool:
            at_end = resource.size is not None and start >= resource.size
            return self._stopped or at_end or resource.present.end_of(start) > start

        self._fetcher.wait_until(ready)
        self._check()
        return self._fetcher.read(resource, start, size, end)

    def wait_complete(self, resource: Resource) -> int:
        """Resources of unknown size are never read here."""
        raise ValueError("only parts of known length are read early")

    def _check(self) -> None:
        if self._stopped:
            raise _Stopped()

    def _work(self) -> None:
        with suppress(_Stopped, *_FAILURES), Demuxer(self, self._layout, "video") as demuxer:
            codec = codec_name(demuxer.video)
            join = join_for(codec, demuxer.video.codec_context.extradata)
            first, moved = demuxer.peek(), (self._shift - demuxer.shift) / self._base
            same = demuxer.time_base == self._base and moved.denominator == 1
            if first is None or not same or not join.clean(first):
                return

            def new_encoder() -> AnyEncoder:
                encoder = Encoder(demuxer.video, codec, join.encoder_options)
                join.header(encoder.extradata)
                return encoder

            shift = int(moved)
            cut = VideoCut(demuxer, first.pts, self._high - shift, new_encoder, join, self._check)
            encoded = [pack for pack in cut.packets() if pack.fresh]
            self._packs = [pack._replace(pts=pack.pts + shift, dts=pack.dts + shift) for pack in encoded]


def _is_known(part: Part) -> bool:
    """Whether where a part starts and ends is known before it is read."""
    return part.resource is None or (part.length is not None and part.skip is None)
