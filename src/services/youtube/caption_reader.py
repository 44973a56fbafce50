"""Parses YouTube's captions (json3 or WebVTT) to cues without repetitions and overlaps.

Written captions are not changed. Automatic ones roll: two lines are shown, the older one above, so a WebVTT cue repeats
the previous line, short cues in between repeat a finished line, and a json3 cue lasts until the one after the next.
Each line becomes one cue, from its start to the start of the next.
"""

from __future__ import annotations

import html
import json
import re
from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import Any

from src.models.captions import Cue

_TIMING = re.compile(r"((?:\d+:)?\d{2}:\d{2}\.\d{3})\s+-->\s+((?:\d+:)?\d{2}:\d{2}\.\d{3})")
_TAGS = re.compile(r"<[^<>]*>")
DEFAULT_MS = 3000  # for the last cue, if it has no length


def read_json3(text: str, *, automatic: bool) -> tuple[Cue, ...]:
    """Parse captions in the site's JSON format.

    Raises:
        ValueError: the format is wrong.
    """
    try:
        document = json.loads(text)
    except RecursionError:
        raise ValueError("nested too deeply") from None
    events = document.get("events") if isinstance(document, dict) else None
    if not isinstance(events, list):
        raise ValueError("no list of events")
    cues = [cue for event in events if isinstance(event, dict) and (cue := _cue_of(event)) is not None]
    return _in_order(cues, automatic=automatic)


def read_vtt(text: str, *, automatic: bool) -> tuple[Cue, ...]:
    """Parse WebVTT, without its styles, positions and tags.

    Raises:
        ValueError: the format is wrong.
    """
    if not text.lstrip("\ufeff").startswith("WEBVTT"):
        raise ValueError("no WebVTT")
    cues: list[Cue] = []
    # Only an empty line ends a cue: the site sends lines with one space inside cues.
    for block in re.split(r"\n{2,}", text.replace("\r\n", "\n").replace("\r", "\n")):
        timing = _TIMING.search(block)
        if timing is None:
            continue
        lines = block[timing.end() :].split("\n")[1:]
        shown = _clean(html.unescape(_TAGS.sub("", line)) for line in lines)
        if shown:
            cues.append(Cue(_milliseconds(timing[1]), _milliseconds(timing[2]), shown))
    return _in_order(_unrolled(cues) if automatic else cues, automatic=automatic)


def _cue_of(event: dict[str, Any]) -> Cue | None:
    start, segments = event.get("tStartMs"), event.get("segs")
    if not isinstance(start, int) or not isinstance(segments, list):
        return None
    text = _clean(
        "".join(str(segment.get("utf8") or "") for segment in segments if isinstance(segment, dict)).split("\n")
    )
    length = event.get("dDurationMs")
    if not isinstance(length, int):
        length = 0
    return Cue(start, start + length, text) if text else None


def _unrolled(cues: Sequence[Cue]) -> list[Cue]:
    result: list[Cue] = []
    shown: list[str] = []
    for cue in cues:
        lines = cue.text.split("\n")
        new = [line for line in lines if line not in shown]
        shown = lines
        if new:
            result.append(replace(cue, text="\n".join(new)))
        elif result:  # it only extends the previous cue
            result[-1] = replace(result[-1], end_ms=max(result[-1].end_ms, cue.end_ms))
    return result


def _in_order(cues: Iterable[Cue], *, automatic: bool) -> tuple[Cue, ...]:
    ordered = sorted(cues, key=lambda cue: cue.start_ms)
    done: list[Cue] = []
    for cue, after in zip(ordered, [*ordered[1:], None], strict=False):
        end = cue.end_ms
        if end <= cue.start_ms:
            end = after.start_ms if after is not None and after.start_ms > cue.start_ms else cue.start_ms + DEFAULT_MS
        if automatic and after is not None and after.start_ms > cue.start_ms:
            end = min(end, after.start_ms)
        done.append(replace(cue, end_ms=end))
    return tuple(done)


def _clean(lines: Iterable[str]) -> str:
    return "\n".join(text for line in lines if (text := " ".join(line.replace("\u200b", "").split())))


def _milliseconds(text: str) -> int:
    seconds = 0.0
    for part in text.split(":"):
        seconds = seconds * 60 + float(part)
    return round(seconds * 1000)
