"""Stores archived videos in MongoDB: the ``archive_videos`` collection and its text index.

The text index finds a word in any of its fields; lists of normalised words in the document decide which field it was.
Metadata are untrusted JSON with arbitrary keys and are stored as text.
"""

from __future__ import annotations

import json
import re
import unicodedata
from collections.abc import Collection
from typing import Any

from pymongo import ASCENDING, DESCENDING, TEXT, IndexModel
from pymongo.database import Database
from pymongo.errors import DuplicateKeyError

from src.data.stored_paths import AS_THEY_ARE, StoredPaths
from src.data.translated import translated
from src.models.archive import ArchiveTotals, SearchIn, SortBy, StoredVideo
from src.models.page import Page
from src.models.video import Owner

Document = dict[str, Any]

_SORT_FIELDS: dict[SortBy, str] = {"stored_at": "stored_at", "title": "title_key", "duration": "duration"}
_WORDS = re.compile(r"\w+")
MAX_WORDS = 5000


class ArchiveData:
    """The ``archive_videos`` collection. Every method may raise ``StoreUnavailable``."""

    COLLECTION = "archive_videos"
    INDEXES = (
        IndexModel([("owner", ASCENDING), ("video_id", ASCENDING)], name="video_id", unique=True),
        IndexModel([("owner", ASCENDING), ("stored_at", DESCENDING)], name="stored_at"),
        IndexModel([("file", ASCENDING)], name="file", sparse=True),
        IndexModel(
            [("owner", ASCENDING), ("title", TEXT), ("description", TEXT)],
            name="text",
            weights={"title": 10, "description": 1},
            default_language="none",  # titles can be in any language: no stemming, no stop words
            language_override="text_language",
        ),
    )

    def __init__(self, database: Database[Document], paths: StoredPaths = AS_THEY_ARE) -> None:
        self._paths = paths
        self._videos = database[self.COLLECTION]

    def put(self, owner: Owner, video: StoredVideo, before: StoredVideo | None) -> bool:
        """Store a video in place of ``before``; ``False`` when the stored one has changed since it was read."""
        document = _to_document(owner, video, self._paths)
        with translated():
            if before is None:
                try:
                    self._videos.insert_one(document)
                except DuplicateKeyError:
                    return False
                return True
            unchanged = {"stored_at": before.stored_at, "job_id": before.job_id, "file_path": before.file_path}
            wanted = {"owner": _key(owner), "video_id": video.video_id, **unchanged}
            return self._videos.replace_one(wanted, document).matched_count == 1

    def find(self, owner: Owner, video_id: str) -> StoredVideo | None:
        """Return the owner's video with this id."""
        with translated():
            found = self._videos.find_one({"owner": _key(owner), "video_id": video_id})
        return _to_video(found, self._paths) if found else None

    def delete(self, owner: Owner, video_id: str) -> StoredVideo | None:
        """Delete a video and return what it was."""
        with translated():
            found = self._videos.find_one_and_delete({"owner": _key(owner), "video_id": video_id})
        return _to_video(found, self._paths) if found else None

    def page(
        self, owner: Owner, *, search: str | None, sort: SortBy, descending: bool, offset: int, limit: int
    ) -> Page[StoredVideo]:
        """Return a page of the owner's videos; ``search`` limits them to those that contain one of its words."""
        wanted = _matching(owner, search, "all") if search else {"owner": _key(owner)}
        direction = DESCENDING if descending else ASCENDING
        if wanted is None:
            return Page([], 0, offset)
        with translated():
            total = self._videos.count_documents(wanted)
            found = self._videos.find(wanted).sort([(_SORT_FIELDS[sort], direction), ("_id", direction)])
            some = [_to_video(document, self._paths) for document in found.skip(offset).limit(limit)]
            return Page(some, total, offset)

    def search(self, owner: Owner, text: str, where: SearchIn, limit: int) -> Page[StoredVideo]:
        """Return the owner's videos that contain a word of the text in ``where``, best match first, with relevance."""
        wanted = _matching(owner, text, where)
        if wanted is None:
            return Page([], 0)
        score = {"score": {"$meta": "textScore"}}
        with translated():
            total = self._videos.count_documents(wanted)
            found = self._videos.find(wanted, score).sort([("score", {"$meta": "textScore"}), ("_id", -1)]).limit(limit)
            return Page([_to_video(document, self._paths) for document in found], total)

    def totals(self, owner: Owner) -> ArchiveTotals:
        """Return the totals of the owner's archive."""
        grouped = {
            "_id": None,
            "videos": {"$sum": 1},
            "file_bytes": {"$sum": "$file_size"},
            "metadata_bytes": {"$sum": {"$strLenBytes": "$metadata"}},
            "duration_seconds": {"$sum": "$duration"},
            "oldest_at": {"$min": "$stored_at"},
            "newest_at": {"$max": "$stored_at"},
        }
        with translated():
            found = list(self._videos.aggregate([{"$match": {"owner": _key(owner)}}, {"$group": grouped}]))
        return (
            ArchiveTotals(**{name: found[0][name] for name in grouped if name != "_id"}) if found else ArchiveTotals()
        )

    def uploaded_bytes(self, owner: Owner, without: Collection[str] = ()) -> int:
        """Return the bytes of the files uploaded into this archive, except the videos with the ids in ``without``.

        File names start with the id. Files fetched by jobs are counted with the jobs.
        """
        wanted: Document = {"owner": _key(owner), "file": {"$exists": True}}
        if without:
            wanted["file"]["$not"] = {"$regex": f"(^|/)({'|'.join(map(re.escape, without))})\\."}
        with translated():
            found = list(
                self._videos.aggregate([{"$match": wanted}, {"$group": {"_id": None, "bytes": {"$sum": "$file_size"}}}])
            )
        return int(found[0]["bytes"]) if found else 0


def fold(text: str) -> list[str]:
    """Return the words of a text as the text index sees them: without accents, in lower case, without duplicates."""
    plain = "".join(char for char in unicodedata.normalize("NFKD", text) if not unicodedata.combining(char))
    return list(dict.fromkeys(_WORDS.findall(plain.casefold())))[:MAX_WORDS]


def _matching(owner: Owner, text: str | None, where: SearchIn) -> Document | None:
    words = fold(text or "")
    if not words:
        return None
    # Only words reach the index: callers must not use its operators for phrases and negation.
    wanted: Document = {"owner": _key(owner), "$text": {"$search": " ".join(words)}}
    if where != "all":
        wanted[f"{where}_words"] = {"$in": words}
    return wanted


def _key(owner: Owner) -> str:
    return f"{owner.kind.value}:{owner.id}"


def _to_document(owner: Owner, video: StoredVideo, paths: StoredPaths) -> Document:
    return {
        "owner": _key(owner),
        "video_id": video.video_id,
        "title": video.title,
        "title_key": video.title.casefold(),
        "title_words": fold(video.title),
        "description": video.description,
        "description_words": fold(video.description),
        "duration": video.duration_seconds,
        "stored_at": video.stored_at,
        "file_path": video.file_path,
        "file_size": video.file_size,
        "metadata": json.dumps(video.metadata, ensure_ascii=False),
        "job_id": video.job_id,
        "file_at": video.file_at,
        **({"file": paths.downloads.stored(video.file)} if video.file else {}),
    }


def _to_video(document: Document, paths: StoredPaths) -> StoredVideo:
    return StoredVideo(
        video_id=document["video_id"],
        title=document["title"],
        stored_at=document["stored_at"],
        description=document["description"],
        duration_seconds=document["duration"],
        file_path=document["file_path"],
        file_size=document["file_size"],
        metadata=json.loads(document["metadata"]),
        job_id=document["job_id"],
        file=paths.downloads.located(document["file"]) if document.get("file") else None,
        file_at=document["file_at"],
        relevance=document.get("score"),
    )
