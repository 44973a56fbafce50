"""Cuts one clip from indexed tracks in one mode and writes its video and audio to a file."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass
from fractions import Fraction
from itertools import chain
from pathlib import Path

from av.stream import Stream
from av.video.stream import VideoStream

from src.errors import ClipRangeInvalid
from src.models.media_source import Mode, SourceUnreadable, TimeRange
from src.models.outcome import Note, NoteCode
from src.services.cutting.engine.audio import COPIED_INTO, AudioCopy, AudioEncode
from src.services.cutting.engine.background_encoder import BackgroundEncoder
from src.services.cutting.engine.codecs.join import join_for
from src.services.cutting.engine.copy import KeyframeCut
from src.services.cutting.engine.demuxer import Demuxer, NoStream
from src.services.cutting.engine.early_tail import EarlyTail
from src.services.cutting.engine.encoders import AnyEncoder, Encoder, codec_name
from src.services.cutting.engine.indexes.layout import Index
from src.services.cutting.engine.indexes.mp4_samples import SampleTableIndex
from src.services.cutting.engine.lanes import Lane, write
from src.services.cutting.engine.model import Method, SmartImpossible
from src.services.cutting.engine.muxer import FAMILIES, Output
from src.services.cutting.engine.piped_encoder import PipedEncoder
from src.services.cutting.engine.verify import Expected
from src.services.cutting.engine.video import EndMissed, StartMissed, VideoCut
from src.services.fetch.fetcher import Fetcher

VIDEO_INTO = {"mp4": {"h264", "hevc", "vp9", "av1"}, "webm": {"vp8", "vp9", "av1"}}
_OTHERWISE = {"mp4": "h264", "webm": "vp9"}
_MARGINS = (Fraction(0), Fraction(2), Fraction(10), Fraction(60), Fraction(10**6))
_ABOUT_KEYFRAME = {
    "mp4": "Nothing was encoded: an edit list hides the frames before the start; frames after the end may remain",
    "webm": "Nothing was encoded: the clip starts with the key frame before the start; frames after the end may remain",
}
AUDIO_LEAD = Fraction(1, 5)
_NOTED_SECONDS = Fraction(1, 4)
_MOST_FRAME = Fraction(1, 10)  # seconds
_MORE_AUDIO_LEAD = Fraction(2)  # for files that store audio far from the video of the same time


@dataclass(frozen=True, slots=True)
class Job:
    """One clip to cut: the indexes of its video and audio (None: it has none), its range and its file.

    ``ffmpeg``: the program that encodes frames which the linked encoders do not support. ``progress`` receives the
    written share of the clip, 0 to 1, and the number of video frames. ``check`` raises when the work should stop.
    """

    fetcher: Fetcher
    video: Index | None
    audio: Index | None
    range: TimeRange
    output: Path
    check: Callable[[], None]
    progress: Callable[[float, int], None]
    ffmpeg: Path | None = None
    from_key_frame: bool = False


@dataclass(frozen=True, slots=True)
class AttemptResult:
    """The result of one attempt. ``actual`` in seconds of the source, ``audio`` in seconds of the clip."""

    actual: TimeRange
    method: Method
    encoded: int
    copied: int
    expected: Expected
    notes: tuple[Note, ...]
    audio: TimeRange | None


def cut(job: Job, mode: Mode) -> AttemptResult:
    """Cut the clip in one mode.

    Raises:
        SmartImpossible: ``exact`` is impossible with copied frames. ClipRangeInvalid: no frame is in the range.
        SourceUnreadable, AppError.
    """
    leads, tails = iter(_MARGINS), iter(_MARGINS)
    lead, tail = next(leads), next(tails)
    while True:
        try:
            return _Cutter(job, mode, lead, tail).run()
        except StartMissed:
            following = next(leads, None)
            if following is None:
                raise SourceUnreadable("it has no key frame before the start") from None
            lead = following
        except EndMissed:
            tail = next(tails)  # the last one reaches the end of the source
        job.output.unlink(missing_ok=True)


class _Cutter:
    """One attempt, which reads ``lead`` seconds more at the start and ``tail`` seconds more at the end."""

    def __init__(self, job: Job, mode: Mode, lead: Fraction, tail: Fraction) -> None:
        self._job, self._mode, self._lead, self._tail = job, mode, lead, tail
        self._family = FAMILIES[job.output.suffix.lower()]
        self._notes: list[Note] = []
        self._lanes: list[Lane] = []
        self._stack = ExitStack()

    def run(self) -> AttemptResult:
        job, start, end = self._job, self._job.range.start, self._job.range.end
        video: VideoCut | KeyframeCut | None = None
        with self._stack as stack:
            output = stack.enter_context(Output(job.output))
            if job.video is not None:
                layout = job.video.plan(max(start - self._lead, Fraction(0)), end + self._tail)
                demuxer = stack.enter_context(Demuxer(job.fetcher, layout, "video"))
                video, start = self._add_video(output, demuxer)
                late = start - job.range.start
                if late > _NOTED_SECONDS:
                    self._note(
                        NoteCode.FRAME_HELD, f"No new frame is shown in the first {float(late):.1f} s of the range"
                    )
                end += min(max(late, Fraction(0)), _MOST_FRAME)  # as much audio as was requested
            lane: Lane | None = None
            audio: AudioCopy | AudioEncode | None = None
            demuxed = self._demuxed_audio(start, end)
            if demuxed is not None:
                lane, audio = self._add_audio(output, demuxed, start, end)
            write(self._lanes, output, end - start, job.check, job.progress)
            separate = job.audio is not job.video
            if audio is not None and demuxed is not None and separate and demuxed.layout.rough and not audio.reached:
                raise EndMissed()
        if video is None:
            return self._result(TimeRange(start, end), "copy", 0, 0, lane, None, None, ())
        joins = tuple((tick - video.zero) * demuxer.time_base for tick in video.joins)
        method: Method = "reencode"
        if video.copied:
            method = "smart" if video.encoded else "copy"
        actual = TimeRange(demuxer.time_of(video.zero), demuxer.time_of(video.stop))
        last = (video.last - video.zero) * demuxer.time_base
        return self._result(actual, method, video.encoded, video.copied, lane, video.shown, last, joins)

    def _result(
        self,
        actual: TimeRange,
        method: Method,
        encoded: int,
        copied: int,
        lane: Lane | None,
        shown: int | None,
        last_frame: Fraction | None,
        joins: tuple[Fraction, ...],
    ) -> AttemptResult:
        audio: TimeRange | None = None
        if lane is not None and lane.end:  # otherwise it only contains audio before the start, which is hidden
            audio = TimeRange(max(lane.begin or 0, 0) * lane.time_base, lane.end * lane.time_base)
            if audio.start > _NOTED_SECONDS:
                text = f"The video has no audio in the first {float(audio.start):.1f} s of the clip"
                self._note(NoteCode.AUDIO_STARTS_LATE, text)
            if (early := actual.end - actual.start - audio.end) > _NOTED_SECONDS:
                self._note(
                    NoteCode.AUDIO_ENDS_EARLY, f"The video has no audio in the last {float(early):.1f} s of the clip"
                )
        expected = Expected(
            frames=shown,
            last_frame=last_frame,
            audio_end=None if audio is None else audio.end,
            has_video=shown is not None,
            has_audio=audio is not None,
            joins=joins,
        )
        return AttemptResult(actual, method, encoded, copied, expected, tuple(self._notes), audio)

    def _note(self, code: NoteCode, text: str) -> None:
        self._notes.append(Note(code, text))

    def _add_video(self, output: Output, demuxer: Demuxer) -> tuple[VideoCut | KeyframeCut, Fraction]:
        """Add the lane of the video. Returns its cut and the time of its first frame."""
        job, source = self._job, demuxer.video
        codec = codec_name(source)
        target = codec if codec in VIDEO_INTO[self._family] else _OTHERWISE[self._family]
        low, high = demuxer.first_tick(job.range.start), demuxer.first_tick(job.range.end)
        cut: VideoCut | KeyframeCut
        if target != codec:
            text = f"{codec} cannot be stored in {self._family}: it was encoded as {target}"
            self._note(NoteCode.VIDEO_CONVERTED, text)
            cut = VideoCut(demuxer, low, high, lambda: Encoder(source, target, {}, other=True), None, job.check)
            stream = output.add_new_video(demuxer, target)
        elif self._mode == "keyframe":
            hide = self._family == "mp4" and not job.from_key_frame
            cut = KeyframeCut(demuxer, low, high, hide=hide, check=job.check)
            stream = output.add_video(demuxer, cut.join.header(None) if cut.join else None)
            self._note(NoteCode.KEY_FRAME_START, _ABOUT_KEYFRAME[self._family])
        elif self._mode == "reencode":
            cut, stream = self._encoded(output, demuxer, codec, low, high)
        else:
            join = join_for(codec, source.codec_context.extradata)
            prepared = [self._encoder(source, codec, join.encoder_options)]
            header = join.header(prepared[0].extradata)

            def new_encoder() -> AnyEncoder:
                return prepared.pop() if prepared else self._encoder(source, codec, join.encoder_options)

            cut = VideoCut(demuxer, low, high, new_encoder, join, job.check)
            cut.prepared = self._early_tail(demuxer, high)
            stream = output.add_video(demuxer, header)
        packs = cut.packets()
        first = next(packs, None)
        if first is None:
            raise ClipRangeInvalid("The time range contains no frame.")
        self._lanes.append(Lane(stream, chain([first], packs), demuxer.time_base, cut.zero))
        return cut, demuxer.time_of(cut.zero)

    def _early_tail(self, demuxer: Demuxer, high: int) -> EarlyTail | None:
        """Start to encode the end, beside the start. ``high``: the first frame after the clip, in ticks."""
        assert self._job.video is not None
        early = EarlyTail.start(self._job.fetcher, self._job.video, demuxer, high, self._job.range)
        if early is not None:
            self._stack.callback(early.close)
        return early

    def _encoder(self, source: VideoStream, codec: str, options: dict[str, str], *, whole: bool = False) -> AnyEncoder:
        encoder: AnyEncoder
        try:
            encoder = Encoder(source, codec, options, whole=whole)
        except SmartImpossible:
            if codec != "vp9" or self._job.ffmpeg is None:
                raise
            encoder = PipedEncoder(source, self._job.ffmpeg, whole=whole)
        encoder = BackgroundEncoder(encoder)
        self._stack.callback(encoder.close)
        return encoder

    def _encoded(self, output: Output, demuxer: Demuxer, codec: str, low: int, high: int) -> tuple[VideoCut, Stream]:
        """Encode every frame in the source's codec, or in AV1 if no encoder supports such frames."""
        source, check = demuxer.video, self._job.check
        try:
            encoder = self._encoder(source, codec, {}, whole=True)
        except SmartImpossible as reason:
            other = Encoder(source, "av1", {}, other=True)
            self._note(NoteCode.VIDEO_CONVERTED, f"The video was encoded as av1: {reason}")
            return VideoCut(demuxer, low, high, lambda: other, None, check), output.add_new_video(demuxer, "av1")
        cut = VideoCut(demuxer, low, high, lambda: encoder, None, check)
        return cut, output.add_video(demuxer, encoder.extradata)

    def _demuxed_audio(self, start: Fraction, end: Fraction) -> Demuxer | None:
        """Open the audio from before ``start`` on; None if the source, despite its description, has none."""
        job, demuxed = self._job, None
        if job.audio is None:
            return None
        audio = job.audio.of_audio() if isinstance(job.audio, SampleTableIndex) else job.audio
        for lead in (self._lead + AUDIO_LEAD, self._lead + _MORE_AUDIO_LEAD):
            layout = audio.plan(max(start - lead, Fraction(0)), end + self._tail)
            try:
                demuxed = self._stack.enter_context(Demuxer(job.fetcher, layout, "audio"))
            except NoStream:
                if job.video is None or job.audio is not job.video:
                    raise
                self._note(NoteCode.AUDIO_ABSENT, "The video has no audio")
                return None
            if demuxed.first_time() <= start or layout.at_start:
                break
        return demuxed

    def _add_audio(
        self, output: Output, demuxer: Demuxer, start: Fraction, end: Fraction
    ) -> tuple[Lane | None, AudioCopy | AudioEncode]:
        """Add the lane of the audio, if the range contains any. Returns the lane and its cut."""
        cut: AudioCopy | AudioEncode
        codec = demuxer.audio.codec_context.codec.canonical_name
        if codec in COPIED_INTO[self._family]:
            cut = AudioCopy(demuxer, start, end, self._job.check)
            packs = cut.packets()
            base, zero = demuxer.time_base, round((start + demuxer.shift) / demuxer.time_base)
        else:
            cut = AudioEncode(demuxer, start, end, self._job.check, self._family)
            packs, base, zero = cut.packets(), Fraction(1, cut.rate), 0
        first = next(packs, None)
        if first is None:
            self._note(NoteCode.AUDIO_ABSENT, "The video has no audio in this range")
            return None, cut
        if isinstance(cut, AudioCopy):
            stream = output.add_copied_audio(demuxer, max(zero - first.pts, 0) * base)
        else:
            text = f"{codec} audio cannot be stored in {self._family}: it was encoded as {cut.codec}"
            self._note(NoteCode.SOUND_CONVERTED, text)
            stream = output.add_encoded_audio(cut)
        lane = Lane(stream, chain([first], packs), base, zero)
        self._lanes.append(lane)
        return lane, cut
