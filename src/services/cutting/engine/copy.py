"""Cuts the video without encoding, from the key frame before the start."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import suppress
from itertools import chain

from src.services.cutting.engine.codecs.join import Join, join_for
from src.services.cutting.engine.demuxer import Demuxer, Pack
from src.services.cutting.engine.encoders import codec_name
from src.services.cutting.engine.model import SmartImpossible
from src.services.cutting.engine.video import EndMissed, StartMissed


class KeyframeCut:
    """Copies packets from the last key frame at or before ``low`` until all frames before ``high`` are written, in
    ticks.

    ``hide``: the container can hide the frames before the first wanted one (with an edit list), so ``zero`` is that
    frame; otherwise the clip starts with the key frame.
    """

    encoded = 0

    def __init__(self, demuxer: Demuxer, low: int, high: int, *, hide: bool, check: Callable[[], None]) -> None:
        self._demuxer, self._low, self._high, self._hide, self._check = demuxer, low, high, hide, check
        self.copied = self.shown = 0
        self.zero = self.last = self.stop = low
        self.joins: tuple[int, ...] = ()
        self._shortest: int | None = None
        self.join: Join | None = None
        with suppress(SmartImpossible):
            self.join = join_for(codec_name(demuxer.video), demuxer.video.codec_context.extradata)

    def packets(self) -> Iterator[Pack]:
        """Read the packets. Raises StartMissed, EndMissed, SourceUnreadable, AppError."""
        packs = self._demuxer.packets()
        begin: list[Pack] = []
        for pack in packs:  # until the first wanted frame is known
            if pack.key and pack.pts <= self._low:
                begin = []
            if pack.key or begin:
                begin.append(pack)
            if pack.dts >= self._low and any(other.pts >= self._low for other in begin):
                break
        else:
            self._require_end()
        if not begin:
            return
        if begin[0].pts > self._low and not self._demuxer.layout.at_start:
            raise StartMissed()
        wanted = [pack.pts for pack in begin if self._low <= pack.pts < self._high]
        if not wanted:
            return
        self.zero = min(wanted) if self._hide else begin[0].pts
        waiting: list[Pack] = []
        held: Pack | None = None
        for pack in chain(begin, packs):
            self._check()
            if pack.dts >= self._high:
                break
            if pack.pts < begin[0].pts:
                continue  # leading frames of an open GOP: their references are missing
            waiting.append(pack)
            if pack.pts < self._high:  # everything up to here is needed, in decode order
                for ready in waiting:
                    if held is not None:
                        yield self._copied(held, ready.pts)
                    held = ready
                waiting = []
        else:
            if not waiting:
                self._require_end()
        if held is not None:
            yield self._copied(held, self._high)

    def _require_end(self) -> None:
        if self._demuxer.layout.rough:
            raise EndMissed()

    def _copied(self, pack: Pack, following: int) -> Pack:
        """Count a packet and correct its duration. ``following``: the time of the next one. With a variable frame rate
        and reordered frames, a container may store the duration of another frame."""
        self.copied += 1
        self._shortest = min(self._shortest or pack.duration, pack.duration)
        if following > pack.pts:
            pack = pack._replace(duration=min(pack.duration, max(following - pack.pts, self._shortest)))
        self.shown += pack.pts >= self.zero
        self.last, self.stop = max(self.last, pack.pts), max(self.stop, pack.pts + pack.duration)
        return pack if self.join is None else pack._replace(data=self.join.copied(pack.data, first=False))
