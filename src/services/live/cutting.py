"""From captured segments to one clip: each run is cut exactly; several runs are joined by encoding them anew."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

from src.errors import ClipIncomplete, ClipRangeInvalid
from src.models.progress import Monitor
from src.services.clip.engine import Session
from src.services.clip.index import Index
from src.services.clip.segment_index import SegmentIndex
from src.services.clip.source import ClipReport, ClipSource, Method, Mode, Network, TimeRange
from src.services.ffmpeg_utils_service import FFmpeg
from src.services.live.capture import Captured
from src.services.live.pieces import LocalPieces
from src.services.live.runs import Run, find_runs, sound_segments
from src.services.live.window import Window
from src.services.media_probe import inspect_output, probe

log = logging.getLogger(__name__)
_JOINED = {
    ".mp4": ("-c:v", "libx264", "-preset", "veryfast", "-crf", "17", "-c:a", "aac", "-b:a", "192k"),
    ".webm": (
        *("-c:v", "libvpx-vp9", "-deadline", "realtime", "-cpu-used", "7", "-row-mt", "1", "-b:v", "0", "-crf", "20"),
        *("-c:a", "libopus", "-b:a", "160k"),
    ),
}


@dataclass(frozen=True, slots=True)
class LiveCut:
    """A clip. ``parts`` are the stretches of wall clock that it shows, one for each run."""

    path: Path
    parts: tuple[Window, ...]
    frames: int
    method: Method
    notes: tuple[str, ...]

    @property
    def span(self) -> Window:
        """From the first frame to the end of the last one."""
        return Window(self.parts[0].start, self.parts[-1].end)


@dataclass(frozen=True, slots=True)
class _Part:
    """The clip of one run."""

    path: Path
    span: Window
    report: ClipReport


def cut_captured(
    captured: Captured,
    window: Window,
    output: Path,
    *,
    work_dir: Path,
    network: Network,
    ffmpeg: FFmpeg,
    mode: Mode,
    monitor: Monitor,
) -> LiveCut:
    """Write exactly the frames of the window that were captured, by the wall clock. The suffix of ``output`` is the
    container.

    Raises:
        ClipRangeInvalid: no frame of the window is there.
        ClipIncomplete: the clip did not stand the verification. AppError: disk, or whatever ``monitor`` raises.
    """
    picture = next((track for track in captured.tracks if track.has_video), captured.tracks[0])
    runs = find_runs(captured.records[picture.name], captured.folder / picture.name, window)
    parts: list[_Part] = []
    for number, run in enumerate(runs):
        path = work_dir / f"part{number}{output.suffix}"
        part = _cut_run(captured, run, window, path, work_dir, network, ffmpeg, mode, monitor)
        if part is not None:
            parts.append(part)
    if not parts:
        raise ClipRangeInvalid("No picture of this moment was captured.")
    frames = sum(part.report.encoded_frames + part.report.copied_frames for part in parts)
    notes = [note for part in parts for note in part.report.notes]
    method: Method = parts[0].report.method
    if len(parts) == 1:
        parts[0].path.replace(output)
    else:
        log.info("%d runs are joined", len(parts))
        notes.append(f"The stream was interrupted or changed its picture: {len(parts)} parts were joined and encoded")
        method = "reencode"
        _join([part.path for part in parts], output, frames, ffmpeg, monitor)
    return LiveCut(output, tuple(part.span for part in parts), frames, method, tuple(dict.fromkeys(notes)))


def _cut_run(
    captured: Captured,
    run: Run,
    window: Window,
    path: Path,
    work_dir: Path,
    network: Network,
    ffmpeg: FFmpeg,
    mode: Mode,
    monitor: Monitor,
) -> _Part | None:
    """The clip of a run's share of the window; None when not a single frame falls into it."""
    base = run.span.start
    share = window.common(run.span)
    wanted = TimeRange(max(share.start - base, Fraction(0)), share.end - base)
    if wanted.start >= wanted.end:
        return None
    picture = next((track for track in captured.tracks if track.has_video), captured.tracks[0])
    sound = next((track for track in captured.tracks if track.has_audio and track is not picture), None)
    with Session(ClipSource(()), work_dir, network, monitor, None, ffmpeg.program) as session:
        pieces = LocalPieces(session.fetcher)
        index = SegmentIndex(session.fetcher, run.segments(captured.folder / picture.name, base), pieces.open)
        video: Index | None = index if picture.has_video else None
        audio: Index | None = index if picture.has_audio else None
        if sound is not None:
            heard = sound_segments(captured.records[sound.name], captured.folder / sound.name, run, base)
            if heard:
                other = SegmentIndex(session.fetcher, heard, pieces.open)
                other.follow(index)
                audio = other
        try:
            report = session.clip(video, audio, wanted, path, mode)
        except ClipRangeInvalid:
            return None
    return _Part(path, Window(base + report.actual.start, base + report.actual.end), report)


def _join(paths: list[Path], output: Path, frames: int, ffmpeg: FFmpeg, monitor: Monitor) -> None:
    """One film of all parts, in the size of the largest, with silence where a part has no sound."""
    media = [probe(path) for path in paths]
    pictures = [facts.main_video for facts in media]
    width = max(picture.width for picture in pictures if picture is not None)
    height = max(picture.height for picture in pictures if picture is not None)
    with_sound = any(facts.audio for facts in media)
    inputs: list[str] = []
    filters: list[str] = []
    pads = ""
    for number, (path, facts) in enumerate(zip(paths, media, strict=True)):
        inputs += ["-i", str(path)]
        filters.append(
            f"[{number}:v:0]scale={width}:{height}:force_original_aspect_ratio=decrease,"
            f"pad={width}:{height}:-1:-1,setsar=1,format=yuv420p[v{number}]"
        )
        pads += f"[v{number}]"
        if not with_sound:
            continue
        if facts.audio:
            filters.append(
                f"[{number}:a:0]aresample=48000:async=1:first_pts=0,aformat=channel_layouts=stereo[a{number}]"
            )
        else:
            seconds = float(facts.duration_seconds or 0)
            filters.append(f"anullsrc=r=48000:cl=stereo:d={seconds:.3f}[a{number}]")
        pads += f"[a{number}]"
    filters.append(f"{pads}concat=n={len(paths)}:v=1:a={int(with_sound)}[v]{'[a]' if with_sound else ''}")
    maps = ["-map", "[v]", *(["-map", "[a]"] if with_sound else [])]
    ffmpeg.run(
        [
            *(*inputs, "-filter_complex", ";".join(filters), *maps, "-fps_mode", "passthrough"),
            *("-enc_time_base:v", "1:90000", "-map_metadata", "-1", *_JOINED[output.suffix], str(output)),
        ],
        monitor=monitor,
        frames=frames,
    )
    made = inspect_output(output).video
    if made is None or made.units != frames:
        raise ClipIncomplete(f"The clip has {made.units if made else 0} frames instead of {frames}")
