"""Development: tells when a source file has changed."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path


class SourceWatch:
    """Remembers the files of a project and their times of change."""

    def __init__(self, project: Path) -> None:
        self._project = project
        self._seen = dict(self._look())

    def _look(self) -> Iterator[tuple[Path, int]]:
        for folder, pattern in ((self._project, "*.py"), (self._project / "src", "**/*.py"), (self._project, ".env")):
            for path in folder.glob(pattern):
                yield path, path.stat().st_mtime_ns

    def changed(self) -> bool:
        """Return whether a file came, went or changed since the last call."""
        now = dict(self._look())
        before, self._seen = self._seen, now
        return now != before
