"""Cuts the video: copies whole GOPs, and decodes and encodes the frames at the edges."""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterator, Sequence
from fractions import Fraction
from itertools import chain
from typing import Protocol

from av.video.frame import VideoFrame

from src.services.cutting.engine.codecs.join import Join
from src.services.cutting.engine.demuxer import Demuxer, Pack
from src.services.cutting.engine.encoders import AnyEncoder, Decoder
from src.services.cutting.engine.model import SmartImpossible

_MOST_UNCLEAN = 2
"""After this many key frames at which copying cannot start, the whole clip is encoded."""
_WARM_UP_FRAMES = 8
"""Before the first frame that is encoded, all are decoded: some streams do not say how far their frames are reordered,
and the decoder learns it from the frames, of which it may lose one."""


class StartMissed(Exception):
    """The layout starts after the first wanted frame: plan one that starts earlier."""


class EndMissed(Exception):
    """The layout ends before the last wanted frame: plan one that ends later."""


class Prepared(Protocol):
    """Frames that may have been encoded in advance."""

    def take(self, wanted: Sequence[int]) -> list[Pack] | None:
        """Return the frames of exactly these times, encoded and ready for the file, or None."""


class VideoCut:
    """Cuts the frames of ``low`` <= pts < ``high`` ticks into packets in decode order.

    Without a ``join``, all frames are encoded. ``new_encoder`` is called for each run of encoded frames.
    """

    def __init__(
        self,
        demuxer: Demuxer,
        low: int,
        high: int,
        new_encoder: Callable[[], AnyEncoder],
        join: Join | None,
        check: Callable[[], None],
    ) -> None:
        self._demuxer, self._low, self._high = demuxer, low, high
        self._new_encoder, self._join, self._check = new_encoder, join, check
        self.prepared: Prepared | None = None
        self.encoded = self.copied = self.expected = 0
        self.zero = self.last = self.stop = low
        """First frame (known with the first packet), last frame and its end (known at the end), in ticks."""
        self.joins: tuple[int, ...] = ()
        self._next: int | None = None  # the first frame after the cut
        self._delay = 0
        self._durations: dict[int, int] = {}  # of the frames between the demuxer and the output
        self._shortest: int | None = None
        self._usual = round(1 / (Fraction(demuxer.video.average_rate or 25) * demuxer.time_base))
        self._last_dts: int | None = None

    def packets(self) -> Iterator[Pack]:
        """Read all packets of the cut.

        Raises:
            StartMissed, EndMissed: see there. SmartImpossible: frames cannot be copied, or frames are missing.
            SourceUnreadable, AppError: what the demuxer raises.
        """
        packs = self._counted(self._demuxer.packets())
        first = next((pack for pack in packs if pack.key), None)
        if first is None:
            self._require_end()
            return
        if first.pts > self._low and not self._demuxer.layout.at_start:
            raise StartMissed()
        self._delay = max(first.pts - first.dts, 0)
        before: Pack | None = None
        for pack in self._walk(first, packs):
            pack = pack._replace(duration=self._length(pack.pts))
            if before is None:
                self.zero = pack.pts
            elif before.fresh != pack.fresh:
                self.joins += (pack.pts,)
            before = pack
            self.last, self.stop = max(self.last, pack.pts), max(self.stop, pack.pts + pack.duration)
            yield self._stamp(pack)
        self._require_end()
        if self._next is not None:  # not always the next frame: reading ends before all reordered frames
            self.stop = min(self.stop, self._next) if self.stop >= self._high else self._next
        if self.shown != self.expected:
            raise SmartImpossible(f"{self.expected - self.shown} frames cannot be decoded")

    @property
    def shown(self) -> int:
        """The number of frames in the clip."""
        return self.encoded + self.copied

    def _length(self, pts: int) -> int:
        """Return how long the frame is shown. With a variable frame rate and reordered frames, a container may store
        the duration of another frame."""
        stored = self._durations.pop(pts, self._usual)
        following = min((other for other in self._durations if other > pts), default=self._high)
        return min(stored, max(following - pts, self._shortest or stored))

    def _require_end(self) -> None:
        if self._next is None and self._demuxer.layout.rough:
            raise EndMissed()

    def _counted(self, packs: Iterator[Pack]) -> Iterator[Pack]:
        for pack in packs:
            self._check()
            if self._low <= pack.pts < self._high:
                self.expected += 1
                length = self._durations[pack.pts] = pack.duration or self._usual
                self._shortest = min(self._shortest or length, length)
            elif pack.pts >= self._high:
                self._next = pack.pts if self._next is None else min(self._next, pack.pts)
            yield pack

    def _walk(self, first: Pack, packs: Iterator[Pack]) -> Iterator[Pack]:
        rest: Iterator[Pack] = chain([first], packs)
        join = self._join
        clean = join is not None and join.clean(first)  # called in any case: it reads metadata of key frames
        if not clean or first.pts < self._low:
            rest = chain((yield from self._head(rest)), packs)
        if join is not None:
            yield from self._body(rest, join)

    # --- encoded frames -------------------------------------------------------------------------------------------

    def _head(self, packs: Iterator[Pack]) -> Generator[Pack, None, list[Pack]]:
        """Encode until copying can start. Returns the packets that were read but not used."""
        decoder, encoder, unclean = Decoder(self._demuxer.video), self._new_encoder(), 0
        for pack in packs:
            if self._join is not None and pack.key and pack.pts > self._low and not self._join.clean(pack):
                unclean += 1
                if unclean == _MOST_UNCLEAN:
                    raise SmartImpossible("its GOPs are open")
            if self._join is not None and self._low <= pack.pts < self._high and self._join.clean(pack):
                unused: list[Pack] = [pack]
                leading: list[Pack] = []
                for following in packs:
                    if following.pts >= pack.pts:
                        unused.append(following)
                        break
                    leading.append(following)
                needed = [pack, *leading] if leading else []
                frames = [frame for other in needed for frame in decoder.decode(other)]
                yield from self._encode(encoder, chain(frames, decoder.flush()), self._low, pack.pts)
                yield from self._adapted(encoder.flush())
                return unused
            yield from self._encode(encoder, self._decode(decoder, pack, self._low), self._low, self._high)
            if pack.dts >= self._high:
                break
        yield from self._encode(encoder, decoder.flush(), self._low, self._high)
        yield from self._adapted(encoder.flush())
        return []

    def _decode(self, decoder: Decoder, pack: Pack, begin: int) -> Iterator[VideoFrame]:
        """Decode a packet of a run whose first wanted frame is at ``begin``."""
        return decoder.decode(pack, spare=pack.pts < begin - _WARM_UP_FRAMES * self._usual)

    def _encode(self, encoder: AnyEncoder, frames: Iterator[VideoFrame], low: int, high: int) -> Iterator[Pack]:
        for frame in frames:
            self._check()
            if frame.pts is not None and low <= frame.pts < high:
                self.encoded += 1
                yield from self._adapted(encoder.encode(frame))

    def _adapted(self, packs: list[Pack]) -> Iterator[Pack]:
        for pack in packs:
            yield pack if self._join is None else pack._replace(data=self._join.encoded(pack.data))

    # --- copied frames --------------------------------------------------------------------------------------------

    def _body(self, packs: Iterator[Pack], join: Join) -> Iterator[Pack]:
        """Copy as long as complete runs of frames are before the end; encode the rest of the last one."""
        pending: list[Pack] = []
        groups: list[list[Pack]] = [[]]  # the packets since the key frame before the last one
        first = True
        for pack in packs:
            if pack.dts >= self._high:
                break
            if pack.pts < self._low or (self.copied == 0 and pending and pack.pts < pending[0].pts):
                continue  # leading frames of the key frame at the join, which are already encoded
            if pack.key and join.clean(pack):
                groups = [groups[-1], []]
            groups[-1].append(pack)
            pending.append(pack)
            count = _closed(pending, pack.dts + 1, self._high)
            for ready in pending[:count]:
                yield self._copy(ready, join, first=first)
                first = False
            del pending[:count]
        count = _closed(pending, self._high, self._high)
        for ready in pending[:count]:
            yield self._copy(ready, join, first=first)
            first = False
        left = [pack.pts for pack in pending[count:] if pack.pts < self._high]
        if left:
            begin = min(left)
            last = groups[-1]
            source = last if last and begin >= last[0].pts else groups[0] + last
            prepared = None if self.prepared is None else self.prepared.take(left)
            if prepared is None:
                yield from self._tail(source, begin)
            else:
                self.encoded += len(prepared)
                yield from prepared

    def _tail(self, packs: list[Pack], begin: int) -> Iterator[Pack]:
        decoder, encoder = Decoder(self._demuxer.video), self._new_encoder()
        for pack in packs:
            yield from self._encode(encoder, self._decode(decoder, pack, begin), begin, self._high)
        yield from self._encode(encoder, decoder.flush(), begin, self._high)
        yield from self._adapted(encoder.flush())

    def _copy(self, pack: Pack, join: Join, *, first: bool) -> Pack:
        self.copied += 1
        return pack._replace(data=join.copied(pack.data, first=first and self.encoded > 0))

    def _stamp(self, pack: Pack) -> Pack:
        """Set increasing decode times: those of the source for copied frames, and for encoded ones with the source's
        distance to the presentation times."""
        if self._join is None:
            return pack
        dts = pack.pts - self._delay if pack.fresh else pack.dts
        if self._last_dts is not None and dts <= self._last_dts:
            dts = self._last_dts + 1
        if dts > pack.pts:
            raise SmartImpossible("its decode times leave no room for encoded frames")
        self._last_dts = dts
        return pack._replace(dts=dts)


def _closed(pending: list[Pack], bound: int, high: int) -> int:
    """Return how many of these packets, in decode order, can be copied without a gap.

    All later packets are shown at ``bound`` or later. The first packets can be copied if all others are shown after
    them, and if all of them are shown before ``high``.
    """
    lowest = [bound]
    for pack in reversed(pending):
        lowest.append(min(lowest[-1], pack.pts))
    lowest.reverse()  # lowest[i]: the earliest presentation among pending[i:] and later packets
    best, highest = 0, None
    for count, pack in enumerate(pending, 1):
        highest = pack.pts if highest is None else max(highest, pack.pts)
        if highest >= high:
            break
        if highest < lowest[count]:
            best = count
    return best
