"""Pairs video and audio of segmented tracks: one stretch that is whole, or all the stretches of a time range."""

from __future__ import annotations

from fractions import Fraction

from src.models.media_source import SourceUnreadable, TimeRange
from src.services.cutting.engine.indexes.layout import Index
from src.services.cutting.engine.indexes.segment_index import SegmentIndex
from src.services.cutting.engine.indexes.segment_stretches import (
    Stretch,
    listed_gaps,
    require_all,
    stretches,
    touched_groups,
)
from src.services.cutting.engine.model import Discontinuous

_BEYOND = Fraction(10)  # seconds; further than the length of a stretch is ever told wrongly
_MOST_APART = Fraction(1, 4)  # seconds between the breaks of the video and those of its audio


def require_listed(video: Index | None, audio: Index | None, wanted: TimeRange) -> None:
    """The playlists themselves call nothing of the range missing. Raises SegmentMissing."""
    indexes = dict.fromkeys(index for index in (video, audio) if isinstance(index, SegmentIndex))
    require_all(gap for index in indexes for gap in listed_gaps(index, wanted))


def in_one_group(index: Index | None, wanted: TimeRange) -> Index | None:
    """The index of the group that holds the range, of an index of segments. Raises Discontinuous: there are several."""
    if not isinstance(index, SegmentIndex):
        return index
    groups = touched_groups(index, wanted)
    if len(groups) > 1:
        raise Discontinuous("a discontinuity lies inside the clip")
    return index.of_group(groups[0])


def examined(video: Index | None, audio: Index | None, wanted: TimeRange) -> tuple[Index | None, Index | None]:
    """Indexes in which every segment of the range was looked into, and placed where the playlist has it.

    Raises:
        SegmentMissing: a segment of the range is missing or spoiled. Discontinuous: it can be had in parts only.
    """
    if not isinstance(video, SegmentIndex) and not isinstance(audio, SegmentIndex):
        return video, audio
    frames, sounds = _stretches(video, audio, wanted)
    if len(frames) > 1 or len(sounds) > 1:
        raise Discontinuous("its clock or its format changes inside the clip")
    found_video = frames[0] if frames else video
    if audio is video:
        return found_video, found_video
    if frames and sounds:
        sounds[0].follow(frames[0])
    return found_video, sounds[0] if sounds else audio


def _stretches(
    video: Index | None, audio: Index | None, wanted: TimeRange
) -> tuple[list[SegmentIndex], list[SegmentIndex]]:
    """The stretches of the video and those of audio apart; none of what is not segmented."""
    found: list[list[SegmentIndex]] = []
    missing: list[Stretch] = []
    for index in (video, None if audio is video else audio):
        parts, lost = stretches(index, wanted) if isinstance(index, SegmentIndex) else ([], [])
        found.append(parts)
        missing += lost
    require_all(missing)
    return found[0], found[1]


def parts(
    video: Index | None, audio: Index | None, wanted: TimeRange
) -> list[tuple[Index | None, Index | None, TimeRange]]:
    """Picture, sound and range of each stretch of the range in which nothing changes.

    Raises:
        SegmentMissing: a segment of the range is missing or spoiled.
        SourceUnreadable: there are no such stretches, or those of the sound are others.
    """
    main = video or audio
    if not isinstance(main, SegmentIndex):
        raise SourceUnreadable("it cannot be had in parts")
    frames, apart = _stretches(main, audio, wanted)
    found: list[tuple[Index | None, Index | None, TimeRange]] = []
    for place, index in enumerate(frames):
        # Lengths in playlists are rounded: what lies between two parts ends where its last segment does.
        start = max(wanted.start, index.segments[0].start)
        end = wanted.end if place + 1 == len(frames) else index.segments[-1].end + _BEYOND
        share = TimeRange(start, min(wanted.end, index.segments[-1].end))
        other = None if audio is None or audio is main else _beside(index, apart, share)
        found.append((index if video else None, index if audio is main else other, TimeRange(start, end)))
    return found


def _beside(frames: SegmentIndex, sounds: list[SegmentIndex], share: TimeRange) -> SegmentIndex:
    """The audio that belongs to a stretch of the video, which holds ``share`` of the range.

    Raises:
        SourceUnreadable: it changes where the video does not.
    """

    def common(sound: SegmentIndex) -> Fraction:
        return min(sound.segments[-1].end, share.end) - max(sound.segments[0].start, share.start)

    best = max(sounds, key=common, default=None)
    if best is None or common(best) < share.end - share.start - _MOST_APART:
        raise SourceUnreadable("its sound changes where its picture does not")
    best = best.part(best.segments, best.origin)
    best.follow(frames)
    return best
