"""Decides by decoding what is missing in a source: errors of an encoder do not mean that the source is damaged."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import ffmpeg

from src.errors import EncodeFailed
from src.models.encode_plan import AudioPlan, EncodePlan
from src.models.media import StreamTimeline, Timeline
from src.models.outcome import Note, NoteCode
from src.models.progress import Monitor
from src.services.encoding.arguments import audio_filter, file_url, input_options
from src.services.ffmpeg_utils_service import FFmpeg

SLACK_SECONDS: Final = 0.25  # a stream may end earlier than its packets by this much
_DAMAGE: Final = re.compile(
    r"error|invalid|corrupt|truncat|premature|missing|damaged|conceal|partial|non-existing|no frame", re.IGNORECASE
)
_OUTPUT_LINES: Final = re.compile(
    r"^\[(null|out#|aost#|vost#|wrapped_avframe)"
)  # lines of the output, not of the source


@dataclass(frozen=True, slots=True)
class Judge:
    """Compares the contents of a source with those of the encoded file."""

    program: FFmpeg
    source: Path
    timeline: Timeline
    start_seconds: float
    monitor: Monitor

    def notes(self, plan: EncodePlan, encoded: Timeline, log: Sequence[str]) -> tuple[Note, ...]:
        """Describe what could not be read from the source. It is only decoded if the file is shorter than expected or
        FFmpeg reported errors.

        Raises:
            EncodeFailed: the source has more than the file.
        """
        had, has = self.timeline.video, encoded.video
        missing = _seconds(had) - _seconds(has)
        short = missing > max(SLACK_SECONDS, 3 * (had.largest_gap_seconds if had is not None else 0.0))
        fewer = had is not None and has is not None and has.units < had.units
        lost = [place for place, track in enumerate(plan.audio) if self._is_short(track, _at(encoded, place))]
        absent = len(plan.audio) - len(encoded.audio)
        if absent < 0:
            raise EncodeFailed("The encoded file has more audio than planned")
        if not (short or fewer or lost or absent or self.timeline.errors or any(_DAMAGE.search(line) for line in log)):
            return ()
        frames, errors = self._decode(plan)
        if frames is not None and has is not None and has.units < frames:
            raise EncodeFailed(f"The source has {frames} frames, but the encoded file has {has.units}")
        dropped = self._compare_audio(plan, encoded, lost, absent)
        errors = max(errors, self.timeline.errors)
        if fewer and not short and not errors and had is not None and has is not None and len(had.sizes) > 1:
            text = f"{had.units - has.units} frames where the frame size changes could not be decoded"
            return (*dropped, Note(NoteCode.SOURCE_DAMAGED, text))
        if not errors and not (short and fewer):
            return dropped
        text = f"The source is damaged: its decoder reported {errors} errors"
        text += f", {missing:.1f} s could not be read" if short else ""
        return (*dropped, Note(NoteCode.SOURCE_DAMAGED, text))

    def _decode(self, plan: EncodePlan) -> tuple[int | None, int]:
        """Decode the source. Returns (frames of its video in the cadence of the plan, errors in all used streams)."""
        opened = input_options(plan.demuxer, keep_rotation=True)
        media = ffmpeg.input(file_url(self.source), **opened)
        streams = [media[str(plan.video.stream_index)], *(media[str(track.stream_index)] for track in plan.audio)]
        video = plan.video
        passthrough = video.keep_all_frames or video.action == "copy"
        options: dict[str, Any] = {"fps_mode:v:0": "passthrough" if passthrough else "vfr", "max_error_rate": "1"}
        if video.time_base is not None:
            options["enc_time_base:v:0"] = f"{video.time_base.numerator}/{video.time_base.denominator}"
        encoded = ffmpeg.output(*streams, "-", f="null", **options)
        result = self.program.run(ffmpeg.get_args(encoded), monitor=self.monitor)
        return result.frames, sum(bool(_DAMAGE.search(line)) and not _OUTPUT_LINES.match(line) for line in result.log)

    def _compare_audio(self, plan: EncodePlan, encoded: Timeline, lost: Sequence[int], absent: int) -> tuple[Note, ...]:
        """Raises EncodeFailed if an audio track that is absent or short in the file is longer in the source."""
        silent = 0
        places = range(len(plan.audio)) if absent else lost
        for place in places:
            track = plan.audio[place]
            given = self._audio_seconds(plan.demuxer, track)
            silent += given <= 0.0
            axis = None if absent else _at(encoded, place)
            end = (axis.end_seconds or 0.0) if axis is not None else given
            if given - end > SLACK_SECONDS:
                raise EncodeFailed(f"The source has {given:.2f} s of audio, but the encoded file has {end:.2f} s")
        if not absent:
            return ()
        if silent < absent:
            raise EncodeFailed("The encoded file has lost its audio")
        return (Note(NoteCode.TRACKS_DROPPED, f"{absent} audio tracks could not be decoded"),)

    def _audio_seconds(self, demuxer: str, track: AudioPlan) -> float:
        """Return the end of an audio track when it is decoded as in the encode; 0 if it cannot be decoded."""
        audio = ffmpeg.input(file_url(self.source), **input_options(demuxer))[str(track.stream_index)]
        options: dict[str, Any] = {} if track.action == "copy" else {"filter:a:0": audio_filter(track)}
        encoded = ffmpeg.output(audio, "-", f="null", max_error_rate="1", **options)
        return self.program.run(ffmpeg.get_args(encoded), monitor=self.monitor).media_seconds or 0.0

    def _is_short(self, track: AudioPlan, encoded: StreamTimeline | None) -> bool:
        had = next((axis for axis in self.timeline.audio if axis.index == track.stream_index), None)
        if had is None or had.end_seconds is None or encoded is None:
            return False
        expected = had.end_seconds - self.start_seconds
        if track.end_seconds is not None:
            expected = min(expected, track.end_seconds)
        return expected - (encoded.end_seconds or 0.0) > SLACK_SECONDS


def _seconds(axis: StreamTimeline | None) -> float:
    """Return the length of a stream."""
    if axis is None or axis.end_seconds is None:
        return 0.0
    return axis.end_seconds - (axis.first_seconds or 0.0)


def _at(encoded: Timeline, place: int) -> StreamTimeline | None:
    return encoded.audio[place] if place < len(encoded.audio) else None
