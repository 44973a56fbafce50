"""The collections that the service keeps, and their indexes."""

from __future__ import annotations

from typing import Any

from pymongo.database import Database

from src.data.archive_data import ArchiveData
from src.data.channel_token_data import ChannelTokenData
from src.data.chunk_data import ChunkData
from src.data.guest_data import GuestData
from src.data.idempotency_data import IdempotencyData
from src.data.session_data import RevocationData, SessionData
from src.data.share_data import ShareData
from src.data.upload_data import UploadData
from src.data.user_data import UserData
from src.data.video_data import VideoData
from src.data.webhook_data import WebhookData
from src.data.work_plan_data import WorkPlanData
from src.services import db_service

COLLECTIONS = (
    UserData,
    UploadData,
    SessionData,
    RevocationData,
    VideoData,
    GuestData,
    ArchiveData,
    WorkPlanData,
    ChunkData,
    ChannelTokenData,
    WebhookData,
    IdempotencyData,
    ShareData,
)


def prepare_database(database: Database[dict[str, Any]]) -> None:
    """Create the indexes that are missing.

    Raises:
        StoreUnavailable: the server cannot be reached.
    """
    db_service.ensure_indexes(database, COLLECTIONS)
