"""Packets of all streams on their way into one file, each time the one that is due first."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from fractions import Fraction

from av.stream import Stream

from src.services.cutting.engine.demuxer import Pack
from src.services.cutting.engine.muxer import Output


@dataclass(slots=True)
class Lane:
    """Packets on their way into one stream of the output; ``zero`` is the clip's 0 in ticks of the lane."""

    stream: Stream
    packs: Iterator[Pack]
    time_base: Fraction
    zero: int
    head: Pack | None = None
    begin: int | None = None
    end: int = 0
    tick_seconds: float = field(init=False)
    due: float = 0.0
    """When the packet at hand is to be decoded, in seconds of the clip; only for putting lanes in order."""

    def __post_init__(self) -> None:
        self.tick_seconds = float(self.time_base)

    def advance(self) -> None:
        """Take the next packet."""
        self.head = next(self.packs, None)
        if self.head is not None:
            self.begin = self.head.pts - self.zero if self.begin is None else self.begin
            self.end = max(self.end, self.head.pts + self.head.duration - self.zero)
            self.due = (self.head.dts - self.zero) * self.tick_seconds


def write(
    all_lanes: Sequence[Lane],
    output: Output,
    length: Fraction,
    check: Callable[[], None],
    progress: Callable[[float, int], None],
) -> None:
    """All lanes into the file. ``length`` in seconds is that of the clip; ``progress`` is told how much of it is
    written, 0 to 1, and how many frames of video, ``check`` is called for each packet."""
    frames = 0
    for lane in all_lanes:
        lane.advance()
    while lanes := [lane for lane in all_lanes if lane.head is not None]:
        check()
        lane = min(lanes, key=lambda lane: lane.due)
        assert lane.head is not None
        output.write(lane.stream, lane.head, lane.zero)
        if lane is all_lanes[0] and length > 0:
            frames += lane.stream.type == "video"
            progress(min(max(lane.due, 0.0) / float(length), 1.0), frames)
        lane.advance()
