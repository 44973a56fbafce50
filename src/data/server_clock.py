"""The time as the database server tells it: the clock by which jobs wait, run and expire on all hosts alike."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from pymongo.database import Database

from src.data.translated import translated
from src.utils.clock import SystemClock


class ServerClock(SystemClock):
    """A clock of which the wall time is the server's; a host whose own clock jumps notices nothing."""

    def __init__(self, database: Database[dict[str, Any]]) -> None:
        self._database = database

    def now(self) -> datetime:
        """The time of day, UTC-aware.

        Raises:
            StoreUnavailable: the server cannot be asked.
        """
        with translated():
            told: datetime = self._database.command("hello")["localTime"]
        return told.replace(tzinfo=UTC)  # a bare command answers without the zone that collections are read with
