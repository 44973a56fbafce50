"""What is missing in a source, decided by decoding it: no complaint of an encoder makes a source damaged."""

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

SLACK_SECONDS: Final = 0.25  # a stream may end so much earlier than its packets promised
_DAMAGE: Final = re.compile(
    r"error|invalid|corrupt|truncat|premature|missing|damaged|conceal|partial|non-existing|no frame", re.IGNORECASE
)
_OURS: Final = re.compile(r"^\[(null|out#|aost#|vost#|wrapped_avframe)")  # lines of the output, not of the source


@dataclass(frozen=True, slots=True)
class Judge:
    """Compares what a source holds with what arrived in the encoded file."""

    program: FFmpeg
    source: Path
    timeline: Timeline
    start_seconds: float
    monitor: Monitor

    def notes(self, plan: EncodePlan, made: Timeline, log: Sequence[str]) -> tuple[Note, ...]:
        """What the source did not give. It is decoded only where the file is shorter than promised, or FFmpeg had
        something to say.

        Raises:
            EncodeFailed: the source gives more than the file has.
        """
        had, has = self.timeline.video, made.video
        missing = _seconds(had) - _seconds(has)
        short = missing > max(SLACK_SECONDS, 3 * (had.largest_gap_seconds if had is not None else 0.0))
        fewer = had is not None and has is not None and has.units < had.units
        lost = [place for place, track in enumerate(plan.audio) if self._is_short(track, _at(made, place))]
        absent = len(plan.audio) - len(made.audio)
        if absent < 0:
            raise EncodeFailed("The encoded file has more sound than planned")
        if not (short or fewer or lost or absent or self.timeline.errors or any(_DAMAGE.search(line) for line in log)):
            return ()
        frames, errors = self._decode(plan)
        if frames is not None and has is not None and has.units < frames:
            raise EncodeFailed(f"The source gives {frames} frames, and {has.units} are in the encoded file")
        dropped = self._compare_sound(plan, made, lost, absent)
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
        """(frames that the source's video gives in the cadence of the plan, errors in all its used streams)."""
        opened = input_options(plan.demuxer, keep_rotation=True)
        media = ffmpeg.input(file_url(self.source), **opened)
        streams = [media[str(plan.video.stream_index)], *(media[str(track.stream_index)] for track in plan.audio)]
        video = plan.video
        passthrough = video.keep_all_frames or video.action == "copy"
        options: dict[str, Any] = {"fps_mode:v:0": "passthrough" if passthrough else "vfr", "max_error_rate": "1"}
        if video.time_base is not None:
            options["enc_time_base:v:0"] = f"{video.time_base.numerator}/{video.time_base.denominator}"
        made = ffmpeg.output(*streams, "-", f="null", **options)
        result = self.program.run(ffmpeg.get_args(made), monitor=self.monitor)
        return result.frames, sum(bool(_DAMAGE.search(line)) and not _OURS.match(line) for line in result.log)

    def _compare_sound(self, plan: EncodePlan, made: Timeline, lost: Sequence[int], absent: int) -> tuple[Note, ...]:
        """Raises EncodeFailed when a track that is absent or short in the file is longer in the source."""
        silent = 0
        places = range(len(plan.audio)) if absent else lost
        for place in places:
            track = plan.audio[place]
            given = self._sound_seconds(plan.demuxer, track)
            silent += given <= 0.0
            axis = None if absent else _at(made, place)
            end = (axis.end_seconds or 0.0) if axis is not None else given
            if given - end > SLACK_SECONDS:
                raise EncodeFailed(f"The source gives {given:.2f} s of sound, and {end:.2f} s are in the encoded file")
        if not absent:
            return ()
        if silent < absent:
            raise EncodeFailed("The encoded file has lost its sound")
        return (Note(NoteCode.TRACKS_DROPPED, f"{absent} audio tracks could not be decoded"),)

    def _sound_seconds(self, demuxer: str, track: AudioPlan) -> float:
        """Where the sound of a track ends that is decoded as the encode does it; 0 where nothing can be decoded."""
        heard = ffmpeg.input(file_url(self.source), **input_options(demuxer))[str(track.stream_index)]
        options: dict[str, Any] = {} if track.action == "copy" else {"filter:a:0": audio_filter(track)}
        made = ffmpeg.output(heard, "-", f="null", max_error_rate="1", **options)
        return self.program.run(ffmpeg.get_args(made), monitor=self.monitor).media_seconds or 0.0

    def _is_short(self, track: AudioPlan, made: StreamTimeline | None) -> bool:
        had = next((axis for axis in self.timeline.audio if axis.index == track.stream_index), None)
        if had is None or had.end_seconds is None or made is None:
            return False
        promised = had.end_seconds - self.start_seconds
        if track.end_seconds is not None:
            promised = min(promised, track.end_seconds)
        return promised - (made.end_seconds or 0.0) > SLACK_SECONDS


def _seconds(axis: StreamTimeline | None) -> float:
    """How long a stream is shown."""
    if axis is None or axis.end_seconds is None:
        return 0.0
    return axis.end_seconds - (axis.first_seconds or 0.0)


def _at(made: Timeline, place: int) -> StreamTimeline | None:
    return made.audio[place] if place < len(made.audio) else None
