"""Finds and rewrites file names in records, where older versions stored absolute paths."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pymongo import UpdateOne
from pymongo.collection import Collection
from pymongo.database import Database

from src.data.archive_data import ArchiveData
from src.data.job_documents import Document
from src.data.stored_paths import Root, StoredPaths
from src.data.translated import translated
from src.data.video_data import VideoData

_ABSOLUTE = {"$regex": "^/"}
_RELATIVE = {"$regex": "^[^/]"}
_WRITTEN_AT_ONCE = 500


@dataclass(frozen=True, slots=True)
class PathField:
    """A field that names files below a folder."""

    records: Collection[Document]
    name: str
    root: Root


class PathData:
    """The file name fields of ``videos`` and ``archive_videos``. Every method may raise ``StoreUnavailable``."""

    def __init__(self, database: Database[Document], paths: StoredPaths) -> None:
        named = ((VideoData.COLLECTION, paths.of_jobs), (ArchiveData.COLLECTION, paths.of_archive))
        self.fields = tuple(
            PathField(database[collection], name, root) for collection, fields in named for name, root in fields.items()
        )

    def absolute(self, field: PathField) -> Iterator[Path]:
        """Yield the current location of each file whose record holds an absolute path in this field."""
        for _, text in _texts(field, _ABSOLUTE):
            yield field.root.located(text)

    def places(self) -> Iterator[Path]:
        """Yield the expected current location of every file that a record names."""
        for field in self.fields:
            for _, text in _texts(field, {"$gt": ""}):
                yield field.root.located(text)

    def make_relative(self) -> int:
        """Rewrite absolute paths of files that are below the folders now; return how many.

        The others stay as they are: their files may be on a disk that is not mounted yet.
        """
        return sum(_rewrite(field, _ABSOLUTE, field.root.current) for field in self.fields if field.root.folder)

    def make_absolute(self) -> int:
        """Rewrite relative paths as absolute ones, which older versions need; return how many."""
        return sum(
            _rewrite(field, _RELATIVE, lambda text, root=field.root: str(root.located(text)))  # type: ignore[misc]
            for field in self.fields
            if field.root.folder
        )


def _texts(field: PathField, wanted: Document) -> Iterator[tuple[Any, str]]:
    with translated():
        for document in field.records.find({field.name: wanted}, {field.name: True}):
            yield document["_id"], document[field.name]


def _rewrite(field: PathField, wanted: Document, fitting: Callable[[str], str | None]) -> int:
    changes: list[UpdateOne] = []
    done = 0
    for record_id, text in _texts(field, wanted):
        fresh = fitting(text)
        if fresh is not None and fresh != text:
            # Only if the record still holds that text: the job may have been started again in the meantime.
            changes.append(UpdateOne({"_id": record_id, field.name: text}, {"$set": {field.name: fresh}}))
        if len(changes) >= _WRITTEN_AT_ONCE:
            done += _write(field, changes)
            changes = []
    return done + _write(field, changes)


def _write(field: PathField, changes: list[UpdateOne]) -> int:
    if not changes:
        return 0
    with translated():
        return field.records.bulk_write(changes, ordered=False).modified_count
