"""The sound and the subtitles of a plan: always AAC, in step with the picture, and nothing that MP4 cannot hold."""

from __future__ import annotations

from typing import Final

from src.models.encode_plan import AudioPlan, Note, NoteCode, SubtitlePlan
from src.models.media import AudioStream, MediaInfo
from src.models.params import Quality

MAX_TRACKS: Final = 8
KILOBITS: Final = 192  # the documented rate, for mono and stereo
SURROUND_KILOBITS: Final = {"5.1": 384, "7.1": 512}  # 64 kbit/s a channel, as stereo at 128 and more
_AAC_RATES: Final = (8000, 11025, 12000, 16000, 22050, 24000, 32000, 44100, 48000)
_TEXT_SUBTITLES: Final = frozenset({"subrip", "srt", "ass", "ssa", "webvtt", "mov_text", "text"})


def plan_sound(media: MediaInfo, quality: Quality) -> tuple[tuple[AudioPlan, ...], tuple[Note, ...]]:
    """What becomes of each audio stream. A lossless encode copies AAC as it is; everything else is encoded."""
    usable = [stream for stream in media.audio if stream.sample_rate and stream.channels]
    plans: list[AudioPlan] = []
    notes: list[Note] = []
    for stream in usable[:MAX_TRACKS]:
        if quality == "lossless" and stream.codec == "aac" and media.container.startswith(("mov", "matroska")):
            plans.append(AudioPlan(stream.index, "copy", language=stream.language))
            _tell(notes, NoteCode.SOUND_COPIED, "The sound already was AAC and is kept bit by bit")
            continue
        plans.append(_encoded(stream, notes))
        if quality == "lossless":
            _tell(notes, NoteCode.SOUND_LOSSY, "The picture is lossless; the sound is AAC, which is not")
    dropped = len(media.audio) - len(plans)
    if dropped:
        _tell(notes, NoteCode.TRACKS_DROPPED, f"{dropped} audio tracks could not be kept")
    return tuple(plans), tuple(notes)


def _encoded(stream: AudioStream, notes: list[Note]) -> AudioPlan:
    rate = next((rate for rate in _AAC_RATES if rate >= stream.sample_rate), None)
    if rate is None:
        rate = 44100 if stream.sample_rate % 44100 == 0 else 48000
    if stream.channels <= 2:
        layout, kilobits = ("mono", "stereo")[stream.channels - 1], KILOBITS
    else:
        layout = "5.1" if stream.channels <= 6 else "7.1"
        kilobits = SURROUND_KILOBITS[layout]
        _tell(notes, NoteCode.SURROUND, f"The sound stays {layout}, at {kilobits} kbit/s")
        if stream.channels not in (6, 8):
            _tell(notes, NoteCode.SOUND_CONVERTED, f"{stream.channels} channels of sound are stored as {layout}")
    return AudioPlan(stream.index, "encode", kilobits, layout, rate, stream.language)


def plan_subtitles(media: MediaInfo) -> tuple[tuple[SubtitlePlan, ...], tuple[Note, ...]]:
    """Text subtitles become ``mov_text``; pictures of text have no place in MP4."""
    kept = tuple(
        SubtitlePlan(stream.index, stream.language) for stream in media.subtitles if stream.codec in _TEXT_SUBTITLES
    )
    dropped = len(media.subtitles) - len(kept)
    text = f"{dropped} subtitle tracks are not text and were left out"
    return kept, ((Note(NoteCode.SUBTITLES_DROPPED, text),) if dropped else ())


def _tell(notes: list[Note], code: NoteCode, text: str) -> None:
    """Add a note once."""
    if all(note.text != text for note in notes):
        notes.append(Note(code, text))
