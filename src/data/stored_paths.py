"""Translates file locations between records, which name files relative to a configured folder, and this host.

Records of older versions hold absolute paths. These are understood, also after the files were moved, until the
cleanup has rewritten them (``src/data/path_data.py``).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path, PurePosixPath


@dataclass(frozen=True, slots=True)
class Root:
    """A folder whose files records name. Without a folder, which only tests use, paths are stored unchanged."""

    folder: Path | None = None

    def stored(self, path: Path | str) -> str:
        """Return the text for a record: relative to the folder, with ``/``; absolute for a path outside the folder."""
        relative = self.relative(path)
        return str(path) if relative is None else relative

    def relative(self, path: Path | str) -> str | None:
        """Return the file's name relative to the folder; ``None`` for a path outside it."""
        if self.folder is None:
            return None
        try:
            return Path(path).relative_to(self.folder).as_posix()
        except ValueError:
            return None

    def located(self, text: str) -> Path:
        """Return the location of a record's file on this host, always below the folder, existing or not."""
        if self.folder is None:
            return Path(text)
        return self.folder / (self.current(text) or PurePosixPath(text).name)

    def current(self, text: str) -> str | None:
        """Return the relative name that a record should hold for this text; ``None`` when no file matches.

        An absolute path matches the file whose name is the longest tail of that path: the folder may have been moved,
        or a link to it changed. Names contain job ids, so the file of another job never matches.
        """
        assert self.folder is not None
        path = PurePosixPath(text)
        if ".." in path.parts:
            return None
        if not path.is_absolute():
            return path.as_posix()
        for name in self._tails(path):
            if (self.folder / name).is_file():
                return name.as_posix()
        return self.relative(text)

    def _tails(self, path: PurePosixPath) -> Iterator[PurePosixPath]:
        below = self.relative(str(path))
        if below is not None:
            yield PurePosixPath(below)
        parts = path.parts[1:]
        yield from (PurePosixPath(*parts[first:]) for first in range(len(parts)))


@dataclass(frozen=True, slots=True)
class StoredPaths:
    """The folders of the fields that name files."""

    downloads: Root = Root()
    uploads: Root = Root()

    @property
    def of_jobs(self) -> Mapping[str, Root]:
        """The fields of a job's record."""
        return {"file_path": self.downloads, "input_file_path": self.uploads}

    @property
    def of_archive(self) -> Mapping[str, Root]:
        """The fields of a stored video's record; its ``file_path`` is shown to callers and is not a location."""
        return {"file": self.downloads}

    @staticmethod
    def below(downloads: Path, uploads: Path) -> StoredPaths:
        """Return the paths for these values of DOWNLOADS_DIR and UPLOADS_DIR."""
        return StoredPaths(Root(downloads.resolve()), Root(uploads.resolve()))


AS_THEY_ARE = StoredPaths()
"""For tests without folders: paths are stored as given."""
