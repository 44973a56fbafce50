"""Puts the pieces of a stream together: each stretch without a break by itself, then all of them, without encoding."""

from __future__ import annotations

from pathlib import Path

from src.errors import EncodeFailed
from src.models.progress import Monitor
from src.services.ffmpeg_utils_service import FFmpeg
from src.services.stream.tape import Tape

# Only files that we wrote ourselves, whatever they are called.
_PLAYLIST = (
    *("-protocol_whitelist", "file", "-f", "hls", "-allowed_extensions", "ALL"),
    *("-allowed_segment_extensions", "ALL", "-extension_picky", "0"),
)
_COPY = ("-c", "copy", "-movflags", "+faststart", "-f", "mp4")


def join(tapes: list[Tape], output: Path, ffmpeg: FFmpeg, monitor: Monitor) -> None:
    """All that is on disk of these tracks as one MP4.

    Raises:
        EncodeFailed: they cannot be put together. DiskFull, and what ``monitor`` raises.
    """
    tracks = [tape.stretches() for tape in tapes]
    if not tracks[0]:
        raise EncodeFailed("Nothing of the stream was received")
    if any(len(stretches) != len(tracks[0]) for stretches in tracks):
        raise EncodeFailed("Picture and sound of the stream have breaks at different places")
    folders = {path.parent for stretches in tracks for path in stretches}
    ffmpeg = ffmpeg.confined(reads=sorted(folders), writes=[output.parent])
    if len(tracks[0]) == 1:
        _stretch([stretches[0] for stretches in tracks], output, ffmpeg, monitor)
        return
    made = []
    for number, playlists in enumerate(zip(*tracks, strict=True)):
        made.append(output.with_name(f"stretch-{number}.mp4"))
        _stretch(list(playlists), made[-1], ffmpeg, monitor)
    names = output.with_name("stretches.txt")
    names.write_text("".join(f"file '{path.name}'\n" for path in made))
    ffmpeg.run(["-f", "concat", "-safe", "1", "-i", str(names), "-map", "0", *_COPY, str(output)], monitor=monitor)
    for path in made:
        path.unlink()


def _stretch(playlists: list[Path], output: Path, ffmpeg: FFmpeg, monitor: Monitor) -> None:
    args = [part for path in playlists for part in (*_PLAYLIST, "-i", str(path))]
    maps = ["-map", "0:v?", "-map", "0:a?"] if len(playlists) == 1 else ["-map", "0:v?", "-map", "1:a?"]
    # The clocks of picture and sound are compared with each other, not each with itself.
    ffmpeg.run(
        ["-copyts", *args, *maps, *_COPY[:2], "-avoid_negative_ts", "make_zero", *_COPY[2:], str(output)],
        monitor=monitor,
    )
