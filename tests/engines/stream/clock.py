"""A clock that stands still until somebody sleeps, and a live site that goes by it."""

from __future__ import annotations

import threading
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

from tests.engines.clip.origin import Origin

Listed = list[tuple[str, float]]


class StandingClock:
    """Time passes only while somebody sleeps, and nobody waits for it."""

    def __init__(self) -> None:
        self._seconds, self._lock = 1000.0, threading.Lock()

    def now(self) -> datetime:
        return datetime(2026, 1, 1, tzinfo=UTC) + timedelta(seconds=self._seconds)

    def monotonic(self) -> float:
        return self._seconds

    def sleep(self, seconds: float) -> None:
        with self._lock:
            self._seconds += max(seconds, 0.001)


class LiveSite:
    """An origin whose playlists are written anew for every request, by the time of a clock.

    ``text`` gets the name of a playlist and the seconds since the site began; None is a 404.
    """

    def __init__(
        self,
        clock: StandingClock,
        files: dict[str, Path | bytes],
        names: tuple[str, ...],
        text: Callable[[str, float], str | None],
    ) -> None:
        self._clock, self._names, self._text = clock, names, text
        self._began = clock.monotonic()
        self.origin = Origin(dict(files))
        self.origin.on_request = self._write
        self._write(0)

    def _write(self, number: int) -> None:
        for name in self._names:
            text = self._text(name, self._clock.monotonic() - self._began)
            if text is None:
                self.origin.files.pop(name, None)
            else:
                self.origin.files[name] = text.encode()


def window(listed: Listed, passed: float, *, size: int, first: int = 0, ended: bool = False) -> str:
    """A live playlist of the ``size`` newest of the segments (name, seconds) that are complete after ``passed``
    seconds; ``size`` of them are at the beginning. ``first`` is the number of the first one of all."""
    count, at = size, 0.0
    for _, seconds in listed[size:]:
        at += seconds
        count += at <= passed
    start = max(count - size, 0)
    lines = ["#EXTM3U", f"#EXT-X-TARGETDURATION:{round(max(s for _, s in listed) + 0.5)}"]
    lines += [f"#EXT-X-MEDIA-SEQUENCE:{first + start}"]
    for name, seconds in listed[start:count]:
        lines += [f"#EXTINF:{seconds:.6f},", name]
    return "\n".join([*lines, *(["#EXT-X-ENDLIST"] if ended else []), ""])
