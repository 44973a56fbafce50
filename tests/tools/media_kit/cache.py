"""Films are made once for each recipe and kept; safe with several test processes at once."""

from __future__ import annotations

import fcntl
import hashlib
import os
from collections.abc import Callable
from pathlib import Path

from tests.tools.media_kit.film import FFMPEG, Film, arguments, make_film

PATTERN_VERSION = 1
"""To be raised when ``pattern`` or ``sound`` render something else; other FFmpeg arguments are noticed anyway."""


def media_cache() -> Path:
    """The folder of the cache: ``TEST_MEDIA_CACHE``, otherwise ``.cache/media`` in the project's root."""
    named = os.environ.get("TEST_MEDIA_CACHE")
    return Path(named) if named else Path(__file__).parents[3] / ".cache" / "media"


def cached_film(film: Film, suffix: str = ".mp4") -> Path:
    """The file of ``film`` in the container of ``suffix``, made now if it never was. Never write to it: copy it."""
    recipe = "\n".join([repr(film), *arguments(film, suffix, "pictures", "sound")])
    return cached_file(recipe, suffix, lambda path: make_film(path, film))


def cached_file(recipe: str, suffix: str, make: Callable[[Path], object]) -> Path:
    """The file that ``make(path)`` writes, made once for each text ``recipe``, suffix and version of FFmpeg."""
    identity = f"{PATTERN_VERSION}\n{Path(FFMPEG).name}\n{suffix}\n{recipe}"
    folder = media_cache()
    target = folder / (hashlib.sha256(identity.encode()).hexdigest()[:20] + suffix)
    if target.exists():
        return target
    folder.mkdir(parents=True, exist_ok=True)
    with target.with_name(target.name + ".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not target.exists():
            unfinished = target.with_name(f"{os.getpid()}-{target.name}")
            try:
                make(unfinished)
                unfinished.replace(target)
            finally:
                unfinished.unlink(missing_ok=True)
    return target
