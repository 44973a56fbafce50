"""Defines captions: the text of what is spoken in a video, with times."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Cue:
    """One caption. Times are milliseconds from the start of the video; lines are separated by a line feed."""

    start_ms: int
    end_ms: int
    text: str


@dataclass(frozen=True, slots=True)
class Captions:
    """The captions of a video in one language, ordered by start.

    ``automatic``: produced by the site's speech recognition or translation, not written by people.
    """

    video_id: str
    title: str
    language: str
    automatic: bool
    cues: tuple[Cue, ...]
