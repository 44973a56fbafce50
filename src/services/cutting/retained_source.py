"""What a job keeps of its source beside its file, so that a clip whose times are moved needs no new download."""

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

_LOOK = "video.json"
_LOOKS = TypeAdapter(Extraction)


class RetainedSource:
    """A folder of one attempt: the look at the video, links included, and what was fetched of the chosen formats.

    An attempt takes the folder that an earlier one left and gives it back when it has succeeded: two attempts never
    share one.
    """

    def __init__(self, folder: Path, padding_seconds: float, most_bytes: int) -> None:
        self._folder, self._padding, self._most_bytes = folder, Fraction(padding_seconds), most_bytes
        self._used: Path | None = None

    @classmethod
    def take(cls, left: Path | None, folder: Path, settings: Settings) -> Self | None:
        """What lies at ``left``, moved to ``folder``; None when nothing is to be kept."""
        if left is None or settings.clip_padding_seconds <= 0:
            return None
        with suppress(OSError):
            left.rename(folder)
        folder.mkdir(mode=0o700, exist_ok=True)
        return cls(folder, settings.clip_padding_seconds, settings.clip_kept_mb * 1_000_000)

    def look(self, video_id: str) -> Extraction | None:
        """The look that was kept of this video."""
        with suppress(OSError, ValidationError):
            found = _LOOKS.validate_json((self._folder / _LOOK).read_bytes())
            return found if found.info.id == video_id else None
        return None

    def remember(self, video: Extraction) -> None:
        """Keep a look at a video."""
        path = self._folder / _LOOK
        path.touch(mode=0o600)
        path.write_bytes(_LOOKS.dump_json(video))

    def of(self, selection: Selection) -> Keep:
        """Where the engine keeps what it fetches of these formats."""
        ids = [entry.id for entry in (selection.video, selection.audio) if entry is not None]
        self._used = self._folder / hashlib.sha256("\n".join(ids).encode()).hexdigest()[:16]
        return Keep(self._used, self._padding, self._most_bytes)

    def leave(self, target: Path, *, worth_it: bool) -> None:
        """Give the folder back to the job, without what was kept of other formats."""
        for entry in self._folder.iterdir():
            if entry.is_dir() and entry != self._used:
                shutil.rmtree(entry)
        if worth_it:
            shutil.rmtree(target, ignore_errors=True)
            self._folder.rename(target)
