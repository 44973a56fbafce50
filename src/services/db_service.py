"""Connects to MongoDB with safe write settings and time limits, creates the indexes, and checks availability."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any, Protocol
from urllib.parse import parse_qsl, urlsplit

import pymongo
from pymongo import IndexModel, MongoClient
from pymongo.database import Database
from pymongo.errors import ConfigurationError, InvalidURI

from src.config import SettingsError
from src.data.translated import translated
from src.errors import StoreUnavailable

Document = dict[str, Any]
DEFAULT_DATABASE = "yt_downloader"

# A write counts when a majority of the replica set has journaled it: a confirmed job survives a kill. An operation,
# including server selection and one retry, must take less than a fraction of a job's lease (30 s) and less than clients
# wait. (With timeoutMS the driver ignores serverSelectionTimeoutMS.)
_OPTIONS: dict[str, Any] = {
    "w": "majority",
    "journal": True,
    "tz_aware": True,
    "uuidRepresentation": "standard",
    "connectTimeoutMS": 3_000,
    "timeoutMS": 6_000,
    "appname": "yt-downloader",
}
_INDEX_BUILD_SECONDS = 300.0


class Collection(Protocol):
    """The declarations of a class of ``src/data`` about its collection."""

    @property
    def COLLECTION(self) -> str:  # noqa: N802 (a class constant)
        """Its name."""

    @property
    def INDEXES(self) -> Sequence[IndexModel]:  # noqa: N802
        """Its indexes."""


def connect(uri: str, **options: Any) -> Database[Document]:
    """Return the database that a ``mongodb://`` address names (``yt_downloader`` by default).

    Nothing is sent yet: an unavailable server is detected at the first use. Options are pymongo's; they override the
    address, which overrides the defaults of this module.

    Raises:
        SettingsError: the address is invalid.
    """
    try:
        given = {name.lower() for name, _ in parse_qsl(urlsplit(uri).query)}
        given |= {"journal"} if "j" in given else set()
        defaults = {name: value for name, value in _OPTIONS.items() if name.lower() not in given}
        with _without_stacks():
            client: MongoClient[Document] = MongoClient(uri, **{**defaults, **options})
        return client.get_default_database(DEFAULT_DATABASE)
    except (InvalidURI, ConfigurationError, ValueError) as error:
        raise SettingsError(f"MONGODB_URI cannot be used: {error}") from None


@contextmanager
def _without_stacks() -> Iterator[None]:
    """Keep the driver from reading the source of all its callers, 1 MB, for a note of who created the client."""
    before = getattr(sys, "tracebacklimit", None)
    sys.tracebacklimit = 0
    try:
        yield
    finally:
        if before is None:
            del sys.tracebacklimit
        else:
            sys.tracebacklimit = before


def ensure_indexes(database: Database[Document], collections: Iterable[Collection]) -> None:
    """Create the declared indexes that are missing. Several processes may do so at once.

    Raises:
        StoreUnavailable: the server cannot be reached, or it has a different index of the same name.
    """
    with translated():
        database.command("ping")  # an unreachable server is reported before the long timeout of index builds applies
    for declared in collections:
        with translated(), pymongo.timeout(_INDEX_BUILD_SECONDS):
            database[declared.COLLECTION].create_indexes(list(declared.INDEXES))


def ping(database: Database[Document], *, seconds: float = 2.0) -> bool:
    """Whether the server answers within ``seconds``."""
    try:
        with translated(), pymongo.timeout(seconds):
            database.command("ping")
    except StoreUnavailable:
        return False
    return True


def server_version(database: Database[Document], *, seconds: float = 5.0) -> str:
    """Return the server's version.

    Raises:
        StoreUnavailable: the server does not answer within ``seconds``.
    """
    with translated(), pymongo.timeout(seconds):
        return str(database.command("buildInfo")["version"])
