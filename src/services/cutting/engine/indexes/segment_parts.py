"""Pairs the video and audio of segmented tracks: as one continuous run, or as all runs of a time range."""

from __future__ import annotations

from fractions import Fraction

from src.models.media_source import SourceUnreadable, TimeRange
from src.services.cutting.engine.indexes.layout import Index
from src.services.cutting.engine.indexes.segment_index import SegmentIndex
from src.services.cutting.engine.indexes.segment_stretches import (
    Stretch,
    listed_gaps,
    require_all,
    runs,
    touched_groups,
)
from src.services.cutting.engine.model import Discontinuous

_BEYOND = Fraction(10)  # seconds; more than the largest error of a run's listed length
_MOST_APART = Fraction(1, 4)  # seconds between the breaks of the video and those of its audio


def require_listed(video: Index | None, audio: Index | None, wanted: TimeRange) -> None:
    """Require that the playlists mark no segment of the range as missing. Raises SegmentMissing."""
    indexes = dict.fromkeys(index for index in (video, audio) if isinstance(index, SegmentIndex))
    require_all(gap for index in indexes for gap in listed_gaps(index, wanted))


def in_one_group(index: Index | None, wanted: TimeRange) -> Index | None:
    """Reduce an index of segments to the group that contains the range. Raises Discontinuous if several do."""
    if not isinstance(index, SegmentIndex):
        return index
    groups = touched_groups(index, wanted)
    if len(groups) > 1:
        raise Discontinuous("a discontinuity lies inside the clip")
    return index.of_group(groups[0])


def examined(video: Index | None, audio: Index | None, wanted: TimeRange) -> tuple[Index | None, Index | None]:
    """Examine every segment of the range. Returns indexes with the times of the playlist.

    Raises:
        SegmentMissing: a segment of the range is missing or damaged. Discontinuous: it is only available in parts.
    """
    if not isinstance(video, SegmentIndex) and not isinstance(audio, SegmentIndex):
        return video, audio
    video_runs, audio_runs = _runs(video, audio, wanted)
    if len(video_runs) > 1 or len(audio_runs) > 1:
        raise Discontinuous("its clock or its format changes inside the clip")
    found_video = video_runs[0] if video_runs else video
    if audio is video:
        return found_video, found_video
    if video_runs and audio_runs:
        audio_runs[0].follow(video_runs[0])
    return found_video, audio_runs[0] if audio_runs else audio


def _runs(video: Index | None, audio: Index | None, wanted: TimeRange) -> tuple[list[SegmentIndex], list[SegmentIndex]]:
    """Find the runs of the video and those of a separate audio track; no runs for tracks without segments."""
    found: list[list[SegmentIndex]] = []
    missing: list[Stretch] = []
    for index in (video, None if audio is video else audio):
        parts, lost = runs(index, wanted) if isinstance(index, SegmentIndex) else ([], [])
        found.append(parts)
        missing += lost
    require_all(missing)
    return found[0], found[1]


def parts(
    video: Index | None, audio: Index | None, wanted: TimeRange
) -> list[tuple[Index | None, Index | None, TimeRange]]:
    """Return the video, audio and range of each run in the range.

    Raises:
        SegmentMissing: a segment of the range is missing or damaged.
        SourceUnreadable: the tracks are not segmented, or the runs of the audio differ from those of the video.
    """
    main = video or audio
    if not isinstance(main, SegmentIndex):
        raise SourceUnreadable("it is not available in parts")
    main_runs, separate_audio = _runs(main, audio, wanted)
    found: list[tuple[Index | None, Index | None, TimeRange]] = []
    for place, index in enumerate(main_runs):
        # Lengths in playlists are rounded: only the last part ends with the range, the others with their last segment.
        start = max(wanted.start, index.segments[0].start)
        end = wanted.end if place + 1 == len(main_runs) else index.segments[-1].end + _BEYOND
        share = TimeRange(start, min(wanted.end, index.segments[-1].end))
        part_audio: Index | None = index
        if audio is not main:
            part_audio = audio and _matching_audio(index, separate_audio, share)
        found.append((index if video else None, part_audio, TimeRange(start, end)))
    return found


def _matching_audio(video: SegmentIndex, audio_runs: list[SegmentIndex], share: TimeRange) -> SegmentIndex:
    """Find the audio of a video run, which contains ``share`` of the range.

    Raises:
        SourceUnreadable: the audio changes inside the run.
    """

    def common(audio: SegmentIndex) -> Fraction:
        return min(audio.segments[-1].end, share.end) - max(audio.segments[0].start, share.start)

    best = max(audio_runs, key=common, default=None)
    if best is None or common(best) < share.end - share.start - _MOST_APART:
        raise SourceUnreadable("its audio changes where its video does not")
    best = best.part(best.segments, best.origin)
    best.follow(video)
    return best
