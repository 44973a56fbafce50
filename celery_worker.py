"""Starts Celery: ``celery -A celery_worker worker -Q downloads``."""

from __future__ import annotations

import gc
import os
import warnings
from typing import Any

from celery.exceptions import SecurityWarning
from celery.signals import worker_init, worker_ready

from src.config import SettingsError
from src.launcher.forks import call_in_fork
from src.launcher.readiness import notify_ready
from src.launcher.template import ensure_template
from src.services.operations.folder_claim import claim_folders
from src.services.operations.settings_check import exit_with
from src.tasks import celery_app, settings
from src.utils import sandbox_kind

app = celery_app

# Celery warns root about pickled messages; here messages are JSON, and nothing else is accepted (src/broker.py).
warnings.filterwarnings("ignore", category=SecurityWarning)


# As the unit of the workers has it. A process has a third of the weight of the API then (man 7 sched), and three times
# that of cutting. So a burst of commands from a chat is answered before lookups and captures begin for it.
_NICENESS = 5


@worker_init.connect
def _let_the_api_go_first(**_: Any) -> None:
    os.nice(max(_NICENESS - os.nice(0), 0))


@worker_init.connect
def _claim_folders(**_: Any) -> None:
    try:
        call_in_fork(lambda: claim_folders(settings, wait=True))
    except SettingsError as error:
        exit_with(error)


@worker_init.connect
def _share_memory(**_: Any) -> None:
    sandbox_kind.available()  # cached before the fork, for all children
    ensure_template()
    # What is loaded now is never freed: the collector must not touch it in pool children, which would copy it.
    gc.collect()
    gc.freeze()


@worker_ready.connect
def _report_readiness(**_: Any) -> None:
    sandbox_kind.log_kind()  # logging is configured at this point
    # Part of systemd's protocol, not a setting: the launcher and units of ``Type=notify`` set the address.
    notify_ready(os.environ.get("NOTIFY_SOCKET"))
