"""Compares adjacent segments with their playlist: whether they are continuous, the clock jumps, or media is lost."""

from __future__ import annotations

from enum import Enum, auto
from fractions import Fraction

from src.services.cutting.engine.indexes.segment_facts import Extent, SegmentFacts

_IRREGULAR = Fraction(1, 4)  # seconds that may lie between frames where their distances vary
_REGULAR = Fraction(1, 10)
_AUDIO_HOLE = Fraction(1, 2)
_FEW = Fraction(6, 10)  # of the listed length: old playlists round up to whole seconds, to 1.5 times the real length
_LONGEST, _LONGEST_MORE = 4, 10  # times the listed length, plus seconds: beyond, the clock jumps inside the segment


class Junction(Enum):
    """How one segment follows another."""

    FOLLOWS = auto()
    JUMPS = auto()
    """The clock or the video or audio format changes; both segments are complete."""
    FIRST_LOST = auto()
    """The end of the first one, or its audio, is lost."""
    SECOND_LOST = auto()


def is_whole(found: SegmentFacts, listed: Fraction) -> bool:
    """Whether nothing inside a segment is lost, as far as it tells by itself. ``listed``: its length in seconds."""
    main, audio = found.main, found.audio
    if main.length > _LONGEST * listed + _LONGEST_MORE:
        return False
    if found.damaged:
        holes = main.gap > 2 * main.usual or (audio is not None and audio.gap > 2 * audio.usual)
        silent = audio is not None and listed - audio.length > _IRREGULAR
        return not holes and not silent and listed - main.length <= main.usual + _REGULAR
    return found.video is None or audio is None or min(found.video.gap, audio.gap) <= _AUDIO_HOLE


def has_listed_length(found: SegmentFacts, listed: Fraction) -> bool:
    """Whether a segment beside which nothing else tells its length is about as long as listed."""
    return found.main.length >= _FEW * listed or listed - found.main.length <= _AUDIO_HOLE


def junction(one: SegmentFacts, one_seconds: Fraction, two: SegmentFacts, two_seconds: Fraction) -> Junction:
    """How ``two`` follows ``one``; the seconds are what the playlist promises of them."""
    if one.shape != two.shape:
        return Junction.JUMPS
    if not one.timed or not two.timed:
        return Junction.FOLLOWS
    two = two.near(one.main.end)
    away = two.main.first - one.main.end
    if abs(away) <= _slack(one.main, two.main):
        return _by_audio(one, two)
    if away < 0:
        return Junction.JUMPS
    if one.video and one.audio and two.audio and abs(two.audio.first - one.audio.end) <= _IRREGULAR:
        return Junction.FOLLOWS  # the last frame is shown for a long time
    lack_one, lack_two = one_seconds - one.main.length, two_seconds - two.main.length
    if max(lack_one, lack_two) < away / 2 or away > one_seconds + two_seconds:
        return Junction.JUMPS
    return Junction.FIRST_LOST if lack_one >= lack_two else Junction.SECOND_LOST


def _slack(one: Extent, two: Extent) -> Fraction:
    """Return the tolerated distance of two segments: at a regular frame rate, two frames may be missing."""
    gap, usual = max(one.gap, two.gap), max(one.usual, two.usual)
    if gap <= 2 * usual:
        return max(_REGULAR, 3 * usual)
    return max(_IRREGULAR, 3 * gap)


def _by_audio(one: SegmentFacts, two: SegmentFacts) -> Junction:
    """Compare the audio of two segments whose video is continuous."""
    if one.video is None or one.audio is None or two.audio is None:
        return Junction.FOLLOWS
    if two.audio.first - one.audio.end <= _AUDIO_HOLE:
        return Junction.FOLLOWS
    early = one.video.end - one.audio.end
    return Junction.FIRST_LOST if early >= two.audio.first - two.video.first else Junction.SECOND_LOST  # type: ignore[union-attr]
