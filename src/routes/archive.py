"""Serves the archive services: ``/jobs``, ``/metadata/*``, ``/download``, ``/storage/*``, ``/health``, ``/stats``."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

from flask import Blueprint
from pydantic import BaseModel

from src import errors
from src.middleware.auth import Auth, Caller
from src.middleware.contract import File, Limit, Reply, View, endpoint, validated
from src.middleware.files import artifact_reply
from src.middleware.services_of_request import service_name, services
from src.middleware.uploads import received_file
from src.models.video import Status, VideoJob
from src.routes.schemas import archive as schemas
from src.routes.schemas import archive_metadata as facts
from src.routes.schemas import archive_storage as stored

health = Blueprint("archive_health", __name__)
jobs = Blueprint("archive_jobs", __name__)
metadata = Blueprint("archive_metadata", __name__, url_prefix="/metadata")
download = Blueprint("archive_download", __name__)
storage = Blueprint("archive_storage", __name__)

OF_A_JOB = (errors.NotOwner, errors.JobNotFound)
# How long a new job waits for the facts of its video before it continues without them.
FACTS_SECONDS = 4.0
STATES = {name: status for status, name in schemas.STATE_NAMES.items()}


def _answers(
    data: type[BaseModel],
    *possible: type[errors.AppError],
    status: int = 200,
    form_file: str | None = None,
    form_fields: type[BaseModel] | None = None,
    creates: str | None = None,
) -> Callable[[View], View]:
    """Return a decorator with the contract of an endpoint whose reply is in an envelope."""
    envelope: Any = schemas.Envelope
    return endpoint(
        auth=Auth.NETWORK,
        limit=Limit.NONE,
        replies={status: envelope[data]},
        errors=possible,
        form_file=form_file,
        form_fields=form_fields,
        creates=creates,
    )


def _ok(model: type[BaseModel], found: object, status: int = 200) -> Reply:
    envelope: Any = schemas.Envelope
    return envelope[model](data=model.model_validate(found)), status


@health.get("/health")
@endpoint(auth=Auth.NONE, replies={200: schemas.ServiceHealth})
def service_health() -> Reply:
    """Return the name and the health of the service."""
    return schemas.ServiceHealth(status=services().health.health().status, service=service_name()), 200


# --- jobs -------------------------------------------------------------------------------------------------------


@jobs.post("/jobs")
@_answers(schemas.ArchiveJobCreated, errors.VideoIdInvalid, errors.TooManyPending, status=201, creates="job_id")
def create_archive_job(caller: Caller, body: schemas.CreateArchiveJob) -> Reply:
    """Fetch a video into the archive."""
    view = services().downloads.view(_start(caller, body))
    return _ok(schemas.ArchiveJobCreated, replace(view, completes_at=services().estimates.of(view)), 201)


@jobs.get("/jobs")
@_answers(schemas.ArchiveJobs)
def list_archive_jobs(caller: Caller, query: schemas.JobQuery) -> Reply:
    """List the jobs, newest first."""
    state = STATES[query.status] if query.status else None
    found = services().downloads.page(caller.owner, offset=query.offset, limit=query.limit, state=state)
    return _ok(schemas.ArchiveJobs, found)


@jobs.get("/jobs/<job_id>")
@_answers(schemas.ArchiveJob, *OF_A_JOB)
def archive_job(job_id: str, caller: Caller) -> Reply:
    """Return all details of a job."""
    return _ok(schemas.ArchiveJob, services().downloads.find_view(job_id, caller.owner))


@jobs.delete("/jobs/<job_id>")
@_answers(schemas.ArchiveJobCancelled, *OF_A_JOB, errors.JobEnded)
def cancel_archive_job(job_id: str, caller: Caller) -> Reply:
    """Stop a job. Delete what it has fetched with ``DELETE /storage/videos/{video_id}``."""
    return _ok(schemas.ArchiveJobCancelled, services().downloads.cancel(job_id, caller.owner))


@jobs.post("/jobs/<job_id>/retry")
@_answers(schemas.ArchiveJob, *OF_A_JOB)
def retry_archive_job(job_id: str, caller: Caller) -> Reply:
    """Start a failed or cancelled job again."""
    return _ok(schemas.ArchiveJob, services().downloads.retry(job_id, caller.owner))


# --- downloads --------------------------------------------------------------------------------------------------


@download.post("/download")
@_answers(
    schemas.DownloadStarted, errors.VideoIdInvalid, *OF_A_JOB, errors.TooManyPending, status=201, creates="download_id"
)
def start_download(caller: Caller, body: schemas.StartDownload) -> Reply:
    """Fetch a video, or join the job that fetches it."""
    downloads, catalog = services().downloads, services().catalog
    job = downloads.find(body.job_id, caller.owner) if body.job_id else _start(caller, body.chosen())
    size = catalog.estimated_bytes(body.video_id, job.params)
    started = schemas.DownloadStarted.model_validate(downloads.view(job)).model_copy(update={"estimated_size": size})
    return _ok(schemas.DownloadStarted, started, 201)


@download.get("/download")
@_answers(schemas.ActiveDownloads)
def list_downloads(caller: Caller) -> Reply:
    """List the running downloads."""
    running = services().downloads.page(caller.owner, offset=0, limit=200, state=Status.PROCESSING)
    waiting = services().downloads.page(caller.owner, offset=0, limit=1, state=Status.PENDING)
    listed = {"downloads": running.items, "active_count": running.total, "queue_count": waiting.total}
    return _ok(schemas.ActiveDownloads, listed)


@download.get("/download/<download_id>")
@_answers(schemas.DownloadReading, *OF_A_JOB)
def download_status(download_id: str, caller: Caller) -> Reply:
    """Return the progress of a download."""
    return _ok(schemas.DownloadReading, services().downloads.find_view(download_id, caller.owner))


@download.delete("/download/<download_id>")
@_answers(schemas.ArchiveJobCancelled, *OF_A_JOB, errors.JobEnded)
def cancel_download(download_id: str, caller: Caller) -> Reply:
    """Stop a download."""
    return _ok(schemas.ArchiveJobCancelled, services().downloads.cancel(download_id, caller.owner))


# --- metadata ---------------------------------------------------------------------------------------------------


@metadata.get("/<video_id>")
@_answers(facts.VideoMetadata, errors.VideoIdInvalid, errors.VideoNotFound)
def video_metadata(video_id: str) -> Reply:
    """Return the facts of a video."""
    return _ok(facts.VideoMetadata, services().catalog.get(video_id))


@metadata.post("/batch")
@_answers(facts.MetadataBatch)
def metadata_batch(body: facts.BatchOf) -> Reply:
    """Return the facts of several videos."""
    return _ok(facts.MetadataBatch, services().catalog.batch(body.video_ids, with_formats=body.include_formats))


@metadata.get("/playlist/<playlist_id>")
@_answers(facts.PlaylistMetadata, errors.VideoIdInvalid, errors.VideoNotFound)
def playlist_metadata(playlist_id: str, query: facts.PlaylistQuery) -> Reply:
    """Return the facts of a playlist and of its first videos."""
    found = services().catalog.playlist(playlist_id, limit=query.limit, with_facts=query.include_videos)
    return _ok(facts.PlaylistMetadata, found)


@metadata.delete("/cache")
@_answers(facts.CacheCleared, errors.VideoIdInvalid)
def clear_cache(query: facts.CacheQuery) -> Reply:
    """Delete the facts of one video, or of all, from the cache."""
    cleared = services().catalog.clear(query.video_id, expired_only=query.expired_only)
    return _ok(facts.CacheCleared, {"cleared_count": cleared, **query.model_dump()})


# --- storage ----------------------------------------------------------------------------------------------------


@storage.post("/storage/metadata")
@_answers(stored.StoredInfo, errors.VideoIdInvalid, status=201)
def save_metadata(caller: Caller, body: stored.SaveMetadata) -> Reply:
    """Store the facts of a video."""
    return _ok(stored.StoredInfo, services().library.save(caller.owner, **dict(body)), 201)


@storage.post("/storage/video")
@_answers(
    stored.StoredInfo,
    errors.VideoIdInvalid,
    errors.UploadTooLarge,
    errors.MediaInvalid,
    errors.Busy,
    status=201,
    form_file="file",
    form_fields=stored.UploadFields,
)
def save_video_file(caller: Caller) -> Reply:
    """Upload a video (form field ``file``, with ``video_id`` and ``metadata``)."""
    with received_file(caller.owner, "file", max_mb=services().settings.archive_max_file_mb) as received:
        sent = validated(stored.UploadFields, received.fields)
        saved = services().library.upload(
            caller.owner, received.path, received.filename, file_id=received.record_id, **dict(sent)
        )
    return _ok(stored.StoredInfo, saved, 201)


@storage.get("/storage/videos/<video_id>")
@_answers(stored.StoredInfo, errors.StoredVideoNotFound, errors.VideoIdInvalid)
def stored_video(video_id: str, caller: Caller) -> Reply:
    """Return all details of a stored video."""
    return _ok(stored.StoredInfo, services().library.get(caller.owner, video_id))


@storage.get("/storage/videos/<video_id>/file")
@endpoint(
    auth=Auth.NETWORK,
    limit=Limit.NONE,
    replies={200: File()},
    errors=(errors.StoredVideoNotFound, errors.FileGone, errors.VideoIdInvalid),
)
def stored_file(video_id: str, caller: Caller) -> Reply:
    """Download the file of a stored video, completely or in ranges."""
    return artifact_reply(services().library.file(caller.owner, video_id))


@storage.delete("/storage/videos/<video_id>")
@_answers(stored.StoredGone, errors.StoredVideoNotFound, errors.VideoIdInvalid)
def delete_stored_video(video_id: str, caller: Caller) -> Reply:
    """Delete a stored video and its file."""
    services().library.delete(caller.owner, video_id)
    return _ok(stored.StoredGone, {"video_id": video_id})


@storage.get("/storage/videos")
@_answers(stored.StoredList)
def list_stored_videos(caller: Caller, query: stored.VideoQuery) -> Reply:
    """List the stored videos."""
    return _ok(stored.StoredList, services().library.page(caller.owner, **dict(query)))


@storage.get("/storage/search")
@_answers(stored.StoredList)
def search_stored_videos(caller: Caller, query: stored.SearchQuery) -> Reply:
    """Search stored videos by words in their titles and descriptions, best match first."""
    return _ok(stored.StoredList, services().library.search(caller.owner, query.q, query.type, query.limit))


@storage.get("/stats", endpoint="stats")
@storage.get("/storage/stats")
@_answers(stored.StorageStats)
def storage_stats(caller: Caller) -> Reply:
    """Return the totals of the archive."""
    return _ok(stored.StorageStats, services().library.totals(caller.owner))


@storage.post("/storage/workplan")
@_answers(stored.WorkPlanInfo, errors.VideoIdInvalid, status=201)
def create_work_plan(caller: Caller, body: stored.CreateWorkPlan) -> Reply:
    """Store videos that could not be downloaded, to try them again later."""
    return _ok(stored.WorkPlanInfo, services().work_plans.create(caller.owner, **dict(body)), 201)


@storage.get("/storage/workplan")
@_answers(stored.WorkPlans)
def list_work_plans(caller: Caller, query: schemas.Part) -> Reply:
    """List the work plans, newest first."""
    return _ok(stored.WorkPlans, services().work_plans.page(caller.owner, **dict(query)))


@storage.post("/storage/workplan/<plan_id>/retry")
@_answers(stored.WorkPlanInfo, errors.WorkPlanNotFound, errors.TooManyPending)
def retry_work_plan(plan_id: str, caller: Caller) -> Reply:
    """Download every video of a plan."""
    return _ok(stored.WorkPlanInfo, services().work_plans.retry(caller.owner, plan_id))


def _start(caller: Caller, body: schemas.CreateArchiveJob) -> VideoJob:
    body.to_request({})  # refuses invalid requests before the lookup
    entry = services().catalog.get_within(body.video_id, FACTS_SECONDS) if body.metadata_requested else None
    known: dict[str, Any] = {}
    if entry:
        metadata = facts.VideoMetadata.model_validate(entry)
        known = metadata.model_dump(mode="json", exclude={"formats", "cached", "cache_expires_at"})
    return services().downloads.request_for_archive(caller.owner, body.to_request(known))
