"""Tries to decode and mix unusual audio tracks, so that none of them makes the encode of the video fail."""

from __future__ import annotations

from pathlib import Path
from typing import Final

import ffmpeg

from src.errors import EncodeFailed
from src.models.media import AudioStream, MediaInfo, Timeline
from src.models.progress import Monitor
from src.services.encoding.arguments import audio_filter, file_url, input_options
from src.services.encoding.audio import MAX_TRACKS, Mixable, plan_track, tracks
from src.services.ffmpeg_utils_service import FFmpeg

_SECONDS: Final = 1.0
# Every FFmpeg has decoders for these codecs and for PCM.
_USUAL: Final = frozenset(
    {"aac", "mp3", "mp2", "ac3", "eac3", "opus", "vorbis", "flac", "alac", "wmav1", "wmav2", "amr_nb", "adpcm_ima_qt"}
)


def try_tracks(
    program: FFmpeg, source: Path, media: MediaInfo, monitor: Monitor, timeline: Timeline | None = None
) -> Mixable:
    """Decode and mix the first second of each unusual track (with more than two channels or a rare codec), until the
    allowed number of usable tracks is reached."""
    first_two: set[int] = set()
    unusable: set[int] = set()
    for place, stream in enumerate(tracks(media, timeline)):
        if place - len(unusable) >= MAX_TRACKS:
            break
        usual = stream.codec in _USUAL or stream.codec.startswith("pcm_")
        if (usual and stream.channels <= 2) or _works(program, source, media, stream, monitor):
            continue
        if stream.channels > 2 and _works(program, source, media, stream, monitor, first_two=True):
            first_two.add(stream.index)
        else:
            unusable.add(stream.index)
    return Mixable(frozenset(first_two), frozenset(unusable))


def _works(
    program: FFmpeg, source: Path, media: MediaInfo, stream: AudioStream, monitor: Monitor, *, first_two: bool = False
) -> bool:
    opened = input_options(media.container.split(",")[0]) | {"t": f"{_SECONDS:g}"}
    track = plan_track(stream, first_two=first_two)
    stream_input = ffmpeg.input(file_url(source), **opened)[str(stream.index)]
    # Damaged data do not make a track unusable: only the first second is read.
    output_stream = ffmpeg.output(
        stream_input, "-", f="null", max_error_rate="1", **{"filter:a:0": audio_filter(track)}
    )
    try:
        program.run(ffmpeg.get_args(output_stream), monitor=monitor)
    except EncodeFailed:
        monitor.check()
        return False
    return True
