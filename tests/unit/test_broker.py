"""The options of Celery that depend on each other and on those of the stores."""

from __future__ import annotations

from pathlib import Path

from src.broker import make_celery
from src.services import db_service
from tests.api.conftest import api_settings


def test_a_new_worker_process_has_the_time_to_find_the_database_away(tmp_path: Path) -> None:
    waits = db_service._OPTIONS["timeoutMS"] / 1000
    with make_celery(api_settings(tmp_path, redis_uri="redis://localhost:1/0")) as app:
        assert app.conf.worker_proc_alive_timeout > 2 * waits, "it is killed otherwise, and begun again, without an end"
