"""Calculates the new times of a clip whose owner moves its start or end."""

from __future__ import annotations

from collections.abc import Mapping

from src.errors import ClipRangeInvalid
from src.models.params import ClipParams, JobParams, LiveClipParams
from src.models.video import VideoJob


def moved(params: JobParams, move: Mapping[str, float]) -> dict[str, float | bool]:
    """Return the parameters that change, all times in seconds. ``move``: see ``ClipService.move``.

    Raises:
        ClipRangeInvalid: times that form no range, or that this kind of clip does not have.
    """
    return _moved_live(params, move) if isinstance(params, LiveClipParams) else _moved_range(params, move)


def _moved_range(params: JobParams, move: Mapping[str, float]) -> dict[str, float]:
    """Return the new times of a clip of a video."""
    assert isinstance(params, ClipParams)
    if "offset" in move or "duration" in move:
        raise ClipRangeInvalid("Only a live clip has an offset and a duration.")
    start = move.get("start_time", params.start_time) + move.get("move_start", 0)
    end = move.get("end_time", params.end_time) + move.get("move_end", 0)
    if start < 0 or end <= start:
        raise ClipRangeInvalid("end_time must be after start_time, and start_time not below 0.")
    return {"start_time": start, "end_time": end}


def _moved_live(params: LiveClipParams, move: Mapping[str, float]) -> dict[str, float | bool]:
    """Return the new window of a live clip. Stream times move it by their difference to the current stream times.

    It is not repaired any more: its owner has chosen these times with the file as it is.
    """
    offset = move.get("offset", params.clip_offset)
    end = move.get("duration", params.clip_duration) - offset
    for name, now in (("start_time", params.start_time), ("end_time", params.end_time)):
        if name not in move:
            continue
        if now is None:
            raise ClipRangeInvalid("The times of this stream are not known yet: use move_start and move_end.")
        if name == "start_time":
            offset -= move[name] - now
        else:
            end = end + move[name] - now
    offset -= move.get("move_start", 0)
    end += move.get("move_end", 0)
    if offset + end <= 0:
        raise ClipRangeInvalid("The end must be after the start.")
    return {"clip_offset": offset, "clip_duration": offset + end, "moved": True}


def inside_retained(job: VideoJob, changes: Mapping[str, float]) -> bool:
    """Whether the retained part of the source contains the new times."""
    if job.report.get("source") in ("live", "post_live"):  # everything that was captured is retained
        return True
    retained = (job.report.get("actual") or {}).get("kept")
    return (
        retained is not None and retained["start"] <= changes["start_time"] and changes["end_time"] <= retained["end"]
    )
