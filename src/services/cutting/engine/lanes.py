"""Interleaves the packets of all streams into one file by their decode times."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from fractions import Fraction

from av.stream import Stream

from src.services.cutting.engine.demuxer import Pack
from src.services.cutting.engine.muxer import Output


@dataclass(slots=True)
class Lane:
    """The packets of one stream of the output. ``zero``: the start of the clip in ticks of the lane."""

    stream: Stream
    packs: Iterator[Pack]
    time_base: Fraction
    zero: int
    head: Pack | None = None
    begin: int | None = None
    end: int = 0
    tick_seconds: float = field(init=False)
    due: float = 0.0
    """The decode time of ``head`` in seconds of the clip, by which lanes are ordered."""

    def __post_init__(self) -> None:
        self.tick_seconds = float(self.time_base)

    def advance(self) -> None:
        """Read the next packet."""
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
    """Write all lanes into the file. ``length``: that of the clip in seconds. ``progress`` receives the written share,
    0 to 1, and the number of video frames; ``check`` is called for each packet."""
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
