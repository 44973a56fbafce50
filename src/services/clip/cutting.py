"""Makes one clip of indexed tracks in one way: cuts picture and sound and writes them together."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field
from fractions import Fraction
from itertools import chain
from pathlib import Path

from av.stream import Stream
from av.video.stream import VideoStream

from src.errors import ClipRangeInvalid
from src.services.clip.audio_cut import COPIED_INTO, AudioCopy, AudioEncode
from src.services.clip.copy_cut import KeyframeCut
from src.services.clip.demux import Demuxer, Pack
from src.services.clip.encoder import AnyEncoder, Encoder, codec_name
from src.services.clip.fetcher import Fetcher
from src.services.clip.index import Index
from src.services.clip.joins import SmartImpossible, join_for
from src.services.clip.output import FAMILIES, Output
from src.services.clip.piped_encoder import PipedEncoder
from src.services.clip.source import Method, Mode, SourceUnreadable, TimeRange
from src.services.clip.verify import Expected
from src.services.clip.video_cut import StartMissed, VideoCut

VIDEO_INTO = {"mp4": {"h264", "hevc", "vp9", "av1"}, "webm": {"vp8", "vp9", "av1"}}
_OTHERWISE = {"mp4": "h264", "webm": "vp9"}
_LEADS = (Fraction(0), Fraction(2), Fraction(10), Fraction(60), Fraction(10**6))
_ABOUT_KEYFRAME = {
    "mp4": "nothing encoded: an edit list hides what comes before the start; frames behind the end may remain",
    "webm": "nothing encoded: begins with the key frame before the start; frames behind the end may remain",
}
SOUND_LEAD = Fraction(1, 5)
_MORE_SOUND_LEAD = Fraction(2)  # where sound is stored far apart from its picture


@dataclass(frozen=True, slots=True)
class Job:
    """One clip to be made: which indexes hold picture and sound (None: there is none), and where it goes.

    ``ffmpeg`` is the program for pictures that the linked encoders cannot take.

    ``progress`` is told how much of the clip is written, 0 to 1; ``check`` raises when the work should stop.
    """

    fetcher: Fetcher
    video: Index | None
    audio: Index | None
    range: TimeRange
    output: Path
    check: Callable[[], None]
    progress: Callable[[float], None]
    ffmpeg: Path | None = None


@dataclass(frozen=True, slots=True)
class Made:
    """What came out of one attempt. ``actual`` in seconds of the source."""

    actual: TimeRange
    method: Method
    encoded: int
    copied: int
    expected: Expected
    notes: tuple[str, ...]


@dataclass(slots=True)
class Lane:
    """Packets on their way into one stream of the output; ``zero`` is the clip's 0 in ticks of the lane."""

    stream: Stream
    packs: Iterator[Pack]
    time_base: Fraction
    zero: int
    head: Pack | None = None
    end: int = 0
    tick_seconds: float = field(init=False)
    due: float = 0.0
    """When the packet at hand is to be decoded, in seconds of the clip; only for putting lanes in order."""

    def __post_init__(self) -> None:
        self.tick_seconds = float(self.time_base)

    def advance(self) -> None:
        """Take the next packet."""
        self.head = next(self.packs, None)
        if self.head is not None:
            self.end = max(self.end, self.head.pts + self.head.duration - self.zero)
            self.due = (self.head.dts - self.zero) * self.tick_seconds


def cut(job: Job, mode: Mode) -> Made:
    """Make the clip in one way.

    Raises:
        SmartImpossible: ``exact`` cannot be done with copying. ClipRangeInvalid: no frame is in the range.
        SourceUnreadable, AppError.
    """
    for lead in _LEADS:
        try:
            return _Cutter(job, mode, lead).run()
        except StartMissed:
            job.output.unlink(missing_ok=True)
    raise SourceUnreadable("no key frame comes before the start")


class _Cutter:
    """One attempt."""

    def __init__(self, job: Job, mode: Mode, lead: Fraction) -> None:
        self._job, self._mode, self._lead = job, mode, lead
        self._family = FAMILIES[job.output.suffix.lower()]
        self._notes: list[str] = []
        self._lanes: list[Lane] = []
        self._stack = ExitStack()

    def run(self) -> Made:
        job, start, end = self._job, self._job.range.start, self._job.range.end
        video: VideoCut | KeyframeCut | None = None
        with self._stack as stack:
            output = stack.enter_context(Output(job.output))
            if job.video is not None:
                layout = job.video.plan(max(start - self._lead, Fraction(0)), end)
                demuxer = stack.enter_context(Demuxer(job.fetcher, layout, "video"))
                video, start = self._picture(output, demuxer)
                end += max(start - job.range.start, Fraction(0))  # a copy that begins earlier ends where it should
            sound: Lane | None = None
            if job.audio is not None:
                for lead in (self._lead + SOUND_LEAD, self._lead + _MORE_SOUND_LEAD):
                    layout = job.audio.plan(max(start - lead, Fraction(0)), end)
                    demuxed = stack.enter_context(Demuxer(job.fetcher, layout, "audio"))
                    if demuxed.first_time() <= start or layout.at_start:
                        break
                sound = self._sound(output, demuxed, start, end)
            self._write(output, end - start)
        if video is None:
            return self._made(TimeRange(start, end), "copy", 0, 0, sound, None, None, ())
        joins = tuple((tick - video.zero) * demuxer.time_base for tick in video.joins)
        method: Method = "reencode" if not video.copied else "smart" if video.encoded else "copy"
        actual = TimeRange(demuxer.time_of(video.zero), demuxer.time_of(video.stop))
        last = (video.last - video.zero) * demuxer.time_base
        return self._made(actual, method, video.encoded, video.copied, sound, video.shown, last, joins)

    def _made(
        self,
        actual: TimeRange,
        method: Method,
        encoded: int,
        copied: int,
        sound: Lane | None,
        shown: int | None,
        last_frame: Fraction | None,
        joins: tuple[Fraction, ...],
    ) -> Made:
        expected = Expected(
            frames=shown,
            last_frame=last_frame,
            audio_end=None if sound is None or not sound.end else sound.end * sound.time_base,
            has_video=shown is not None,
            has_audio=sound is not None and sound.end > 0,
            joins=joins,
        )
        return Made(actual, method, encoded, copied, expected, tuple(self._notes))

    def _picture(self, output: Output, demuxer: Demuxer) -> tuple[VideoCut | KeyframeCut, Fraction]:
        """Add the picture's lane; returns its cut and the time of its first frame."""
        job, source = self._job, demuxer.video
        codec = codec_name(source)
        target = codec if codec in VIDEO_INTO[self._family] else _OTHERWISE[self._family]
        low, high = demuxer.first_tick(job.range.start), demuxer.first_tick(job.range.end)
        cut: VideoCut | KeyframeCut
        if target != codec:
            self._notes.append(f"{codec} cannot be stored in {self._family}: encoded as {target}")
            cut = VideoCut(demuxer, low, high, lambda: Encoder(source, target, {}, other=True), None, job.check)
            stream = output.add_new_video(demuxer, target)
        elif self._mode == "keyframe":
            cut = KeyframeCut(demuxer, low, high, hide=self._family == "mp4", check=job.check)
            stream = output.add_video(demuxer, cut.join.header(None) if cut.join else None)
            self._notes.append(_ABOUT_KEYFRAME[self._family])
        elif self._mode == "reencode":
            cut, stream = self._encoded(output, demuxer, codec, low, high)
        else:
            join = join_for(codec, source.codec_context.extradata)
            prepared = [self._encoder(source, codec, join.encoder_options)]
            header = join.header(prepared[0].extradata)

            def new_encoder() -> AnyEncoder:
                return prepared.pop() if prepared else self._encoder(source, codec, join.encoder_options)

            cut = VideoCut(demuxer, low, high, new_encoder, join, job.check)
            stream = output.add_video(demuxer, header)
        packs = cut.packets()
        first = next(packs, None)
        if first is None:
            raise ClipRangeInvalid("The time range holds no frame.")
        self._lanes.append(Lane(stream, chain([first], packs), demuxer.time_base, cut.zero))
        return cut, demuxer.time_of(cut.zero)

    def _encoder(self, source: VideoStream, codec: str, options: dict[str, str], *, whole: bool = False) -> AnyEncoder:
        encoder: AnyEncoder
        try:
            encoder = Encoder(source, codec, options, whole=whole)
        except SmartImpossible:
            if codec != "vp9" or self._job.ffmpeg is None:
                raise
            encoder = PipedEncoder(source, self._job.ffmpeg, whole=whole)
        self._stack.callback(encoder.close)
        return encoder

    def _encoded(self, output: Output, demuxer: Demuxer, codec: str, low: int, high: int) -> tuple[VideoCut, Stream]:
        """Every frame encoded in the source's codec, or in AV1 where there is no encoder for such frames."""
        source, check = demuxer.video, self._job.check
        try:
            encoder = self._encoder(source, codec, {}, whole=True)
        except SmartImpossible as reason:
            other = Encoder(source, "av1", {}, other=True)
            self._notes.append(f"encoded as av1: {reason}")
            return VideoCut(demuxer, low, high, lambda: other, None, check), output.add_new_video(demuxer, "av1")
        cut = VideoCut(demuxer, low, high, lambda: encoder, None, check)
        return cut, output.add_video(demuxer, encoder.extradata)

    def _sound(self, output: Output, demuxer: Demuxer, start: Fraction, end: Fraction) -> Lane:
        codec = demuxer.audio.codec_context.codec.canonical_name
        if codec in COPIED_INTO[self._family]:
            copy = AudioCopy(demuxer, start, end, self._job.check)
            packs = copy.packets()
            first = next(packs, None)
            zero = round((start + demuxer.shift) / demuxer.time_base)
            before = 0 if first is None else max(zero - first.pts, 0)
            stream = output.add_copied_audio(demuxer, before * demuxer.time_base)
            lane = Lane(stream, packs if first is None else chain([first], packs), demuxer.time_base, zero)
        else:
            encode = AudioEncode(demuxer, start, end, self._job.check, self._family)
            self._notes.append(f"{codec} sound cannot be stored in {self._family}: encoded as {encode.codec}")
            lane = Lane(output.add_encoded_audio(encode), encode.packets(), Fraction(1, encode.rate), 0)
        self._lanes.append(lane)
        return lane

    def _write(self, output: Output, length: Fraction) -> None:
        """All lanes into the file, each time the packet that is due first."""
        for lane in self._lanes:
            lane.advance()
        while lanes := [lane for lane in self._lanes if lane.head is not None]:
            self._job.check()
            lane = min(lanes, key=lambda lane: lane.due)
            assert lane.head is not None
            output.write(lane.stream, lane.head, lane.zero)
            if lane is self._lanes[0] and length > 0:
                self._job.progress(min(max(lane.due, 0.0) / float(length), 1.0))
            lane.advance()
