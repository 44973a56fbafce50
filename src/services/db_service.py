"""MongoDB: the connection with its promises and its patience, the indexes, and whether it answers."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
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

# A write counts when a majority of the replica set has it in its journal: a job that was confirmed survives a
# kill. No operation, with the search for a server and one repetition, may take longer than a fraction of a job's
# lease (30 s) or than a client is patient. (With timeoutMS the driver looks at serverSelectionTimeoutMS no more.)
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
    """What a class of ``src/data`` declares about its collection."""

    @property
    def COLLECTION(self) -> str:  # noqa: N802 (a constant of the class)
        """Its name."""

    @property
    def INDEXES(self) -> Sequence[IndexModel]:  # noqa: N802
        """Its indexes."""


def connect(uri: str, **options: Any) -> Database[Document]:
    """The database that a ``mongodb://`` address names (``yt_downloader`` when it names none).

    Nothing is sent yet: a server that is away is noticed at the first use. Options are pymongo's; they
    override the address, which overrides this module's defaults.

    Raises:
        SettingsError: the address cannot be understood.
    """
    try:
        said = {name.lower() for name, _ in parse_qsl(urlsplit(uri).query)}
        said |= {"journal"} if "j" in said else set()
        defaults = {name: value for name, value in _OPTIONS.items() if name.lower() not in said}
        client: MongoClient[Document] = MongoClient(uri, **{**defaults, **options})
        return client.get_default_database(DEFAULT_DATABASE)
    except (InvalidURI, ConfigurationError, ValueError) as error:
        raise SettingsError(f"MONGODB_URI cannot be used: {error}") from None


def ensure_indexes(database: Database[Document], collections: Iterable[Collection]) -> None:
    """Create the declared indexes that are missing. Safe to run from several processes at once.

    Raises:
        StoreUnavailable: the server cannot be reached or has an index of that name with another meaning.
    """
    with translated():
        database.command("ping")  # with the usual patience: building an index may take long, finding nobody not
    for declared in collections:
        with translated(), pymongo.timeout(_INDEX_BUILD_SECONDS):
            database[declared.COLLECTION].create_indexes(list(declared.INDEXES))


def ping(database: Database[Document], *, seconds: float = 2.0) -> bool:
    """Whether the server answers within so many seconds."""
    try:
        with translated(), pymongo.timeout(seconds):
            database.command("ping")
    except StoreUnavailable:
        return False
    return True


def server_version(database: Database[Document], *, seconds: float = 5.0) -> str:
    """The server's version.

    Raises:
        StoreUnavailable: it does not answer within so many seconds.
    """
    with translated(), pymongo.timeout(seconds):
        return str(database.command("buildInfo")["version"])
