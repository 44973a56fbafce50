"""A worker that is killed at one instant of a repair: ``python -m`` with stores, folder, job and instant."""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from src.data.repair_data import RepairData
from src.services import db_service
from src.services.cache_service import connect_redis
from src.services.file_store import FileStore
from src.services.progress_cache import ProgressCache
from tests.services.test_repairs import Bench

INSTANTS: dict[str, tuple[type, str, bool]] = {
    "before the file is moved": (FileStore, "store_artifact", False),
    "after the file is moved": (FileStore, "store_artifact", True),
    "before the record": (RepairData, "complete", False),
    "after the record": (RepairData, "complete", True),
    "before the old file is deleted": (FileStore, "delete", False),
    "after the old file is deleted": (FileStore, "delete", True),
    "before the end is announced": (ProgressCache, "announce_end", False),
}
"""A method, and whether the worker dies after it or before it."""


def _deadly(method: Callable[..., Any], after: bool) -> Callable[..., Any]:
    def call(*args: Any, **options: Any) -> Any:
        if after:
            method(*args, **options)
        os.kill(os.getpid(), signal.SIGKILL)

    return call


def main(mongo: str, name: str, redis_uri: str, folder: str, job_id: str, instant: str) -> None:
    owner, method, after = INSTANTS[instant]
    setattr(owner, method, _deadly(getattr(owner, method), after))
    database = db_service.connect(mongo).client[name]
    Bench(database, connect_redis(redis_uri), Path(folder)).runner().run(job_id)


if __name__ == "__main__":
    main(*sys.argv[1:])
