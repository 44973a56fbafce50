"""MongoDB: what the connection promises, how long it waits, and that the indexes are there."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from typing import Any

import pytest
from pymongo.database import Database

from src.config import SettingsError
from src.data.session_data import RevocationData, SessionData
from src.data.user_data import UserData
from src.data.video_data import VideoData
from src.errors import AppError, EmailTaken, StoreUnavailable
from src.services.db_service import connect, ensure_indexes, ping
from tests.tools.waiting import within

COLLECTIONS = (UserData, SessionData, RevocationData, VideoData)
NOW = datetime(2026, 1, 18, 10, 0, 0, 123000, tzinfo=UTC)


def options_of(uri: str, **options: Any) -> dict[str, Any]:
    client = connect(uri, connect=False, **options).client
    return {
        "concern": client.write_concern.document,
        "tz_aware": client.codec_options.tz_aware,
        "timeout": client.options.timeout,
    }


def test_writes_are_journaled_by_a_majority_and_times_are_aware() -> None:
    options = options_of("mongodb://localhost/")
    assert options["concern"] == {"w": "majority", "j": True}
    assert options["tz_aware"]
    assert options["timeout"] < 10


def test_the_address_has_the_last_word_but_for_the_program() -> None:
    assert options_of("mongodb://localhost/?w=1&timeoutMS=500&journal=false")["concern"] == {"w": 1, "j": False}
    assert options_of("mongodb://localhost/?timeoutMS=500")["timeout"] == 0.5
    assert options_of("mongodb://localhost/?timeoutMS=500", timeoutMS=700)["timeout"] == 0.7


@pytest.mark.parametrize(
    ("uri", "name"),
    [
        ("mongodb://localhost:27017", "yt_downloader"),
        ("mongodb://localhost:27017/?w=1", "yt_downloader"),
        ("mongodb://localhost:27017/clips", "clips"),
        ("mongodb://%2Frun%2Fmongo.sock/clips", "clips"),
        ("mongodb://%2Frun%2Fmongo.sock/?journal=true", "yt_downloader"),
    ],
)
def test_the_address_names_the_database(uri: str, name: str) -> None:
    assert connect(uri, connect=False).name == name


@pytest.mark.parametrize("uri", ["http://localhost", "mongodb://", "mongodb://a:b:c@/x"])
def test_an_address_that_is_none_is_a_setting_to_correct(uri: str) -> None:
    with pytest.raises(SettingsError, match="MONGODB_URI"):
        connect(uri)


@pytest.fixture
def silent_uri() -> Iterator[str]:
    """A server that takes connections and never says a word."""
    with socket.create_server(("127.0.0.1", 0), backlog=64) as listener:
        yield f"mongodb://127.0.0.1:{listener.getsockname()[1]}/?timeoutMS=400"


@pytest.fixture
def closed_uri() -> str:
    """An address at which nobody listens."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return f"mongodb://127.0.0.1:{listener.getsockname()[1]}/?timeoutMS=400"


@pytest.mark.parametrize("address", ["silent_uri", "closed_uri"])
def test_a_server_that_hangs_or_is_away_is_told_in_time(address: str, request: pytest.FixtureRequest) -> None:
    database = connect(request.getfixturevalue(address))
    with within(20):
        assert not ping(database, seconds=0.3)
    with within(20), pytest.raises(StoreUnavailable):
        UserData(database).find_by_email("a@example.com")
    with within(20), pytest.raises(StoreUnavailable):
        ensure_indexes(database, COLLECTIONS)
    database.client.close()


@pytest.mark.slow
def test_every_declared_index_is_made_and_making_them_again_changes_nothing(
    mongo_database: Database[dict[str, Any]],
) -> None:
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(lambda _: ensure_indexes(mongo_database, COLLECTIONS), range(4)))
    ensure_indexes(mongo_database, COLLECTIONS)
    users, sessions = mongo_database["users"].index_information(), mongo_database["sessions"].index_information()
    assert users["email"]["unique"]
    assert sessions["token"]["unique"]
    assert "user_id" in sessions and sessions["expires_at"]["expireAfterSeconds"] == 0
    assert mongo_database["revocations"].index_information()["expires_at"]["expireAfterSeconds"] == 0
    assert {"user_id", "status", "expires_at"} <= set(mongo_database["videos"].index_information())
    assert ping(mongo_database)


@pytest.mark.slow
def test_an_index_that_means_something_else_is_told(mongo_database: Database[dict[str, Any]]) -> None:
    mongo_database["users"].create_index("created_at", name="email")
    with pytest.raises(AppError):
        ensure_indexes(mongo_database, [UserData])


@pytest.mark.slow
def test_of_many_who_register_one_address_at_once_one_gets_it(mongo_database: Database[dict[str, Any]]) -> None:
    ensure_indexes(mongo_database, [UserData])
    users = UserData(mongo_database)

    def register(number: int) -> str:
        try:
            return users.insert("anna@example.com", f"hash {number}", NOW).password_hash
        except EmailTaken:
            return "taken"

    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(register, range(16)))
    assert answers.count("taken") == 15
    found = users.find_by_email("anna@example.com")
    assert found is not None and found.password_hash in answers
    assert users.find(found.id) == found
    assert found.created_at == NOW  # aware, to the millisecond


@pytest.mark.slow
@pytest.mark.parametrize("text", ["", "x", "65a0000000000000000000", "\ud800", "65a00000000000000000000g", "$where"])
def test_text_that_is_no_id_finds_nobody(mongo_database: Database[dict[str, Any]], text: str) -> None:
    UserData(mongo_database).insert("anna@example.com", "hash", NOW)
    assert UserData(mongo_database).find(text) is None
    assert SessionData(mongo_database).of_user(text) == []
