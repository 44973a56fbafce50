"""Fetches a direct file in pieces and, where its codecs allow it, copies its streams into an MP4."""

from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction
from pathlib import Path

from src.errors import CodecNotRemuxable, StreamUnreadable
from src.models.media import MediaInfo
from src.models.outcome import Note, NoteCode
from src.models.progress import Monitor
from src.services.ffmpeg_utils_service import FFmpeg
from src.services.hls.playlist import ByteRange, Piece, Segment
from src.services.media.probe import UNHURRIED, examine, probe
from src.services.streams import recorded_track
from src.services.streams.collector import Collector
from src.services.streams.recorded_track import RecordedTrack

_PIECE_BYTES = 8 << 20  # content networks slow down requests of more than 10 MB
# Codecs that MP4 players decode: those registered at https://mp4ra.org that browsers know, and MPEG-4 part 2 and MP3.
_VIDEO = frozenset({"h264", "hevc", "av1", "vp9", "mpeg4"})
_AUDIO = frozenset({"aac", "mp3", "opus", "flac", "ac3", "eac3", "alac"})
_NAMES = {"matroska,webm": "WebM or Matroska", "mov,mp4,m4a,3gp,3g2,mj2": "QuickTime", "mpegts": "MPEG-TS"}
_QUICKTIME = b"qt  "
_LEAST_SHARE = 0.9
TAGS = {"hevc": ("-tag:v", "hvc1")}
"""Apple's players refuse hev1."""


def fetch(url: str, collector: Collector, folder: Path, on_count: Callable[[int, int | None], None]) -> RecordedTrack:
    """Fetch a direct file, in pieces where its server honours ranges. ``on_count`` receives the number of pieces.

    Raises:
        AppError: it cannot be fetched.
    """
    size = collector.size_of(url)
    key = f"{url} {size}"
    track = recorded_track.load(folder, 1, key)[0]
    pieces = [Piece(url)]
    if size:
        starts = range(0, size, _PIECE_BYTES)
        pieces = [Piece(url, ByteRange(start, min(_PIECE_BYTES, size - start))) for start in starts]
    zero = Fraction(0)
    wanted = track.add([Segment(piece, zero, zero, number, 0, None) for number, piece in enumerate(pieces)])
    recorded_track.save(folder, [track], key)
    on_count(0, len(wanted))
    collector.collect([one.plain() for one in wanted], lambda count: on_count(count, None))
    return track


def finish(track: RecordedTrack, output: Path, ffmpeg: FFmpeg, monitor: Monitor) -> tuple[Note, ...]:
    """Write the file to ``output``: unchanged if it is an MP4, otherwise with its packets copied into one.

    Raises:
        MediaInvalid: it is not media. CodecNotRemuxable: its codecs do not fit into an MP4. StreamUnreadable: most of
        its packets could not be copied. EncodeFailed, DiskFull.
    """
    fetched = output.with_name("direct.file")
    _join_pieces(track, fetched)
    media = probe(fetched, need="any", limits=UNHURRIED)
    if _is_mp4(fetched, media):
        fetched.replace(output)
        return ()
    _require_fitting(media)
    monitor.check()
    video = media.main_video
    maps = ["-map", f"0:{video.index}"] if video is not None else []
    for stream in media.audio:
        maps += ["-map", f"0:{stream.index}"]
    tag = TAGS.get(video.codec, ()) if video is not None else ()
    ffmpeg.confined(reads=[fetched], writes=[output.parent]).run(
        [
            *("-protocol_whitelist", "file", "-i", str(fetched), *maps, "-c", "copy", *tag, "-map_metadata", "-1"),
            *("-strict", "-2", "-movflags", "+faststart", "-f", "mp4", str(output)),
        ],
        monitor=monitor,
        duration_seconds=media.duration_seconds,
    )
    lost = _compare(fetched, output)
    fetched.unlink()
    name = _NAMES.get(media.container, media.container.split(",")[0])
    notes = [Note(NoteCode.REMUXED, f"The source is {name}, not MP4: its streams were copied into an MP4."), *lost]
    if media.subtitles:
        notes.append(Note(NoteCode.SUBTITLES_DROPPED, f"{len(media.subtitles)} subtitle tracks were left out."))
    return tuple(notes)


def _join_pieces(track: RecordedTrack, path: Path) -> None:
    with path.open("wb") as file:
        for segment in track.known:
            with track.path_of(segment.number).open("rb") as piece:
                while data := piece.read(1 << 20):
                    file.write(data)


def _is_mp4(path: Path, media: MediaInfo) -> bool:
    """Whether the file is an MP4, not a related format such as QuickTime, which FFmpeg reads with the same demuxer."""
    with path.open("rb") as file:
        head = file.read(12)
    return "mp4" in media.container.split(",") and head[4:8] == b"ftyp" and head[8:12] != _QUICKTIME


def _require_fitting(media: MediaInfo) -> None:
    video = media.main_video
    codecs = [video.codec] if video is not None and video.codec not in _VIDEO else []
    codecs += [stream.codec for stream in media.audio if stream.codec not in _AUDIO]
    if codecs:
        raise CodecNotRemuxable(f"An MP4 cannot hold the codecs of this file: {', '.join(dict.fromkeys(codecs))}.")


def _compare(fetched: Path, output: Path) -> list[Note]:
    """Report packets of a damaged source that were not copied. Raises StreamUnreadable if there are many."""
    _, before = examine(fetched, need="any")
    _, after = examine(output, need="any")
    expected = [axis.units for axis in before.streams]
    written = [axis.units for axis in after.streams]
    if len(expected) != len(written) or any(
        got < _LEAST_SHARE * units for units, got in zip(expected, written, strict=True)
    ):
        raise StreamUnreadable("This file cannot be copied into an MP4: too many of its packets are damaged.")
    lost = sum(max(units - got, 0) for units, got in zip(expected, written, strict=True))
    if not lost:
        return []
    return [Note(NoteCode.SOURCE_DAMAGED, f"The source is damaged: {lost} of its packets could not be copied.")]
