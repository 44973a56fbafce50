"""Puts the segments of a stream together: as they are where that plays right, otherwise part by part, converted."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from src.errors import EncodeFailed, MediaInvalid
from src.models.media import MediaInfo, Timeline
from src.models.outcome import Gap, Note, NoteCode
from src.models.progress import Monitor
from src.services.ffmpeg_utils_service import FFmpeg
from src.services.media.probe import examine
from src.services.streams import hints
from src.services.streams.converting import Converter, playlist_options
from src.services.streams.direct import TAGS
from src.services.streams.gaps import gaps_of, without_replaced
from src.services.streams.muxing import Part, mux
from src.services.streams.placing import KINDS, Kind, Placement, Seen, place
from src.services.streams.recorded_track import Cut, Tape
from src.services.streams.segment_probe import look_into

_COPY = ("-c", "copy", "-movflags", "+faststart", "-f", "mp4")
_LEAST_SHARE = 0.98  # of the promised length that a file must have to be taken without a closer look
_MOST_SECONDS = 0.5
_MOST_PAUSE_SECONDS, _MOST_PAUSE_FRAMES, _LEAST_STEP = 0.25, 5, 0.2


@dataclass(frozen=True, slots=True)
class Joined:
    """What is to be told of a file that was put together."""

    gaps: tuple[Gap, ...] = ()
    notes: tuple[Note, ...] = ()


def join(tapes: list[Tape], output: Path, ffmpeg: FFmpeg, monitor: Monitor) -> Joined:
    """All that is on disk of these tracks as one MP4.

    Time that no track has is closed up, so that the file plays on; where only one track has a hole, the last frame
    stays or there is silence, and the other track goes on. Video and audio stay in time with each other.

    Raises:
        EncodeFailed: they cannot be put together. DiskFull, and what ``monitor`` raises.
    """
    if not any(tape.has(cut) for tape in tapes for cut in tape.known):
        raise EncodeFailed("Nothing of the stream was received")
    damaged = False
    if _is_plain(tapes):
        _copy(tapes, output, ffmpeg, monitor)
        media, timeline = _examined(output)
        if timeline is not None and not timeline.errors and _holds_promise(tapes, media, timeline):
            return Joined()
        damaged = timeline is not None and timeline.errors > 0
    return _Assembly(tapes, output, ffmpeg, monitor).run(deep=damaged)


def _is_plain(tapes: Sequence[Tape]) -> bool:
    """Whether every track is there without a break, with one layout and one clock as far as a glance tells."""
    return all(
        len(unbroken := tape.unbroken()) == 1
        and len(unbroken[0]) == len(tape.known)
        and hints.agree([tape.path_of(cut.number) for cut in tape.known], [cut.seconds for cut in tape.known])
        for tape in tapes
    )


def _copy(tapes: Sequence[Tape], output: Path, ffmpeg: FFmpeg, monitor: Monitor) -> None:
    playlists = [path for tape in tapes for path in tape.stretches()]
    options = playlist_options(ffmpeg.program)
    inputs = [word for path in playlists for word in (*options, "-i", str(path))]
    maps = ["-map", "0:v?", "-map", "0:a?"] if len(playlists) == 1 else ["-map", "0:v?", "-map", "1:a?"]
    program = ffmpeg.confined(reads=sorted({path.parent for path in playlists}), writes=[output.parent])
    # The clocks of video and audio are compared with each other, not each with itself.
    arguments = ["-copyts", *inputs, *maps, *_COPY[:2], *_tag(tapes[0]), "-avoid_negative_ts", "make_zero"]
    try:
        program.run([*arguments, *_COPY[2:], str(output)], monitor=monitor)
    except EncodeFailed:
        output.unlink(missing_ok=True)  # a closer look tells more


def _tag(tape: Tape) -> tuple[str, ...]:
    first = tape.known[0]
    init = None if first.init is None else tape.init_path(first.init)
    return TAGS["hevc"] if hints.is_hevc(tape.path_of(first.number), init) else ()


def _examined(output: Path) -> tuple[MediaInfo | None, Timeline | None]:
    try:
        return examine(output, need="any", check=True) if output.exists() else (None, None)
    except MediaInvalid:
        return None, None


def _holds_promise(tapes: Sequence[Tape], media: MediaInfo | None, timeline: Timeline) -> bool:
    """Whether a file has the length that the playlist promised, without pauses in its video or its audio."""
    if media is None or any(stream.codec == "hevc" and stream.codec_tag != "hvc1" for stream in media.video):
        return False
    promised = max(tape.seconds for tape in tapes)
    ends = [axis.end_seconds or 0.0 for axis in timeline.streams]
    starts = [axis.first_seconds or 0.0 for axis in timeline.streams]
    if not ends or max(ends) - min(starts) < min(_LEAST_SHARE * promised, promised - _MOST_SECONDS):
        return False
    video = timeline.video
    if video is not None and video.units > 1:
        usual = ((video.last_seconds or 0.0) - (video.first_seconds or 0.0)) / (video.units - 1)
        even = video.smallest_gap_seconds >= _LEAST_STEP * usual
        most = max(_MOST_PAUSE_SECONDS, _MOST_PAUSE_FRAMES * usual)
        if not even or video.largest_gap_seconds > most:
            return False
    return all(not axis.silences and axis.largest_gap_seconds <= _MOST_PAUSE_SECONDS for axis in timeline.audio)


class _Assembly:
    """One recording that needs a closer look."""

    def __init__(self, tapes: list[Tape], output: Path, ffmpeg: FFmpeg, monitor: Monitor) -> None:
        self._tapes, self._output, self._ffmpeg, self._monitor = tapes, output, ffmpeg, monitor
        self._folder = tapes[0].folder

    def run(self, *, deep: bool) -> Joined:
        """Make the file; ``deep``: some of it cannot be decoded."""
        tracks = [without_replaced(track) for track in self._seen(deep=deep)]
        gaps = gaps_of(tracks)
        placement = place(tracks)
        if not placement.runs:
            raise EncodeFailed("None of the received segments can be read")
        if self._output.exists() and not gaps and not placement.joints and len(placement.runs) == len(self._tapes):
            return Joined()  # it was right at once
        converter = Converter(
            placement,
            self._playlists(placement),
            self._files(placement),
            self._output.parent,
            self._ffmpeg,
            self._monitor,
        )
        parts = {kind: self._parts(placement, converter, kind) for kind in KINDS}
        mux(parts, self._output, reads=[self._folder, self._output.parent], monitor=self._monitor)
        converter.clean()
        notes = list(converter.notes)
        if gaps:
            missing = sum(end - start for start, end in gaps)
            notes.insert(0, Note(NoteCode.SEGMENTS_MISSING, f"{missing:.1f} s of the stream could not be fetched."))
        return Joined(tuple(Gap(start, end) for start, end in gaps), tuple(notes))

    def _seen(self, *, deep: bool) -> list[list[Seen]]:
        """What each known segment holds; of two tracks the first counts as video, the second as audio."""
        tracks = []
        for number, tape in enumerate(self._tapes):
            there = [cut for cut in tape.known if tape.has(cut)]
            pairs = [
                (None if cut.init is None else tape.init_path(cut.init), tape.path_of(cut.number)) for cut in there
            ]
            looks = dict(
                zip((cut.number for cut in there), look_into(pairs, tape.folder, self._monitor, deep=deep), strict=True)
            )
            only: Kind | None = None if len(self._tapes) == 1 else KINDS[number]
            tracks.append(
                [
                    Seen(cut.number, start, end, (cut.group, cut.init), look.only(only) if look is not None else None)
                    for cut, (start, end) in zip(tape.known, tape.spans(), strict=True)
                    for look in (looks.get(cut.number),)
                ]
            )
        return tracks

    def _playlists(self, placement: Placement) -> dict[int, Path]:
        """A playlist for each run, by its place in the placement."""
        cuts: list[dict[int, Cut]] = [{cut.number: cut for cut in tape.known} for tape in self._tapes]
        found = {}
        for number, run in enumerate(placement.runs):
            segments = [cuts[run.track][one.place] for one in run.segments]
            found[number] = self._tapes[run.track].playlist(f"run-{number}", segments)
        return found

    def _files(self, placement: Placement) -> dict[int, tuple[Path, ...]]:
        """The initialisation, if there is one, and the segments of each run."""
        found = {}
        for number, run in enumerate(placement.runs):
            tape, init = self._tapes[run.track], run.segments[0].group[1]
            head = [] if init is None else [tape.init_path(init)]
            found[number] = (*head, *(tape.path_of(one.place) for one in run.segments))
        return found

    def _parts(self, placement: Placement, converter: Converter, kind: Kind) -> list[Part]:
        return [
            Part(source.paths, source.format, run.offset + run.moved, run.first(kind))
            for run in placement.of_kind(kind)
            for source in (converter.source(run, kind),)
        ]
