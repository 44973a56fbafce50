"""Configures gunicorn: ``gunicorn -c gunicorn_config.py "start_server:create_application()"``."""

from __future__ import annotations

import gc
import importlib
import os
import signal
from pathlib import Path
from typing import Any

from src.config import SettingsError
from src.errors import AppError
from src.launcher.api_worker import ApiWorker
from src.launcher.forks import call_in_fork
from src.launcher.outside_stores import require_answers
from src.launcher.problems import CannotStart
from src.launcher.slow_senders import SendingLimits
from src.launcher.template import ensure_template
from src.services.operations.folder_claim import claim_folders
from src.services.operations.settings_check import exit_with, usable_settings_or_exit
from src.utils.process import die_with_parent

_settings = usable_settings_or_exit()
_shared_memory = Path("/dev/shm")  # noqa: S108 (gunicorn creates an unguessable, unlinked file there)

chdir = str(Path(__file__).resolve().parent)
bind = f"[{_settings.host}]:{_settings.port}" if ":" in _settings.host else f"{_settings.host}:{_settings.port}"
backlog = 1024

# Requests wait for jobs, slow clients and events rather than for the processor: threads.
worker_class = "src.launcher.api_worker.ApiWorker"
workers = _settings.api_processes
threads = _settings.api_threads
# More than threads: idle connections and slow senders need no thread.
worker_connections = max(_settings.api_threads * 4, 512)
keepalive = 5
# Behind a proxy all connections have its address: there the proxy must count its clients.
ApiWorker.limits = SendingLimits(
    connections_per_address=_settings.connections_per_address, count_peers=not _settings.trusted_proxies
)

# How long a process may go without a heartbeat; requests may take longer, because threads answer them.
timeout = 60
# How long running requests may take to finish after SIGTERM. Below the 10 s after which the launcher kills.
graceful_timeout = 8
# The heartbeat of a process must not wait for a busy disk.
worker_tmp_dir = str(_shared_memory) if os.access(_shared_memory, os.W_OK) else None

# The first line has a limit of its own: src/utils/long_addresses.py.
limit_request_fields = 64
limit_request_field_size = 8190
# Only the application decides, by TRUSTED_PROXIES, which proxies are trusted.
forwarded_allow_ips = ""
secure_scheme_headers: dict[str, str] = {}
header_map = "drop"

# The application logs each request, without tokens.
accesslog = None
logger_class = "src.launcher.api_log.ApiLog"
errorlog = "-"
loglevel = "warning"
# No remote control.
control_socket_disable = True


def on_starting(server: Any) -> None:
    """Refuse stores and folders that cannot be used with a message, then load the code once for all processes.

    They share its memory. Each process connects to the stores after the fork.
    """

    def check() -> None:
        require_answers(_settings)
        claim_folders(_settings)

    try:
        call_in_fork(check)  # this process stays without connections and without the memory for them
    except (AppError, CannotStart, SettingsError) as error:
        exit_with(error)
    importlib.import_module("src.app")
    ensure_template()
    gc.freeze()


def post_fork(server: Any, worker: Any) -> None:
    """End the process with its master, even if that is killed."""
    die_with_parent(worker.ppid)


def post_worker_init(worker: Any) -> None:
    """On SIGTERM, answer callers that wait for a job at once rather than at the time-out."""
    shutdown = worker.app.wsgi().extensions["yt-downloader"].shutdown
    stop = signal.getsignal(signal.SIGTERM)

    def end(number: int, frame: Any) -> None:
        shutdown.set()
        if callable(stop):
            stop(number, frame)

    signal.signal(signal.SIGTERM, end)
