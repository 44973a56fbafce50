"""Clips and whole videos from beginning to end: index, fetch, cut, verify, and the next way when one does not work."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import suppress
from fractions import Fraction
from pathlib import Path

from src.errors import ClipRangeInvalid
from src.models.media_source import ClipSource, Mode, NetworkSettings, TimeRange
from src.models.progress import Monitor
from src.services.cutting.engine.indexes.segment_parts import examined
from src.services.cutting.engine.model import ClipReport, Keep
from src.services.cutting.engine.muxer import FAMILIES
from src.services.cutting.engine.session import Session

__all__ = ["Session", "fetch_whole", "make_clip", "make_clips", "make_parts"]

_FOREVER = Fraction(10**7)  # seconds, longer than any video


def make_clips(
    source: ClipSource,
    ranges: Sequence[TimeRange],
    outputs: Sequence[Path],
    *,
    work_dir: Path,
    network: NetworkSettings,
    mode: Mode = "exact",
    ffmpeg: Path | None = None,
    monitor: Monitor,
    refresh: Callable[[], ClipSource] | None = None,
) -> list[ClipReport]:
    """Make one clip for each range, with one index and one fetch of what they share. The suffix of an output (.mp4,
    .webm) is its container.

    Args:
        work_dir: existing folder for temporary files; nothing of this call is left in it.
        mode: ``exact`` copies what it can and encodes the edges; ``keyframe`` encodes nothing and may show more;
            ``reencode`` encodes everything.
        ffmpeg: the program; encodes pictures that the linked encoders cannot take (VP9 of more than 8 bits).
        refresh: extracts the source again when its links have expired; called at most once.

    Raises:
        ClipRangeInvalid: a range is empty or outside the video.
        SourceUnreadable: the engine cannot index or read this source; nothing is wrong with the network.
        SegmentMissing: a segment in a range is missing or spoiled; its times are told.
        AppError: MediaForbidden, MediaGone, Network, NetworkTimeout, ProxyError, TlsError, RateLimited, DrmProtected,
            DiskFull, ClipIncomplete, and whatever ``monitor`` or ``refresh`` raise.
    """
    _check_arguments(source, ranges, outputs)
    with Session(source, work_dir, network, monitor, refresh, ffmpeg) as session:
        video, audio = session.indexes()
        for number, wanted in enumerate(ranges):
            session.want(video, audio, wanted, number)
        return [
            session.clip(*examined(video, audio, wanted), wanted, output, mode)
            for wanted, output in zip(ranges, outputs, strict=True)
        ]


def _check_arguments(source: ClipSource, ranges: Sequence[TimeRange], outputs: Sequence[Path]) -> None:
    if len(ranges) != len(outputs):
        raise ValueError("as many outputs as ranges")
    for output in outputs:
        if output.suffix.lower() not in FAMILIES:
            raise ValueError(f"unknown container: {output.suffix}")
    for wanted in ranges:
        if not 0 <= wanted.start < wanted.end:
            raise ClipRangeInvalid()
        if source.duration_seconds is not None and wanted.start >= Fraction(source.duration_seconds) + 1:
            raise ClipRangeInvalid("The time range begins behind the end of the video.")


def make_clip(
    source: ClipSource,
    wanted: TimeRange,
    output: Path,
    *,
    work_dir: Path,
    network: NetworkSettings,
    mode: Mode = "exact",
    ffmpeg: Path | None = None,
    monitor: Monitor,
    refresh: Callable[[], ClipSource] | None = None,
    keep: Keep | None = None,
) -> ClipReport:
    """One clip; see ``make_clips``.

    Args:
        keep: what earlier calls left there is not fetched again; this one leaves what it has, unless it fails.
    """
    _check_arguments(source, [wanted], [output])
    with Session(source, work_dir, network, monitor, refresh, ffmpeg, keep) as session:
        video, audio = session.indexes()
        session.want(video, audio, wanted, 0)
        found = examined(video, audio, wanted)
        return session.leave(session.clip(*found, wanted, output, mode))


def make_parts(
    source: ClipSource,
    wanted: TimeRange,
    folder: Path,
    suffix: str,
    *,
    work_dir: Path,
    network: NetworkSettings,
    ffmpeg: Path | None = None,
    monitor: Monitor,
    refresh: Callable[[], ClipSource] | None = None,
) -> list[tuple[Path, ClipReport]]:
    """An exact clip of each stretch of the range between discontinuities, as ``part<n><suffix>`` in ``folder``.

    Arguments and errors: see ``make_clips``.
    """
    _check_arguments(source, [wanted], [folder / f"part{suffix}"])
    made: list[tuple[Path, ClipReport]] = []
    with Session(source, work_dir, network, monitor, refresh, ffmpeg) as session:
        parts = session.parts(*session.indexes(), wanted)
        for number, part in enumerate(parts):
            session.want(*part, number)
        for part in parts:
            output = folder / f"part{len(made)}{suffix}"
            with suppress(ClipRangeInvalid):  # too short a stretch for a frame
                made.append((output, session.clip(*part, output, "exact")))
    if not made:
        raise ClipRangeInvalid("The time range holds no frame.")
    return made


def fetch_whole(
    source: ClipSource,
    output: Path,
    *,
    work_dir: Path,
    network: NetworkSettings,
    ffmpeg: Path | None = None,
    monitor: Monitor,
    refresh: Callable[[], ClipSource] | None = None,
) -> ClipReport:
    """The whole video, fetched in parallel and stored in the container of ``output``'s suffix without a cut.

    Codecs that the container cannot hold are encoded. Arguments and errors: see ``make_clips``.
    """
    return make_clip(
        source,
        TimeRange(Fraction(0), _FOREVER),
        output,
        work_dir=work_dir,
        network=network,
        mode="keyframe",
        ffmpeg=ffmpeg,
        monitor=monitor,
        refresh=refresh,
    )
