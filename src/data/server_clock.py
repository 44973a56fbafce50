"""Reads the time from the database server: the one clock by which jobs wait, run and expire on all hosts."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from pymongo.database import Database

from src.data.translated import translated
from src.utils.clock import SystemClock


class ServerClock(SystemClock):
    """A clock with the wall time of the server, so that a jump of the host's clock has no effect."""

    def __init__(self, database: Database[dict[str, Any]]) -> None:
        self._database = database

    def now(self) -> datetime:
        """Return the time of day, UTC-aware.

        Raises:
            StoreUnavailable: the server does not answer.
        """
        with translated():
            now: datetime = self._database.command("hello")["localTime"]
        return now.replace(tzinfo=UTC)  # commands return times without the time zone set for collections
