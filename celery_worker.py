"""Celery's entry: ``celery -A celery_worker worker -Q downloads``."""

from __future__ import annotations

import gc
import os
import warnings
from typing import Any

from celery.exceptions import SecurityWarning
from celery.signals import worker_init, worker_ready

from src.config import SettingsError
from src.launcher.readiness import tell_ready
from src.services.operations.folder_claim import claim_folders
from src.tasks import celery_app, settings
from src.utils import sandbox_kind

app = celery_app

# Celery warns root of messages that are pickles; ours are JSON, and nothing else is accepted (src/broker.py).
warnings.filterwarnings("ignore", category=SecurityWarning)


@worker_init.connect
def _claim_folders(**_: Any) -> None:
    try:
        claim_folders(settings, wait=True)
    except SettingsError as error:
        raise SystemExit(str(error)) from None


@worker_init.connect
def _share_memory(**_: Any) -> None:
    sandbox_kind.available()  # found out once for all children, before any of them
    # What is loaded by now is never freed: the collector must not touch, and so copy, it in each pool child.
    gc.collect()
    gc.freeze()


@worker_ready.connect
def _tell_starter(**_: Any) -> None:
    sandbox_kind.tell()  # the log is set up by now
    # systemd's protocol and not a setting: the launcher and ``Type=notify`` units give the address.
    tell_ready(os.environ.get("NOTIFY_SOCKET"))
