"""Lists the collections of the database, and creates their indexes."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from contextlib import suppress
from typing import Any

from pymongo.database import Database

from src.data.archive_data import ArchiveData
from src.data.channel_token_data import ChannelTokenData
from src.data.chunk_data import ChunkData
from src.data.guest_data import GuestData
from src.data.idempotency_data import IdempotencyData
from src.data.session_data import RevocationData, SessionData
from src.data.share_data import ShareData
from src.data.space_data import SpaceData
from src.data.stream_clock_data import StreamClockData
from src.data.upload_data import UploadData
from src.data.user_data import UserData
from src.data.video_data import VideoData
from src.data.webhook_data import WebhookData
from src.data.work_plan_data import WorkPlanData
from src.data.worker_data import WorkerData
from src.errors import StoreUnavailable
from src.services import db_service
from src.utils.background import in_background

log = logging.getLogger(__name__)

COLLECTIONS = (
    UserData,
    UploadData,
    SessionData,
    RevocationData,
    VideoData,
    GuestData,
    ArchiveData,
    WorkPlanData,
    WorkerData,
    ChunkData,
    ChannelTokenData,
    WebhookData,
    IdempotencyData,
    ShareData,
    SpaceData,
    StreamClockData,
)


def prepare_database(database: Database[dict[str, Any]]) -> None:
    """Create missing indexes.

    Raises:
        StoreUnavailable: the server cannot be reached.
    """
    db_service.ensure_indexes(database, COLLECTIONS)


def prepare_when_it_answers(
    database: Database[dict[str, Any]], then: Callable[[], None] = lambda: None, *, pause_seconds: float = 1.0
) -> None:
    """Create missing indexes, then call ``then``; in the background while the database does not respond.

    A process that ended instead would take the whole API with it: gunicorn stops when a process cannot start.
    """
    try:
        prepare_database(database)
        then()
    except StoreUnavailable:
        log.warning("the database does not respond; its indexes are created when it does")

        def retry() -> None:
            while True:
                time.sleep(pause_seconds)
                with suppress(StoreUnavailable):
                    prepare_database(database)
                    return then()

        in_background(retry, "indexes")
