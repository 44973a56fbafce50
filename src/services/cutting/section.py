"""Cuts a clip by the last method: FFmpeg itself reads the section from the site, and all of the clip is encoded.

It is slow, and works for every source that FFmpeg can read. First the packets around the section are copied into a
local file with their own timestamps; then exactly the frames of the range are encoded from that file, so that a slow
server never stalls an encoder, and a failure is clearly that of the network or of the encoding. Why not through
yt-dlp: ``docs/adr/0004-section-download.md``.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from itertools import pairwise
from pathlib import Path
from statistics import median

import av
import certifi

from src.errors import ClipIncomplete, EncodeFailed
from src.models.media_source import ClipSource, NetworkSettings, TimeRange, Track
from src.models.outcome import Note, NoteCode
from src.models.progress import Monitor, Phase, Progress
from src.services.cutting.engine.model import ClipReport, CutOrder
from src.services.cutting.video_joining import QUICK_ENCODERS
from src.services.ffmpeg_utils_service import FFmpeg, FFmpegProgress
from src.services.media.probe import inspect_output
from src.services.youtube.messages import media_error
from src.utils.ffmpeg_limits import Limits
from src.utils.ffmpeg_options import understands
from src.utils.timecode import FRAME_TOLERANCE_SECONDS

# Fetched beyond the range on both sides: enough for reordered frames and for the priming of audio codecs.
MARGIN_SECONDS = 2
# Added to all timestamps of the local file, which cannot hold negative ones (priming of audio, reordered frames).
_OFFSET_SECONDS = 100
_FETCH_SHARE = 60.0  # percent of the progress that fetching is; the rest is encoding
_LENGTH_TOLERANCE_SECONDS = 1.5  # sites report lengths in whole seconds
_MOST_GAP_FRAMES = 25
_HEADER = re.compile(r"[\x00-\x1f\x7f]")
_NETWORK_PROTOCOLS = "http,https,tcp,tls,httpproxy,crypto,data"
_DEMUXERS = {"hls": "hls,mpegts,mov,aac,matroska,webvtt"}


@dataclass(frozen=True, slots=True)
class _Plan:
    """Which frames become the clip. Seconds of the source's own time line; ``after`` is where the last one ends."""

    first: Fraction
    after: Fraction
    frames: int
    from_between: Fraction
    to_between: Fraction
    time_base: Fraction


def download_section(order: CutOrder, ffmpeg: FFmpeg, monitor: Monitor) -> ClipReport:
    """Write exactly the frames of [start, end) of the source, and the audio that belongs to them, to the output.

    The suffix of the output (``.mp4``, ``.webm``) chooses container and codecs. The clip starts at 0.

    Raises:
        SourceError: the media cannot be fetched, by its status or by FFmpeg's messages; ``ClipIncomplete`` when only a
            part of the section arrived.
        EncodeFailed, DiskFull, JobTimeout: the encoding failed.
    """
    source, wanted = order.source, order.range
    assert isinstance(source, ClipSource)
    section = order.work_dir / "section.nut"
    try:
        _fetch(source, wanted, section, order.network, ffmpeg, monitor)
        has_audio = any(track.has_audio for track in source.tracks)
        times, time_base, audio = _read_times(section, has_audio=has_audio)
        plan = _plan(times, time_base, wanted, source.duration_seconds)
        _require_audio(audio, plan, source.duration_seconds)
        with_audio = audio is not None and audio.start < plan.after
        _encode(section, plan, order.output, with_audio=with_audio, ffmpeg=ffmpeg, monitor=monitor)
        size = section.stat().st_size
    finally:
        section.unlink(missing_ok=True)
    video = inspect_output(order.output).video
    frames = 0 if video is None else video.units
    if frames != plan.frames:
        raise ClipIncomplete(f"The clip has {frames} frames instead of {plan.frames}")
    return ClipReport(
        requested=wanted,
        actual=TimeRange(plan.first, plan.after),
        method="reencode",
        bytes_fetched=size,
        encoded_frames=plan.frames,
        copied_frames=0,
        notes=(Note(NoteCode.REENCODED, "The section was read by FFmpeg and encoded again"),),
        sound=TimeRange(Fraction(0), plan.after - plan.first) if with_audio else None,
    )


def input_options(track: Track, network: NetworkSettings, program: Path) -> list[str]:
    """FFmpeg's options before ``-i`` for media of the network: headers, proxy, certificates, and what to do when the
    connection stalls or breaks. Without them a broken connection counts as the end of the video. ``program`` is the
    FFmpeg that gets them: FFmpeg 5 and 6 refuse to start with an option that only newer ones have."""
    micros = str(round(network.stall_seconds * 1_000_000))
    options = ["-protocol_whitelist", _NETWORK_PROTOCOLS, "-rw_timeout", micros]
    options += ["-format_whitelist", _DEMUXERS.get(track.protocol, "mov,matroska")]
    headers = "".join(f"{_HEADER.sub('', name)}: {_HEADER.sub('', value)}\r\n" for name, value in track.headers.items())
    if headers:
        options += ["-headers", headers]
    if network.proxy:
        options += ["-http_proxy", network.proxy]
    if track.protocol == "https":  # FFmpeg's playlist reader knows only some of the options, and reconnects itself
        options += ["-reconnect", "1", "-reconnect_on_network_error", "1", "-reconnect_on_http_error", "5xx"]
        options += ["-reconnect_delay_max", "5"]
        if understands(program, "protocol=http", "reconnect_max_retries"):
            options += ["-reconnect_max_retries", str(network.retries)]
        if track.url.startswith("https:"):
            options += ["-tls_verify", str(int(network.verify_tls)), "-ca_file", certifi.where()]
    return options


def _fetch(
    source: ClipSource, wanted: TimeRange, section: Path, network: NetworkSettings, ffmpeg: FFmpeg, monitor: Monitor
) -> None:
    start = max(Fraction(0), wanted.start - MARGIN_SECONDS)
    length = float(wanted.end + MARGIN_SECONDS - start)
    inputs: list[str] = []
    for track in source.tracks:
        if network.guard is not None:
            network.guard(track.url)
        inputs += [*input_options(track, network, ffmpeg.program), "-ss", f"{float(start):.6f}", "-t", f"{length:.6f}"]
        inputs += ["-i", track.url]
    maps = ["-map", f"{next(i for i, track in enumerate(source.tracks) if track.has_video)}:v:0"]
    audio = next((i for i, track in enumerate(source.tracks) if track.has_audio), None)
    if audio is not None:
        maps += ["-map", f"{audio}:a:0"]

    def report(reading: FFmpegProgress) -> None:
        share = _share(reading.media_seconds, start, length)
        percent = _FETCH_SHARE * share
        monitor.report(Progress(Phase.DOWNLOADING, percent, speed=_speed(reading), fps=reading.fps))

    try:
        ffmpeg.run(
            [
                *("-xerror", "-copyts", *inputs, *maps, "-c", "copy", "-avoid_negative_ts", "disabled"),
                *("-output_ts_offset", str(_OFFSET_SECONDS), "-f", "nut", str(section)),
            ],
            monitor=monitor,
            on_progress=report,
            limits=Limits(stall_seconds=network.give_up_seconds),
        )
    except EncodeFailed as error:
        status = error.details.get("http_status")
        known = media_error([error.message], status if isinstance(status, int) else None)
        raise known or ClipIncomplete(f"The section could not be read: {error.message}") from None


def _read_times(section: Path, *, has_audio: bool) -> tuple[list[Fraction], Fraction, TimeRange | None]:
    """The presentation times of all frames in order, their time base, and from when to when there is audio."""
    frames: list[Fraction] = []
    time_base = Fraction(1, 90_000)
    audio: TimeRange | None = None
    try:
        with av.open(str(section), format="nut") as container:
            for packet in container.demux():
                if packet.pts is None or packet.time_base is None:
                    continue
                at = packet.pts * packet.time_base - _OFFSET_SECONDS
                if packet.stream.type == "video":
                    frames.append(at)
                    time_base = packet.time_base
                else:
                    end = at + (packet.duration or 0) * packet.time_base
                    audio = TimeRange(at, end) if audio is None else TimeRange(audio.start, max(audio.end, end))
    except av.error.FFmpegError:
        raise ClipIncomplete("The section could not be read") from None
    if has_audio and audio is None:
        raise ClipIncomplete("The section has no audio")
    return sorted(frames), time_base, audio


def _plan(times: Sequence[Fraction], time_base: Fraction, wanted: TimeRange, duration_seconds: float | None) -> _Plan:
    start, end = wanted.start - FRAME_TOLERANCE_SECONDS, wanted.end - FRAME_TOLERANCE_SECONDS
    inside = [at for at in times if start <= at < end]
    if not inside:
        raise ClipIncomplete("The section holds no frame of the time range")
    usual = median(later - earlier for earlier, later in pairwise(inside)) if len(inside) > 1 else Fraction(1, 25)
    before = max((at for at in times if at < inside[0]), default=inside[0] - usual)
    after = min((at for at in times if at > inside[-1]), default=inside[-1] + usual)
    expected = wanted.end if duration_seconds is None else min(wanted.end, _latest(duration_seconds))
    gap = max((later - earlier for earlier, later in pairwise([*inside, after])), default=usual)
    if after < expected - usual or (gap > 1 and gap > _MOST_GAP_FRAMES * usual):
        raise ClipIncomplete("The site sent only a part of the section")
    return _Plan(
        first=inside[0],
        after=after,
        frames=len(inside),
        # The cuts lie halfway between two frames, so that no rounding can move them across one.
        from_between=(before + inside[0]) / 2,
        to_between=(inside[-1] + after) / 2,
        time_base=time_base,
    )


def _require_audio(audio: TimeRange | None, plan: _Plan, duration_seconds: float | None) -> None:
    if audio is None:
        return
    expected = plan.after if duration_seconds is None else min(plan.after, _latest(duration_seconds))
    if audio.end < expected - Fraction(1, 4):
        seconds = float(max(audio.end - plan.first, Fraction(0)))
        raise ClipIncomplete(
            f"The audio that the site sent ends {seconds:.1f} s after the start of the clip, before the video"
        )


def _latest(duration_seconds: float) -> Fraction:
    return Fraction(duration_seconds) - Fraction(_LENGTH_TOLERANCE_SECONDS)


def _encode(section: Path, plan: _Plan, output: Path, *, with_audio: bool, ffmpeg: FFmpeg, monitor: Monitor) -> None:
    filters = [f"[0:v:0]trim={_at(plan.from_between)}:{_at(plan.to_between)},setpts=PTS-STARTPTS[v]"]
    maps = ["-map", "[v]"]
    if with_audio:
        # Missing audio at the start or in the middle becomes silence, so that video and audio stay in sync.
        filters += [
            f"[0:a:0]atrim={_at(plan.first)}:{_at(plan.after)},asetpts=PTS-{_at(plan.first)}/TB,"
            "aresample=async=1:first_pts=0[a]"
        ]
        maps += ["-map", "[a]"]

    def report(reading: FFmpegProgress) -> None:
        percent = _FETCH_SHARE + (100 - _FETCH_SHARE) * (reading.percent or 0.0) / 100
        monitor.report(Progress(Phase.DOWNLOADING, percent, 0.0, _speed(reading), reading.eta_seconds, reading.fps))

    ffmpeg.confined(reads=[section], writes=[output.parent]).run(
        [
            *("-copyts", "-i", str(section), "-filter_complex", ";".join(filters), *maps),
            *(
                "-fps_mode",
                "passthrough",
                "-enc_time_base:v",
                f"{plan.time_base.numerator}/{plan.time_base.denominator}",
                "-map_metadata",
                "-1",
            ),
            *QUICK_ENCODERS[output.suffix],
            str(output),
        ],
        monitor=monitor,
        frames=plan.frames,
        on_progress=report,
    )


def _at(seconds: Fraction) -> str:
    """A time of the source as a time of the local file."""
    return f"{float(seconds + _OFFSET_SECONDS):.6f}"


def _share(media_seconds: float | None, start: Fraction, length: float) -> float:
    if media_seconds is None:
        return 0.0
    return min(1.0, max(0.0, (media_seconds - float(start)) / length))


def _speed(reading: FFmpegProgress) -> str | None:
    return f"{reading.speed:.1f}x" if reading.speed else None
