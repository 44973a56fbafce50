"""Joins the segments of a stream: unchanged if the result plays correctly, otherwise placed and converted by part."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from src.errors import EncodeFailed, MediaInvalid
from src.models.media import MediaInfo, Timeline
from src.models.outcome import Gap, Note, NoteCode
from src.models.progress import Monitor
from src.services.cutting.engine.parts import Part
from src.services.ffmpeg_utils_service import FFmpeg
from src.services.media.probe import examine
from src.services.streams import hints
from src.services.streams.converting import Converter, playlist_options
from src.services.streams.direct import TAGS
from src.services.streams.gaps import gaps_of, without_replaced
from src.services.streams.muxing import mux
from src.services.streams.placing import KINDS, Kind, Placement, TrackSegment, place
from src.services.streams.recorded_track import ListedSegment, RecordedTrack
from src.services.streams.segment_probe import probe_segments

_COPY = ("-c", "copy", "-movflags", "+faststart", "-f", "mp4")
_LEAST_SHARE = 0.98  # of the expected length that a file must have to be accepted without an analysis of its segments
_MOST_SECONDS = 0.5
_MOST_PAUSE_SECONDS, _MOST_PAUSE_FRAMES, _LEAST_STEP = 0.25, 5, 0.2


@dataclass(frozen=True, slots=True)
class Joined:
    """The gaps and notes of a joined file."""

    gaps: tuple[Gap, ...] = ()
    notes: tuple[Note, ...] = ()


def join(tracks: list[RecordedTrack], output: Path, ffmpeg: FFmpeg, monitor: Monitor) -> Joined:
    """Write the segments on disk into one MP4.

    Time that is missing in all tracks is removed. Where only one track has a hole, the last frame stays or there is
    silence while the other track continues. Video and audio stay synchronous.

    Raises:
        EncodeFailed: they cannot be joined. DiskFull, and what ``monitor`` raises.
    """
    if not any(track.has(segment) for track in tracks for segment in track.known):
        raise EncodeFailed("No segment of the stream was received")
    damaged = False
    if _is_plain(tracks):
        _copy(tracks, output, ffmpeg, monitor)
        media, timeline = _examined(output)
        if timeline is not None and not timeline.errors and _has_listed_length(tracks, media, timeline):
            return Joined()
        damaged = timeline is not None and timeline.errors > 0
    return _Assembly(tracks, output, ffmpeg, monitor).run(deep=damaged)


def _is_plain(tracks: Sequence[RecordedTrack]) -> bool:
    """Whether every track is complete and unbroken and shows no change of layout or clock."""
    return all(
        len(unbroken := track.unbroken()) == 1
        and len(unbroken[0]) == len(track.known)
        and hints.agree(
            [track.path_of(segment.number) for segment in track.known], [segment.seconds for segment in track.known]
        )
        for track in tracks
    )


def _copy(tracks: Sequence[RecordedTrack], output: Path, ffmpeg: FFmpeg, monitor: Monitor) -> None:
    playlists = [path for track in tracks for path in track.stretches()]
    options = playlist_options(ffmpeg.program)
    inputs = [argument for path in playlists for argument in (*options, "-i", str(path))]
    maps = ["-map", "0:v?", "-map", "0:a?"] if len(playlists) == 1 else ["-map", "0:v?", "-map", "1:a?"]
    program = ffmpeg.confined(reads=sorted({path.parent for path in playlists}), writes=[output.parent])
    # The clocks of video and audio are compared with each other, not each with itself.
    arguments = ["-copyts", *inputs, *maps, *_COPY[:2], *_tag(tracks[0]), "-avoid_negative_ts", "make_zero"]
    try:
        program.run([*arguments, *_COPY[2:], str(output)], monitor=monitor)
    except EncodeFailed:
        output.unlink(missing_ok=True)  # the segments are analysed next


def _tag(track: RecordedTrack) -> tuple[str, ...]:
    first = track.known[0]
    return TAGS["hevc"] if hints.is_hevc(track.path_of(first.number), track.init_of(first)) else ()


def _examined(output: Path) -> tuple[MediaInfo | None, Timeline | None]:
    try:
        return examine(output, need="any", check=True) if output.exists() else (None, None)
    except MediaInvalid:
        return None, None


def _has_listed_length(tracks: Sequence[RecordedTrack], media: MediaInfo | None, timeline: Timeline) -> bool:
    """Whether a file has the length of its playlist, without pauses in its video or its audio."""
    if media is None or any(stream.codec == "hevc" and stream.codec_tag != "hvc1" for stream in media.video):
        return False
    expected = max(track.seconds for track in tracks)
    ends = [axis.end_seconds or 0.0 for axis in timeline.streams]
    starts = [axis.first_seconds or 0.0 for axis in timeline.streams]
    if not ends or max(ends) - min(starts) < min(_LEAST_SHARE * expected, expected - _MOST_SECONDS):
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
    """Joins a recording after an analysis of each segment."""

    def __init__(self, tracks: list[RecordedTrack], output: Path, ffmpeg: FFmpeg, monitor: Monitor) -> None:
        self._tracks, self._output, self._ffmpeg, self._monitor = tracks, output, ffmpeg, monitor
        self._folder = tracks[0].folder

    def run(self, *, deep: bool) -> Joined:
        """Write the file; ``deep``: decode all segments, because some cannot be decoded."""
        tracks = [without_replaced(track) for track in self._seen(deep=deep)]
        gaps = gaps_of(tracks)
        placement = place(tracks)
        if not placement.runs:
            raise EncodeFailed("None of the received segments can be read")
        if self._output.exists() and not gaps and not placement.joints and len(placement.runs) == len(self._tracks):
            return Joined()  # the copy was correct
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

    def _seen(self, *, deep: bool) -> list[list[TrackSegment]]:
        """Probe each known segment; of two tracks, only the video of the first and the audio of the second count."""
        tracks = []
        for number, track in enumerate(self._tracks):
            present = [segment for segment in track.known if track.has(segment)]
            pairs = [(track.init_of(segment), track.path_of(segment.number)) for segment in present]
            probed = probe_segments(pairs, track.folder, self._monitor, deep=deep)
            only: Kind | None = None if len(self._tracks) == 1 else KINDS[number]
            facts = {one.number: found and found.only(only) for one, found in zip(present, probed, strict=True)}
            tracks.append(
                [
                    TrackSegment(one.number, start, end, (one.group, one.init), facts.get(one.number))
                    for one, (start, end) in zip(track.known, track.spans(), strict=True)
                ]
            )
        return tracks

    def _playlists(self, placement: Placement) -> dict[int, Path]:
        """Write a playlist for each run, by its place in the placement."""
        listed: list[dict[int, ListedSegment]] = [
            {segment.number: segment for segment in track.known} for track in self._tracks
        ]
        found = {}
        for number, run in enumerate(placement.runs):
            segments = [listed[run.track][one.place] for one in run.segments]
            found[number] = self._tracks[run.track].playlist(f"run-{number}", segments)
        return found

    def _files(self, placement: Placement) -> dict[int, tuple[Path, ...]]:
        """List the initialisation, if it exists, and the segments of each run."""
        found = {}
        for number, run in enumerate(placement.runs):
            track, init = self._tracks[run.track], run.segments[0].group[1]
            head = [] if init is None else [track.init_path(init)]
            found[number] = (*head, *(track.path_of(one.place) for one in run.segments))
        return found

    def _parts(self, placement: Placement, converter: Converter, kind: Kind) -> list[Part]:
        return [
            Part(source.paths, source.format, run.offset + run.moved, run.first(kind))
            for run in placement.of_kind(kind)
            for source in (converter.source(run, kind),)
        ]
