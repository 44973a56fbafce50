"""Cuts clips and fetches whole videos: index, fetch, cut, verify, and the next method when one fails."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from fractions import Fraction

from src.errors import ClipRangeInvalid
from src.models.media_source import ClipSource, TimeRange
from src.models.progress import Monitor
from src.services.cutting.engine.indexes.segment_parts import examined
from src.services.cutting.engine.model import Call, ClipReport, CutOrder
from src.services.cutting.engine.muxer import FAMILIES
from src.services.cutting.engine.session import Session

Refresh = Callable[[], ClipSource]
"""Extracts the source again when its links have expired; called at most once."""

_FOREVER = Fraction(10**7)  # seconds, longer than any video


def clips(order: CutOrder, monitor: Monitor, refresh: Refresh | None = None) -> list[ClipReport]:
    """Cut one clip for each range, with one index and one fetch of what they share. Nothing is left in ``work_dir``.

    Raises:
        ClipRangeInvalid: a range is empty or outside the video.
        SourceUnreadable: the engine cannot index or read this source; nothing is wrong with the network.
        SegmentMissing: a segment in a range is missing or damaged; the error holds its times.
        AppError: MediaForbidden, MediaGone, Network, NetworkTimeout, ProxyError, TlsError, RateLimited, DrmProtected,
            DiskFull, ClipIncomplete, and whatever ``monitor`` or ``refresh`` raise.
    """
    _check(order)
    with Session(order, monitor, refresh) as session:
        video, audio = session.indexes()
        for number, wanted in enumerate(order.ranges):
            session.want(video, audio, wanted, number)
        return [
            session.clip(*examined(video, audio, wanted), wanted, output, order.mode)
            for wanted, output in zip(order.ranges, order.outputs, strict=True)
        ]


def clip(order: CutOrder, monitor: Monitor, refresh: Refresh | None = None) -> list[ClipReport]:
    """Cut one clip, with what earlier calls left in ``order.keep``; leave there what it has, unless it fails.

    Errors: see ``clips``.
    """
    _check(order)
    with Session(order, monitor, refresh) as session:
        video, audio = session.indexes()
        session.want(video, audio, order.range, 0)
        found = examined(video, audio, order.range)
        return [session.leave(session.clip(*found, order.range, order.output, order.mode))]


def parts(order: CutOrder, monitor: Monitor, refresh: Refresh | None = None) -> list[ClipReport]:
    """Cut an exact clip of each part of the range between discontinuities, as ``order.part(n)``.

    Errors: see ``clips``.
    """
    _check(order)
    reports: list[ClipReport] = []
    with Session(replace(order, keep=None, share=None), monitor, refresh) as session:
        found = session.parts(*session.indexes(), order.range)
        for number, part in enumerate(found):
            session.want(*part, number)
        for part in found:
            with suppress(ClipRangeInvalid):  # shorter than a frame
                reports.append(session.clip(*part, order.part(len(reports)), "exact"))
    if not reports:
        raise ClipRangeInvalid("The time range holds no frame.")
    return reports


def whole(order: CutOrder, monitor: Monitor, refresh: Refresh | None = None) -> list[ClipReport]:
    """Fetch a video in parallel and store all of it without a cut, whatever ``ranges`` and ``mode`` are.

    Codecs that the container cannot hold are encoded. Errors: see ``clips``.
    """
    return clip(replace(order, ranges=(TimeRange(Fraction(0), _FOREVER),), mode="keyframe"), monitor, refresh)


def runs(order: CutOrder, monitor: Monitor, refresh: Refresh | None = None) -> list[ClipReport]:
    """Cut each run of captured segments, as ``order.part(n)``; nothing is fetched."""
    # Only live clips need these modules, and every child of the engine would load them.
    from src.services.cutting.engine.captured_runs_cut import cut_runs

    return cut_runs(order, monitor)


def copies(order: CutOrder, monitor: Monitor, refresh: Refresh | None = None) -> list[ClipReport]:
    """Copy all captured segments of the range, as ``order.part(n)`` for each layout of the video."""
    from src.services.cutting.engine.captured_copy import copy_runs

    return copy_runs(order, monitor)


METHODS: dict[Call, Callable[[CutOrder, Monitor, Refresh | None], list[ClipReport]]] = {
    "clip": clip,
    "clips": clips,
    "parts": parts,
    "whole": whole,
    "runs": runs,
    "copies": copies,
}


def _check(order: CutOrder) -> None:
    if len(order.ranges) != len(order.outputs):
        raise ValueError("as many outputs as ranges")
    for output in order.outputs:
        if output.suffix.lower() not in FAMILIES:
            raise ValueError(f"unknown container: {output.suffix}")
    assert isinstance(order.source, ClipSource)
    length = order.source.duration_seconds
    for wanted in order.ranges:
        if not 0 <= wanted.start < wanted.end:
            raise ClipRangeInvalid()
        if length is not None and wanted.start >= Fraction(length) + 1:
            raise ClipRangeInvalid("The time range starts after the end of the video.")
