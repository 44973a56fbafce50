"""Claims the folders of files for the database in use, before a process works on them."""

from __future__ import annotations

import logging
import os
import signal
import time
from typing import Any

from pymongo.database import Database

from src.config import Settings, SettingsError
from src.data.installation_data import InstallationData
from src.data.path_data import PathData
from src.data.stored_paths import StoredPaths
from src.errors import StoreUnavailable
from src.services import db_service
from src.services.operations.folder_owner import FolderOwner
from src.utils.background import in_background

log = logging.getLogger(__name__)


def owner_of_folders(settings: Settings, database: Database[dict[str, Any]], *, embedded: bool = False) -> FolderOwner:
    """Describe the owner of DOWNLOADS_DIR and UPLOADS_DIR. ``embedded``: the database is the one in DATA_DIR."""
    return FolderOwner(
        InstallationData(database),
        PathData(database, StoredPaths.below(settings.downloads_dir, settings.uploads_dir)),
        downloads=settings.downloads_dir,
        uploads=settings.uploads_dir,
        data_dir=settings.data_dir,
        embedded=embedded,
    )


def claim_folders(settings: Settings, *, embedded: bool = False, wait: bool = False) -> None:
    """Claim the folders through a separate connection that is closed before any process is forked.

    ``wait``: wait for a database that does not answer.

    Raises:
        SettingsError: the folders belong to another database or cannot be used; the message is for the operator.
        StoreUnavailable: the database does not answer.
    """
    database = db_service.connect(settings.mongodb_uri)
    with database.client:
        owner = owner_of_folders(settings, database, embedded=embedded)
        if wait:
            claim_when_it_answers(owner)
        else:
            owner.claim()


def claim_when_it_answers(owner: FolderOwner, *, pause_seconds: float = 1.0) -> None:
    """Claim the folders as soon as the database answers.

    Raises:
        SettingsError: they belong to another database, or cannot be used.
    """
    waiting = False
    while True:
        try:
            return owner.claim()
        except StoreUnavailable:
            if not waiting:
                log.warning("the database does not answer; the folders of files are claimed when it does")
            waiting = True
            time.sleep(pause_seconds)


def claim_now_or_later(owner: FolderOwner) -> None:
    """Claim the folders, in the background if the database does not answer; end the process if they are refused.

    Raises:
        SettingsError: they belong to another database, or cannot be used.
    """
    try:
        owner.claim()
    except StoreUnavailable:

        def retry() -> None:
            try:
                claim_when_it_answers(owner)
            except SettingsError as error:
                log.error("%s", error)
                os.kill(os.getpid(), signal.SIGTERM)

        in_background(retry, "folders")
