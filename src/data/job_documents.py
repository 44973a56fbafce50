"""Converts jobs between records and documents of the ``videos`` collection; no other module knows the documents.

Documents name files relative to the configured folders, records by their full path on this host.
"""

from __future__ import annotations

from typing import Any

from bson.objectid import ObjectId

from src.data.stored_paths import StoredPaths
from src.data.translated import object_id
from src.models.params import JobParams
from src.models.turns import Kinds
from src.models.video import (
    Artifact,
    Failure,
    Lease,
    Owner,
    OwnerKind,
    Repair,
    RepairState,
    Status,
    VideoJob,
    WaitsFor,
)

Document = dict[str, Any]

# Facts about the source, stored at the top level of the document, under the documented name where one exists.
FACTS = ("available_formats", "title", "source_duration", "request")


def to_document(job: VideoJob, paths: StoredPaths) -> Document:
    """Return the document to insert for a new job."""
    params = job.params.model_dump()
    if params.get("input_file_path"):
        params["input_file_path"] = paths.uploads.stored(params["input_file_path"])
    owner_id = ObjectId(job.owner.id) if job.owner.kind is OwnerKind.USER else None
    return {
        "_id": ObjectId(job.id),
        "user_id": owner_id,
        "owner_kind": job.owner.kind.value,
        "owner_id": job.owner.id,
        "kind": job.kind,
        **params,
        "status": job.status.value,
        "created_at": job.created_at,
        "expires_at": job.expires_at,
        "queued_at": job.queued_at,
        "keep_seconds": job.keep_seconds,
        "anonymous": job.anonymous,
        "attempts": 0,
        "fence": 0,
        "cancel_requested": False,
        "file_path": None,
        "error_message": None,
        **{name: job.facts[name] for name in FACTS if name in job.facts},
    }


def to_job(document: Document, paths: StoredPaths) -> VideoJob:
    """Return the record of a stored document."""
    if document.get("input_file_path"):
        document = {**document, "input_file_path": str(paths.uploads.located(document["input_file_path"]))}
    return VideoJob(
        id=str(document["_id"]),
        owner=Owner(OwnerKind(document["owner_kind"]), document["owner_id"]),
        params=JobParams.parse(document["kind"], document),
        status=Status(document["status"]),
        created_at=document["created_at"],
        attempts=document.get("attempts", 0),
        retries=document.get("retries", 0),
        lease=_lease(document),
        queued_at=document.get("queued_at"),
        started_at=document.get("started_at"),
        completed_at=document.get("completed_at"),
        expires_at=document.get("expires_at"),
        keep_seconds=document.get("keep_seconds"),
        cancel_requested=document.get("cancel_requested", False),
        artifact=_artifact(document, paths),
        result_bytes=document.get("file_size_bytes"),
        failure=_failure(document),
        anonymous=document.get("anonymous", False),
        facts={name: document[name] for name in FACTS if document.get(name) is not None},
        report=document.get("report") or {},
        repair=_repair(document),
        waiting_for=WaitsFor(document["waiting_for"]) if document.get("waiting_for") else None,
        not_before=document.get("not_before"),
        queue=document.get("queue"),
    )


def by_id(job_id: str) -> Document:
    """Return the filter for one job; it matches nothing when the text is not an id."""
    return {"_id": object_id(job_id) or "no such id"}


def after_now(seconds: float) -> Document:
    """Return an expression for the database server's time plus ``seconds``, for updates and ``$expr`` filters."""
    return {"$add": ["$$NOW", round(seconds * 1000)]}


def of_queue(kinds: Kinds) -> Document:
    """Return the filter for the jobs of one queue: those that name it, and those of its kinds that name none."""
    return {"$or": [{"queue": kinds.queue}, {"queue": None, "kind": {"$in": sorted(kinds.all)}}]}


def artifact_fields(artifact: Artifact | None, paths: StoredPaths) -> Document:
    """Return the document fields of a finished file, or of none."""
    if artifact is None:
        return {"file_path": None, "file_size_bytes": None, "file_mime": None, "download_name": None}
    return {
        "file_path": paths.downloads.stored(artifact.path),
        "file_size_bytes": artifact.size_bytes,
        "file_mime": artifact.mime,
        "download_name": artifact.download_name,
    }


def _artifact(document: Document, paths: StoredPaths) -> Artifact | None:
    if not document.get("file_path"):
        return None
    return Artifact(
        path=paths.downloads.located(document["file_path"]),
        size_bytes=document["file_size_bytes"],
        mime=document["file_mime"],
        download_name=document["download_name"],
    )


def _failure(document: Document) -> Failure | None:
    if not document.get("error_code"):
        return None
    return Failure(document["error_code"], document["error_message"], reported=document.get("error_told", False))


def _repair(document: Document) -> Repair | None:
    repair = document.get("repair")
    return Repair(RepairState(repair["state"]), repair["until"]) if repair else None


def _lease(document: Document) -> Lease | None:
    if not document.get("lease_until"):
        return None
    return Lease(worker=document["worker"], fence=document["fence"], until=document["lease_until"])
