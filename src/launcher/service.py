"""Describes the processes of the service: the API, one Celery worker per queue, and the scheduler."""

from __future__ import annotations

import errno
import importlib
import runpy
import socket
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial

from src.config import Settings
from src.launcher.problems import HostUnusable, PortInUse
from src.launcher.processes import ChildSpec, Stage
from src.launcher.readiness import ReadySocket, answers_http

# Threads share two memory pools instead of up to 8 per core: man 3 mallopt, M_ARENA_MAX.
_LEAN = {"MALLOC_ARENA_MAX": "2"}
# Lookups and captures wait for the network and share a process. Work with FFmpeg needs processes that can be killed.
_METADATA_THREADS = 4


@dataclass(frozen=True)
class Listener:
    """The listening socket of the API. The launcher holds it, so no connection is refused while the API restarts."""

    socket: socket.socket
    host: str
    port: int

    @property
    def url(self) -> str:
        """The address on this machine."""
        return f"http://[{self.host}]:{self.port}" if ":" in self.host else f"http://{self.host}:{self.port}"


def listen(settings: Settings) -> Listener:
    """Listen on HOST and PORT.

    Raises:
        PortInUse: another process listens there.
        HostUnusable: HOST is not an address of this machine.
    """
    try:
        found = socket.getaddrinfo(settings.host, settings.port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
        family, _, _, _, address = found[0]
        opened = socket.create_server(address[:2], family=family, backlog=1024)
    except OSError as error:
        if isinstance(error, socket.gaierror) or error.errno == errno.EADDRNOTAVAIL:
            raise HostUnusable(
                f"The API cannot listen on {settings.host} ({_reason(error)}): HOST must be an address of this "
                "machine, for example 127.0.0.1, or 0.0.0.0 for all of them"
            ) from None
        raise PortInUse(
            f"The API cannot listen on {settings.host}:{settings.port} ({_reason(error)}). "
            "Stop what uses that port, or choose another one: PORT=5001 make run"
        ) from None
    bound = str(address[0])
    host = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(bound, bound)  # noqa: S104 (compared, not bound) # nosec B104
    return Listener(opened, host, opened.getsockname()[1])


def _reason(error: OSError) -> str:
    # Python appends the address to the system's message, but the error names it already.
    return str(error.strerror).partition(" (")[0]


def api_child(listener: Listener, env: Mapping[str, str]) -> ChildSpec:
    """Return gunicorn on the open socket."""
    descriptor = listener.socket.fileno()
    options = ("-c", "gunicorn_config.py", "--bind", f"fd://{descriptor}", "start_server:create_application()")
    return ChildSpec(
        name="api",
        argv=(sys.executable, "-m", "gunicorn", *options),
        entry=partial(_run_module, "gunicorn", *options),
        title="gunicorn",
        stage=Stage.API,
        env={**_LEAN, **env},
        ready=lambda: answers_http(listener.host, listener.port, "/api/health/simple"),
        pass_fds=(descriptor,),
    )


def worker_children(settings: Settings, env: Mapping[str, str]) -> list[ChildSpec]:
    """Return one Celery worker per queue, each with a limit, so that long jobs of one kind never delay another."""
    pools = {
        "captures": ("threads", settings.captures_at_once),
        "downloads": ("prefork", settings.download_workers),
        "encodes": ("prefork", settings.encode_workers),
        "metadata": ("threads", _METADATA_THREADS),
    }
    return [_worker(queue, pool, at_once, env) for queue, (pool, at_once) in pools.items()]


def _worker(queue: str, pool: str, at_once: int, env: Mapping[str, str]) -> ChildSpec:
    readiness = ReadySocket()
    # Workers do not need to know each other: less traffic, and a second less to start.
    isolated = ("--without-gossip", "--without-mingle", "--without-heartbeat")
    options = ("-Q", queue, "-n", f"{queue}@%h", "--pool", pool, "--concurrency", str(at_once), *isolated)
    command = ("celery", "-q", "-A", "celery_worker", "worker", *options)
    return ChildSpec(
        name=f"worker-{queue}",
        argv=(sys.executable, "-m", *command),
        entry=partial(_run_worker, queue, pool, at_once),
        title=f"celery -Q {queue}",
        stage=Stage.WORKERS,
        env={**_LEAN, **env, "NOTIFY_SOCKET": readiness.address},
        ready=readiness.ready,
        stop_seconds=15,
    )


def scheduler_child(env: Mapping[str, str]) -> ChildSpec:
    """Return the scheduler: cleanup, reconciler and webhooks."""
    return ChildSpec(
        name="scheduler",
        argv=(sys.executable, "-m", "src.scheduler"),
        entry=_run_scheduler,
        title="src.scheduler",
        stage=Stage.WORKERS,
        env={**_LEAN, **env},
    )


def _run_module(name: str, *arguments: str) -> None:
    """Do in a fork what ``python -m NAME ARGUMENTS`` does."""
    sys.argv = [name, *arguments]
    runpy.run_module(name, run_name="__main__", alter_sys=True)


def _run_worker(queue: str, pool: str, at_once: int) -> None:
    """Do in a fork what the command above does, without the 6 MB of Celery's command line."""
    from celery.utils.nodenames import default_nodename, host_format  # loaded by then

    sys.argv = ["celery", "worker"]
    app = importlib.import_module("celery_worker").app
    worker = app.Worker(
        hostname=host_format(default_nodename(f"{queue}@%h")),
        queues=[queue],
        pool_cls=pool,
        concurrency=at_once,
        quiet=True,
        without_gossip=True,
        without_mingle=True,
        without_heartbeat=True,
    )
    worker.start()
    raise SystemExit(worker.exitcode)


def _run_scheduler() -> None:
    from src import scheduler  # imported here because not every launcher runs one

    scheduler.main()
