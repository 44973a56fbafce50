"""The app over real stores with small engines: what is tested is everything between HTTP and the engines."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import redis
from pymongo.database import Database

from src.app import create_app
from src.bootstrap import build, prepare_database
from src.config import Settings
from tests.api.actors import Api, Person
from tests.tools.fakes import FakeEngine, RecordingNotifier


def api_settings(folder: Path, **changes: Any) -> Settings:
    """Settings of an app under test."""
    fields: dict[str, Any] = {
        "mongodb_uri": "mongodb://unused",
        "redis_uri": "redis://unused",
        "jwt_public_secret": "public-secret-of-the-tests-0123456789",
        "jwt_private_secret": "private-secret-of-the-tests-0123456789",
        "flask_secret_key": "flask-secret-of-the-tests-0123456789",
        "data_dir": folder / "data",
        "downloads_dir": folder / "downloads",
        "uploads_dir": folder / "uploads",
        "log_file": "",
        "sync_wait_seconds": 2,
        "rate_limit_enabled": False,
        "min_free_disk_mb": 0,
        "job_retry_base_seconds": 0.1,
        "password_hash_cost": 4,
        **changes,
    }
    return Settings(**fields)


def app_over(
    settings: Settings,
    database: Database[dict[str, Any]],
    redis_client: redis.Redis,
    *,
    engine: FakeEngine | None = None,
    runs: bool = True,
    **given: Any,
) -> Api:
    """The app over these stores, with one small engine for all work but what is ``given``.

    A job runs as soon as a worker is notified of it; without ``runs`` it waits.
    """
    engine, notifier = engine or FakeEngine(), RecordingNotifier()
    engines = {"youtube": engine, "encoder": engine, "videos": engine, **given}
    services = build(settings, notifier=notifier, database=database, redis_client=redis_client, **engines)
    if runs:
        notifier.answer = services.runner.run
    prepare_database(database)
    return Api(create_app(settings, services), services, engine, notifier)


@pytest.fixture
def api(mongo_database: Database[dict[str, Any]], redis_client: redis.Redis, tmp_path: Path) -> Iterator[Api]:
    made = app_over(api_settings(tmp_path), mongo_database, redis_client)
    yield made
    made.engine.hurry.set()  # also when the test has failed
    made.notifier.finish()


@pytest.fixture
def anna(api: Api) -> Person:
    return api.person()


@pytest.fixture
def bert(api: Api) -> Person:
    return api.person()


@pytest.fixture(scope="module")
def site() -> Iterator[Any]:
    """The offline site; its module is big, and most tests of this folder do without."""
    from tests.tools.offline_youtube.site import OfflineYoutube

    with OfflineYoutube() as running:
        yield running


@pytest.fixture
def real(
    site: Any, mongo_database: Database[dict[str, Any]], redis_client: redis.Redis, tmp_path: Path
) -> Iterator[Api]:
    """The app with everything it has, and the offline site for the rest of the world."""
    led = Settings.load(site.environment(), dotenv=None)
    names = [name.lower() for name in site.environment() if name.lower() in Settings.model_fields]
    settings = api_settings(tmp_path, **{name: getattr(led, name) for name in names})
    notifier = RecordingNotifier()
    services = build(settings, notifier=notifier, database=mongo_database, redis_client=redis_client)
    notifier.answer = services.runner.run
    prepare_database(mongo_database)
    yield Api(create_app(settings, services), services, FakeEngine(), notifier)
    notifier.finish()


@pytest.fixture
def live(real: Api, site: Any) -> Iterator[Api]:
    """``real`` beside streams that began a minute ago."""
    site.reset()
    site.live.begin()
    yield real
    site.live.begin()
