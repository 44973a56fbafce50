"""Loads the code of all processes into the launcher once, which is cheaper than once in each of them."""

from __future__ import annotations

import contextlib
import gc
import importlib
import itertools
import os
import sys
from collections.abc import Hashable, Iterable, Iterator, Mapping, MutableMapping, Sequence, Set

from src.utils import sandbox_kind

# What the processes have loaded when they are ready. Code of single jobs, such as yt-dlp, is left to them, and so is
# src/tasks.py, which reads its settings when it is loaded.
_MODULES = (
    *("src.app", "src.scheduler", "src.launcher.api_log", "src.launcher.api_worker"),
    *("src.services.jobs.lane", "src.services.jobs.presence", "src.services.operations.folder_claim"),
    *("gunicorn.app.wsgiapp", "gunicorn.arbiter", "gunicorn.workers.gthread"),
    *(
        "celery.app.amqp",
        "celery.app.control",
        "celery.app.events",
        "celery.app.log",
        "celery.apps.worker",
        "celery.backends.base",
    ),
    *("celery.concurrency.prefork", "celery.concurrency.thread", "celery.events.dispatcher", "celery.events.receiver"),
    *("celery.fixups.django", "celery.worker.autoscale", "celery.worker.components", "celery.worker.consumer"),
    *("celery.worker.consumer.delayed_delivery", "celery.worker.strategy"),
    *("kombu.matcher", "kombu.mixins", "kombu.pidbox", "kombu.transport.redis"),
    *("billiard.popen_fork", "billiard.sharedctypes", "billiard.synchronize"),
)
# What libraries load because it is installed, and what nothing here uses: the command line of httpx (pygments, rich),
# algorithms of signatures other than ours (cryptography), and a second client of Redis (valkey). 15 MB together.
_UNUSED = ("pygments", "rich", "cryptography", "valkey")
# Installed for development only. With it, each child of a pool would read a C header to call prctl(2).
_UNUSED_HERE = "cffi"


def preload() -> None:
    """Load the code, and keep the garbage collector from touching it, which would copy it in every fork."""
    for name in (*_UNUSED, _UNUSED_HERE):
        sys.modules.setdefault(name, None)  # type: ignore[arg-type]  # an import fails as if it were not installed
    for name in _MODULES:
        # Modules of other projects may move: then each process loads them where they are.
        with contextlib.suppress(ModuleNotFoundError):
            importlib.import_module(name)
    if sys.modules.get(_UNUSED_HERE) is None:
        sys.modules.pop(_UNUSED_HERE, None)  # billiard asks by the name of the module whether it has it
    _answer_common_questions()
    # Found by trying once for all processes, which inherit the answer. One that cannot be found now, each tries again.
    with contextlib.suppress(OSError):
        sandbox_kind.available()
    gc.collect()
    gc.freeze()


def _answer_common_questions() -> None:
    """Ask once for all processes which abstract types common values have: the first answer reads every subclass."""
    kinds = (Mapping, MutableMapping, Iterable, Iterator, Sequence, Set, Hashable)
    values: tuple[object, ...] = ("", b"", 0, 0.0, True, None, {}, [], (), set(), os.environ, print, preload)
    for value, kind in itertools.product(values, kinds):
        isinstance(value, kind)
