"""Places numbered segments in time: when each was broadcast, and how long it lasts.

The rule, for the segments of one broadcast:

1. A segment starts when it was ingested. Neither its number times a length nor the clock of the server counts.
2. It lasts until the media time at which the next number starts, so that lengths add up without an error. Where the
   media time is not stated, the next segment's start counts; the last one lasts as long as the site's usual segment.
3. Ingestion times of a continuous stream vary by some hundredths of a second against the media. A moment belongs to
   the newest segment that started at or before it, and is exact by the time of this segment. A moment between the end
   of one segment and the start of the next, up to ``MOST_JITTER`` (``models.captured``), is the next one's first frame.
4. A segment may be late: after a pause of the sender several arrive at once. If a later segment, at most
   ``LOOK_AHEAD_SECONDS`` behind, shows that the media has caught up with the clock, the late ones start as much earlier
   as it proves. If nothing catches up, the time is missing: a gap.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from fractions import Fraction

from src.models.captured import MOST_JITTER, Record

LOOK_AHEAD_SECONDS = 30


def placed_tracks(tracks: Mapping[str, Sequence[Record]]) -> dict[str, list[Record]]:
    """Return the records of all tracks of a stream, placed together: their numbers and times are the same, so a segment
    that one track lacks still tells how long the one before it is."""
    known = {(record.epoch, record.number): record for records in tracks.values() for record in records}
    times = {(one.epoch, one.number): one for one in placed([known[place] for place in sorted(known)])}
    return {name: [_at_time_of(record, times) for record in records] for name, records in tracks.items()}


def placed(records: Sequence[Record]) -> list[Record]:
    """Return the records, in the order of their numbers, with starts and durations by the rule of this module."""
    lasting = [_lasting(records, place) for place in range(len(records))]
    found: list[Record] = []
    for place, record in enumerate(lasting):
        start = _in_time(lasting, place)
        if found and found[-1].epoch == record.epoch:
            start = max(start, found[-1].start)
        found.append(replace(record, start=start))
    return found


def _at_time_of(record: Record, times: Mapping[tuple[int, int], Record]) -> Record:
    same = times[record.epoch, record.number]
    return replace(record, start=same.start, duration=same.duration)


def _lasting(records: Sequence[Record], place: int) -> Record:
    record = records[place]
    after = records[place + 1] if place + 1 < len(records) else None
    if after is None or not _is_next(record, after):
        return record
    if record.media_at is None or after.media_at is None:
        length = after.start - record.start
        return replace(record, duration=length) if abs(length - record.duration) <= MOST_JITTER else record
    length = after.media_at - record.media_at
    return replace(record, duration=length) if length > 0 else record


def _in_time(records: Sequence[Record], place: int) -> Fraction:
    """Return the start of a segment; earlier than its ingestion if later segments prove that it was late."""
    record = records[place]
    earliest = record.start
    if record.media_at is None:
        return earliest
    for before, after in zip(records[place:], records[place + 1 :], strict=False):
        if not _is_next(before, after) or after.media_at is None:
            break
        ahead = after.media_at - record.media_at
        if ahead > LOOK_AHEAD_SECONDS:
            break
        earliest = min(earliest, after.start - ahead)
    return earliest if record.start - earliest > MOST_JITTER else record.start


def _is_next(one: Record, other: Record) -> bool:
    return (one.epoch, one.number + 1) == (other.epoch, other.number)
