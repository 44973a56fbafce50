"""Detects changes of source files, for development."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path


class SourceWatch:
    """The files of a project and the times of their last change."""

    def __init__(self, project: Path) -> None:
        self._project = project
        self._seen = dict(self._scan())

    def _scan(self) -> Iterator[tuple[Path, int]]:
        for folder, pattern in ((self._project, "*.py"), (self._project / "src", "**/*.py"), (self._project, ".env")):
            for path in folder.glob(pattern):
                yield path, path.stat().st_mtime_ns

    def changed(self) -> bool:
        """Return whether a file was added, removed or changed since the last call."""
        now = dict(self._scan())
        before, self._seen = self._seen, now
        return now != before
