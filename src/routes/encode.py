"""Serves ``/api/encode/*``: upload a video or audio file, encode it or extract its audio, and download the result."""

from __future__ import annotations

from flask import Blueprint

from src.errors import (
    Busy,
    CodecUnsupported,
    EncodeNotFound,
    FileGone,
    FileNotReady,
    FormatRefused,
    MediaInvalid,
    NotOwner,
    TooManyPending,
    UploadIncomplete,
    UploadMissing,
    UploadTooLarge,
    UploadTypeUnsupported,
)
from src.middleware.auth import Auth, Caller
from src.middleware.base_address import local_address
from src.middleware.contract import File, Limit, Reply, endpoint
from src.middleware.files import file_reply
from src.middleware.posters import poster_address
from src.middleware.services_of_request import services
from src.middleware.uploads import received_file
from src.models.params import EncodeParams
from src.models.video import Owner, Status, VideoJob
from src.routes.schemas.common import Processing, megabytes
from src.routes.schemas.encode import (
    AudioMade,
    AudioUploaded,
    Codecs,
    EncodeList,
    EncodeListed,
    EncodeStatus,
    StartEncoding,
    TakeAudio,
    VideoEncoded,
    VideoUploaded,
)
from src.routes.schemas.video import JobPage
from src.services.uploads.uploads import EncodeChoice

bp = Blueprint("encode", __name__, url_prefix="/api/encode")

KINDS = (EncodeParams.kind,)


@bp.post("/upload")
@endpoint(
    auth=Auth.PRIVATE,
    limit=Limit.START,
    replies={201: VideoUploaded},
    errors=(UploadMissing, UploadTypeUnsupported, UploadTooLarge, UploadIncomplete, MediaInvalid, TooManyPending, Busy),
    form_file="video",
    creates="encode_id",
)
def upload_video(caller: Caller) -> Reply:
    """Upload a video file (form field ``video``) for encoding."""
    owner = Owner.user(caller.user_id)
    with received_file(owner, "video") as received:
        uploaded = services().uploads.accept(owner, received.path, received.filename, job_id=received.record_id)
    return VideoUploaded.of(uploaded), 201


@bp.post("/upload/audio")
@endpoint(
    auth=Auth.PRIVATE,
    limit=Limit.START,
    replies={201: AudioUploaded},
    errors=(UploadMissing, UploadTypeUnsupported, UploadTooLarge, UploadIncomplete, MediaInvalid, TooManyPending, Busy),
    form_file="audio",
    creates="encode_id",
)
def upload_audio(caller: Caller) -> Reply:
    """Upload an audio file (form field ``audio``), to convert its format or its loudness."""
    owner = Owner.user(caller.user_id)
    with received_file(owner, "audio", media="audio") as received:
        uploaded = services().uploads.accept(owner, received.path, received.filename, job_id=received.record_id)
    return AudioUploaded.of(uploaded), 201


@bp.post("/start/<encode_id>")
@endpoint(
    auth=Auth.PRIVATE,
    limit=Limit.START,
    replies={200: VideoEncoded, 202: Processing},
    errors=(CodecUnsupported, MediaInvalid, FormatRefused, NotOwner, EncodeNotFound, FileGone),
    creates="encode_id",
)
def start_encoding(encode_id: str, caller: Caller, wait_seconds: float, body: StartEncoding) -> Reply:
    """Encode an upload to MP4 with this codec and quality.

    Waits for the result up to ``SYNC_WAIT_SECONDS`` (or ``Prefer: wait=N``, ``Prefer: respond-async``), then returns
    202.
    """
    job = _find(encode_id, caller)
    job = _run(job, body.choice(services().encoder.supported_codecs()), wait_seconds)
    if job.artifact is not None:
        return VideoEncoded(encode_id=job.id, file_size_mb=megabytes(job.artifact.size_bytes)), 200
    return _still_encoding(job)


@bp.post("/audio/<encode_id>")
@endpoint(
    auth=Auth.PRIVATE,
    limit=Limit.START,
    replies={200: AudioMade, 202: Processing},
    errors=(MediaInvalid, FormatRefused, NotOwner, EncodeNotFound, FileGone),
    creates="encode_id",
)
def take_audio(encode_id: str, caller: Caller, wait_seconds: float, body: TakeAudio) -> Reply:
    """Extract the audio of an upload as mp3, wav or flac, with its tags and its cover.

    The upload may be a video or an audio file. Status and download are those of an encode. Waits like ``start``.
    """
    job = _run(_find(encode_id, caller), body.choice(), wait_seconds)
    if job.artifact is not None:
        return AudioMade.of(job), 200
    return _still_encoding(job)


@bp.get("/status/<encode_id>")
@endpoint(auth=Auth.PRIVATE, replies={200: EncodeStatus}, errors=(NotOwner, EncodeNotFound))
def encode_status(encode_id: str, caller: Caller) -> Reply:
    """Return the progress of an encode."""
    job = _find(encode_id, caller)
    return EncodeStatus.of(job, services().jobs.progress(job)), 200


@bp.route("/download/<encode_id>", methods=["GET", "POST"])
@endpoint(
    auth=Auth.PRIVATE,
    replies={200: File("application/octet-stream"), 202: Processing},
    errors=(NotOwner, EncodeNotFound, FileNotReady, FileGone),
)
def download_encoded(encode_id: str, caller: Caller) -> Reply:
    """Download the encoded file."""
    job = _find(encode_id, caller)
    services().jobs.require_success(job)
    if job.status is Status.COMPLETED:
        return file_reply(job)
    if job.status is Status.PENDING and not job.waiting:
        raise FileNotReady()
    return _still_encoding(job)


@bp.get("/list")
@endpoint(auth=Auth.PRIVATE, replies={200: EncodeList})
def list_encodes(caller: Caller, query: JobPage) -> Reply:
    """List the caller's uploads and encodes, newest first; all, or those in one state."""
    owner = Owner.user(caller.user_id)
    found, total = services().jobs.page(owner, KINDS, page=query.page, per_page=query.per_page, status=query.status)
    listed = [
        EncodeListed.of(job, services().jobs.progress(job)).model_copy(update={"poster": _poster(job)}) for job in found
    ]
    return EncodeList(encodes=listed, page=query.page, per_page=query.per_page, total=total), 200


@bp.get("/codecs")
@endpoint(auth=Auth.NONE, replies={200: Codecs})
def supported_codecs() -> Reply:
    """List the codecs and their quality presets."""
    return Codecs(codecs=services().encoder.supported_codecs()), 200


def _poster(job: VideoJob) -> str | None:
    path = poster_address(job)
    return None if path is None else local_address(path)


def _find(encode_id: str, caller: Caller) -> VideoJob:
    return services().jobs.find(encode_id, Owner.user(caller.user_id), KINDS, missing=EncodeNotFound)


def _run(job: VideoJob, choice: EncodeChoice, wait_seconds: float) -> VideoJob:
    job = services().jobs.wait(services().uploads.start(job, choice), wait_seconds)
    services().jobs.require_success(job)
    return job


def _still_encoding(job: VideoJob) -> Reply:
    again = {"Location": local_address(f"/api/encode/status/{job.id}"), "Retry-After": "2"}
    return Processing(message="Video is currently being encoded", status="processing"), 202, again
