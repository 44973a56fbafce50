"""Retains what a job fetched of its source next to its file, so that a clip with new times needs no new download."""

from __future__ import annotations

import hashlib
import shutil
from contextlib import suppress
from fractions import Fraction
from pathlib import Path
from typing import Self

from pydantic import TypeAdapter, ValidationError

from src.config import Settings
from src.models.source import Extraction
from src.services.cutting.engine.model import Keep
from src.services.youtube.selection import Selection

_LOOKUP_FILE = "video.json"
_EXTRACTION = TypeAdapter(Extraction)


class RetainedSource:
    """The folder of one attempt: the lookup of the video, links included, and the bytes of the chosen formats.

    An attempt takes the folder of an earlier one and returns it when it succeeds, so two attempts never share one.
    """

    def __init__(self, folder: Path, padding_seconds: float, most_bytes: int) -> None:
        self._folder, self._padding, self._most_bytes = folder, Fraction(padding_seconds), most_bytes
        self._used: Path | None = None

    @classmethod
    def take(cls, left: Path | None, folder: Path, settings: Settings) -> Self | None:
        """Move what an earlier attempt left to ``folder``; return None where nothing is retained."""
        if left is None or settings.clip_padding_seconds <= 0:
            return None
        with suppress(OSError):
            left.rename(folder)
        folder.mkdir(mode=0o700, exist_ok=True)
        return cls(folder, settings.clip_padding_seconds, settings.clip_kept_mb * 1_000_000)

    def lookup(self, video_id: str) -> Extraction | None:
        """Return the retained lookup of this video."""
        with suppress(OSError, ValidationError):
            found = _EXTRACTION.validate_json((self._folder / _LOOKUP_FILE).read_bytes())
            return found if found.info.id == video_id else None
        return None

    def remember(self, video: Extraction) -> None:
        """Retain a lookup of the video."""
        path = self._folder / _LOOKUP_FILE
        path.touch(mode=0o600)
        path.write_bytes(_EXTRACTION.dump_json(video))

    def of(self, selection: Selection) -> Keep:
        """Return where the engine retains what it fetches of these formats."""
        ids = [entry.id for entry in (selection.video, selection.audio) if entry is not None]
        self._used = self._folder / hashlib.sha256("\n".join(ids).encode()).hexdigest()[:16]
        return Keep(self._used, self._padding, self._most_bytes)

    def leave(self, target: Path, *, worth_it: bool) -> None:
        """Return the folder to the job, without the bytes of other formats."""
        for entry in self._folder.iterdir():
            if entry.is_dir() and entry != self._used:
                shutil.rmtree(entry)
        if worth_it:
            shutil.rmtree(target, ignore_errors=True)
            self._folder.rename(target)
