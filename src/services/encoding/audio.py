"""Plans the audio and the subtitles of an encode: AAC in step with the video, and text that MP4 supports."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from typing import Final

from src.models.encode_plan import AudioPlan, SubtitlePlan
from src.models.media import AudioStream, MediaInfo, Timeline
from src.models.outcome import Note, NoteCode
from src.models.params import Quality

MAX_TRACKS: Final = 8
KILOBITS: Final = 192  # the documented rate, for mono and stereo
SURROUND_KILOBITS: Final = {"5.1": 384, "7.1": 512}  # 64 kbit/s per channel, as for stereo at 128
MOST_SILENCE_SECONDS: Final = 6 * 3600.0  # the most silence that is filled in; it takes some minutes
NEAR_SECONDS: Final = 60.0  # a longer silence after the end of the video ends the track
_WILD_SECONDS: Final = 30 * 3600.0  # FFmpeg itself closes longer gaps (dts_error_threshold),
_CLOSED: Final = ("mpeg",)  # and in MPEG streams, whose clock may jump, those of 10 s (dts_delta_threshold)
_AAC_RATES: Final = (8000, 11025, 12000, 16000, 22050, 24000, 32000, 44100, 48000)
_MOST_GUESSED: Final = 8  # channels for which FFmpeg has a default layout: 7.1
_TEXT_SUBTITLES: Final = frozenset({"subrip", "srt", "ass", "ssa", "webvtt", "mov_text", "text"})


@dataclass(frozen=True, slots=True)
class Mixable:
    """Indexes of streams: those of ``first_two`` cannot be mixed, two channels are used; ``unusable`` are skipped."""

    first_two: frozenset[int] = frozenset()
    unusable: frozenset[int] = frozenset()


ALL_MIXABLE: Final = Mixable()
"""Every stream can be decoded and mixed."""


def tracks(media: MediaInfo, timeline: Timeline | None) -> list[AudioStream]:
    """Return the audio streams that are not empty."""
    empty = {axis.index for axis in timeline.audio if not axis.units} if timeline is not None else set()
    return [one for one in media.audio if one.sample_rate and one.channels and one.index not in empty]


def plan_audio(
    media: MediaInfo,
    quality: Quality,
    timeline: Timeline | None = None,
    mixable: Mixable = ALL_MIXABLE,
) -> tuple[tuple[AudioPlan, ...], tuple[Note, ...]]:
    """Plan each audio stream. A lossless encode copies AAC; other streams are encoded up to an excessive silence.
    ``mixable``: the result of a trial of the audio."""
    usable = [stream for stream in tracks(media, timeline) if stream.index not in mixable.unusable]
    plans: list[AudioPlan] = []
    notes: list[Note] = []
    silent = 0
    for stream in usable[:MAX_TRACKS]:
        if quality == "lossless" and stream.codec == "aac" and media.container.startswith(("mov", "matroska")):
            plans.append(AudioPlan(stream.index, "copy", language=stream.language))
            _add_note(notes, NoteCode.SOUND_COPIED, "The audio is already AAC and was copied without loss")
            continue
        end, why = _end(media, timeline, stream.index)
        if end is not None:
            _add_note(notes, NoteCode.SOUND_CUT, f"The audio from {end:.1f} s on was omitted: {why}")
        if end is not None and end <= 0:
            silent += 1
            continue
        plans.append(dataclasses.replace(_encoded(stream, stream.index in mixable.first_two, notes), end_seconds=end))
        if quality == "lossless":
            _add_note(notes, NoteCode.SOUND_LOSSY, "The video is lossless, but the audio is AAC, which is lossy")
    dropped = len(media.audio) + media.unreadable.count("audio") - len(plans) - silent
    if dropped:
        unread = media.unreadable.count("audio") + sum(stream.index in mixable.unusable for stream in media.audio)
        why = f"; {unread} of them have a codec that cannot be decoded" if unread else ""
        _add_note(notes, NoteCode.TRACKS_DROPPED, f"{dropped} audio tracks were omitted{why}")
    return tuple(plans), tuple(notes)


def _end(media: MediaInfo, timeline: Timeline | None, index: int) -> tuple[float | None, str]:
    """Find where an audio track has to end so that a wrong time stamp does not cause hours of silence. Returns the time
    in seconds and the reason.

    Audio that continues after the video without such a gap is encoded: a song may have one second of video.
    """
    axis = next((axis for axis in timeline.audio if axis.index == index), None) if timeline is not None else None
    if timeline is None or timeline.video is None or axis is None or axis.first_seconds is None:
        return None, ""
    if media.container.startswith(_CLOSED):
        return None, ""
    zero = media.start_seconds or 0.0
    last, filled = timeline.video.end_seconds, 0.0
    for begin, end in ((zero, max(zero, axis.first_seconds)), *axis.silences):
        if end - begin > _WILD_SECONDS:
            continue
        filled += end - begin
        if last is not None and end - begin > NEAR_SECONDS and end > last + NEAR_SECONDS:
            return begin - zero, f"it continues {end - last:.0f} s after the end of the video"
        if filled > MOST_SILENCE_SECONDS:
            return begin - zero, "it would contain more than six hours of silence"
    return None, ""


def plan_track(stream: AudioStream, *, first_two: bool = False) -> AudioPlan:
    """Plan the encode of an audio track to AAC: mono, stereo, 5.1 or 7.1, or the first two of channels that cannot be
    mixed."""
    rate = next((rate for rate in _AAC_RATES if rate >= stream.sample_rate), None)
    if rate is None:
        rate = 44100 if stream.sample_rate % 44100 == 0 else 48000
    if first_two or (stream.channels > _MOST_GUESSED and has_no_layout(stream)):
        return AudioPlan(stream.index, "encode", KILOBITS, "stereo", rate, stream.language, first_two=True)
    if stream.channels <= 2:
        layout, kilobits = ("mono", "stereo")[stream.channels - 1], KILOBITS
    else:
        layout = "5.1" if stream.channels <= 6 else "7.1"
        kilobits = SURROUND_KILOBITS[layout]
    return AudioPlan(stream.index, "encode", kilobits, layout, rate, stream.language)


def has_no_layout(stream: AudioStream) -> bool:
    """Whether the speaker of each channel is unknown; FFmpeg then names the layout like "10 channels"."""
    return stream.layout is None or stream.layout.endswith("channels")


def _encoded(stream: AudioStream, first_two: bool, notes: list[Note]) -> AudioPlan:
    track = plan_track(stream, first_two=first_two)
    if track.first_two:
        text = f"The {stream.channels} audio channels have no layout that can be mixed: the first two are used"
        _add_note(notes, NoteCode.SOUND_CONVERTED, text)
    elif stream.channels > 2:
        _add_note(notes, NoteCode.SURROUND, f"The audio stays {track.layout}, at {track.kilobits} kbit/s")
        if stream.channels not in (6, 8):
            _add_note(notes, NoteCode.SOUND_CONVERTED, f"{stream.channels} audio channels are stored as {track.layout}")
    return track


def plan_subtitles(media: MediaInfo) -> tuple[tuple[SubtitlePlan, ...], tuple[Note, ...]]:
    """Convert text subtitles to ``mov_text`` and omit image subtitles, which MP4 does not support."""
    texts = tuple(
        SubtitlePlan(stream.index, stream.language) for stream in media.subtitles if stream.codec in _TEXT_SUBTITLES
    )
    dropped = len(media.subtitles) - len(texts)
    note = f"{dropped} subtitle tracks are not text and were omitted"
    return texts, ((Note(NoteCode.SUBTITLES_DROPPED, note),) if dropped else ())


def _add_note(notes: list[Note], code: NoteCode, text: str) -> None:
    """Add a note once."""
    if all(note.text != text for note in notes):
        notes.append(Note(code, text))
