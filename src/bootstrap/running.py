"""Builds what runs jobs: the dispatcher, the runner, and what follows the end of an attempt."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from pymongo.database import Database

from src.data.lock_data import LockData
from src.data.queue_data import QueueData
from src.data.worker_data import WorkerData
from src.models.job_kinds import KindTable
from src.services.jobs.admission import Admission
from src.services.jobs.dispatch import Dispatcher
from src.services.jobs.finishing import Finisher
from src.services.jobs.handler import JobHandler
from src.services.jobs.limits import AttemptLimits
from src.services.jobs.notifier import WorkerNotifier
from src.services.jobs.process import Process
from src.services.jobs.reconciler import Reconciler
from src.services.jobs.repairs import Repairs
from src.services.jobs.runner import JobRunner
from src.services.jobs.stores import JobStores


@dataclass(frozen=True)
class Running:
    """The services that run jobs in one process."""

    dispatcher: Dispatcher
    finisher: Finisher
    reconciler: Reconciler
    runner: JobRunner


def build_running(
    database: Database[dict[str, Any]],
    stores: JobStores,
    notifier: WorkerNotifier,
    handlers: Mapping[str, JobHandler[Any]],
    kinds: KindTable,
    limits: AttemptLimits,
    process: Process,
    *,
    lane_places: int = 2,
) -> Running:
    """Build the services that run jobs of the kinds that have a handler. ``lane_places``: see ``Admission``."""
    admission = Admission(
        stores.claims,
        QueueData(database),
        WorkerData(database),
        LockData(database),
        kinds,
        worker=process.worker,
        lease_seconds=limits.lease_seconds,
        max_attempts=limits.max_attempts,
        lane_places=lane_places,
    )
    dispatcher = Dispatcher(stores.jobs, stores.claims, admission, notifier, kinds)
    finisher = Finisher(stores, dispatcher, handlers, kinds)
    repairs = Repairs(stores.claims, stores.files, stores.progress)
    reconciler = Reconciler(stores.claims, repairs, dispatcher, finisher, kinds, limits)
    runner = JobRunner(stores, dispatcher, finisher, repairs, handlers, kinds, limits, process)
    return Running(dispatcher, finisher, reconciler, runner)
