"""Loads the code of all processes into the launcher once, which is cheaper than once in each of them."""

from __future__ import annotations

import contextlib
import gc
import importlib
import sys

from src.utils import sandbox_kind

# What the processes have loaded when they are ready. Code of single jobs, such as yt-dlp, is left to them, and so is
# src/tasks.py, which reads its settings when it is loaded.
_MODULES = (
    *("src.app", "src.scheduler", "src.launcher.api_log", "src.launcher.api_worker"),
    *("src.services.jobs.presence", "src.services.operations.folder_claim"),
    *("gunicorn.app.wsgiapp", "gunicorn.arbiter", "gunicorn.workers.gthread"),
    *("celery.app.amqp", "celery.app.control", "celery.app.log", "celery.apps.worker", "celery.backends.base"),
    *("celery.concurrency.prefork", "celery.concurrency.thread", "celery.events.dispatcher", "celery.events.receiver"),
    *("celery.fixups.django", "celery.worker.autoscale", "celery.worker.components", "celery.worker.consumer"),
    *("celery.worker.consumer.delayed_delivery", "celery.worker.strategy"),
    *("kombu.matcher", "kombu.mixins", "kombu.pidbox", "kombu.transport.redis"),
    *("billiard.popen_fork", "billiard.sharedctypes"),
)
# What libraries load because it is installed, and what nothing here uses: the command line of httpx (pygments, rich),
# algorithms of signatures other than ours (cryptography), and a second client of Redis (valkey). 15 MB together.
_UNUSED = ("pygments", "rich", "cryptography", "valkey")


def preload() -> None:
    """Load the code, and keep the garbage collector from touching it, which would copy it in every fork."""
    for name in _UNUSED:
        sys.modules.setdefault(name, None)  # type: ignore[arg-type]  # an import fails as if it were not installed
    for name in _MODULES:
        # Modules of other projects may move: then each process loads them where they are.
        with contextlib.suppress(ModuleNotFoundError):
            importlib.import_module(name)
    # Found by trying once for all processes, which inherit the answer. One that cannot be found now, each tries again.
    with contextlib.suppress(OSError):
        sandbox_kind.available()
    gc.collect()
    gc.freeze()
