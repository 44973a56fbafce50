"""Writes captions as WebVTT, SubRip, plain text or JSON."""

from __future__ import annotations

import json
from collections.abc import Callable

from src.models.captions import Captions, Cue
from src.models.params import CaptionFormat

MIME: dict[CaptionFormat, str] = {
    "vtt": "text/vtt",
    "srt": "application/x-subrip",
    "txt": "text/plain",
    "json": "application/json",
}


def write_captions(captions: Captions, wanted: CaptionFormat) -> str:
    """Return the text of a file in this format, with line feeds."""
    return _WRITERS[wanted](captions)


def _vtt(captions: Captions) -> str:
    blocks = [f"WEBVTT\nKind: captions\nLanguage: {captions.language}"]
    blocks += [f"{_span(cue, '.')}\n{_escaped(cue.text)}" for cue in captions.cues]
    return "\n\n".join(blocks) + "\n"


def _srt(captions: Captions) -> str:
    blocks = [f"{number}\n{_span(cue, ',')}\n{cue.text}" for number, cue in enumerate(captions.cues, 1)]
    return "\n\n".join(blocks) + "\n"


def _txt(captions: Captions) -> str:
    lines: list[str] = []
    for cue in captions.cues:
        lines += [line for line in cue.text.split("\n") if not lines or line != lines[-1]]
    return "\n".join(lines) + "\n"


def _json(captions: Captions) -> str:
    document = {
        "video_id": captions.video_id,
        "title": captions.title,
        "language": captions.language,
        "automatic": captions.automatic,
        "cues": [{"start": cue.start_ms / 1000, "end": cue.end_ms / 1000, "text": cue.text} for cue in captions.cues],
    }
    return json.dumps(document, ensure_ascii=False, indent=1) + "\n"


_WRITERS: dict[CaptionFormat, Callable[[Captions], str]] = {"vtt": _vtt, "srt": _srt, "txt": _txt, "json": _json}


def _span(cue: Cue, point: str) -> str:
    return f"{_clock(cue.start_ms, point)} --> {_clock(cue.end_ms, point)}"


def _clock(milliseconds: int, point: str) -> str:
    seconds, thousandths = divmod(milliseconds, 1000)
    minutes, second = divmod(seconds, 60)
    hours, minute = divmod(minutes, 60)
    return f"{hours:02}:{minute:02}:{second:02}{point}{thousandths:03}"


def _escaped(text: str) -> str:
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
