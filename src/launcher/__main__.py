"""Runs the command line of the launcher for ``python start_server.py`` and ``python run.py``."""

from __future__ import annotations

import argparse
import dataclasses
import errno
import logging
import os
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from functools import partial
from pathlib import Path

from src.config import SECRET_NAMES, Settings, SettingsError, unknown_settings
from src.launcher import data_folder, secrets, service
from src.launcher.first_hint import first_hint
from src.launcher.forks import call_in_fork
from src.launcher.joining import join, joinable
from src.launcher.outside_stores import require_answers
from src.launcher.preload import preload
from src.launcher.problems import CannotStart, StoreUnreachable
from src.launcher.processes import ChildSpec, Stage
from src.launcher.readiness import notify_ready
from src.launcher.signals import SignalWait
from src.launcher.sources import SourceWatch
from src.launcher.stores import embedded_stores
from src.launcher.supervisor import StopRequested, Supervisor
from src.launcher.template import with_template
from src.services.operations.settings_check import disk_warnings, usable_settings
from src.utils import logs

log = logging.getLogger("src.launcher")

PROJECT = Path(__file__).resolve().parents[2]


def main(argv: Sequence[str] | None = None) -> int:
    """Run until Ctrl-C or SIGTERM; return the exit code."""
    options = _options(argv)
    # Relative folders and the .env file belong to the project, whatever the current directory is.
    os.chdir(PROJECT)
    notify_address = os.environ.pop("NOTIFY_SOCKET", None)  # for the launcher, not for its children
    try:
        settings = _settings(options)
        logs.configure(settings.log_level, settings.log_file, settings.log_format)
        for hint in [*unknown_settings(), *disk_warnings(settings)]:
            log.warning("%s", hint)
        call_in_fork(lambda: require_answers(settings))
        with ExitStack() as stack:
            children, (ready_line, hint), claim = stack.enter_context(_everything(settings, _role(options, settings)))
            children = stack.enter_context(with_template(children))
            wait = stack.enter_context(SignalWait())
            if options.dev:  # changed code is only loaded by new programs
                children = [dataclasses.replace(child, entry=None) for child in children]
            supervisor = Supervisor(children, wait=wait, forgiving=options.dev)
            try:
                supervisor.start(
                    while_stores_start=None if options.dev else preload,
                    once_stores_answer=lambda: call_in_fork(claim),
                )
                sys.stdout.write(ready_line + "\n")
                sys.stdout.flush()
                sys.stderr.write(hint)
                notify_ready(notify_address)
                supervisor.run(_reloader(supervisor) if options.dev else None)
            except StopRequested:
                log.info("stopped before everything was ready")
            finally:
                supervisor.stop()
    except (CannotStart, SettingsError) as error:
        sys.stderr.write(f"{error}\n")
        return error.exit_code
    except OSError as error:
        if error.errno not in (errno.ENOSPC, errno.EDQUOT):
            raise
        sys.stderr.write(
            f"The service cannot start, because a disk is full ({error.strerror}): make room on those of DATA_DIR, "
            "DOWNLOADS_DIR and UPLOADS_DIR, a few hundred MB, and start it again\n"
        )
        return 1
    except KeyboardInterrupt:
        return 130
    return 0


def _options(argv: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="start_server.py", description="Start yt-downloader.")
    parser.add_argument(
        "--role",
        choices=("all", "api", "workers"),
        help="all: API, workers and scheduler, with embedded stores where no address is set (default); "
        "api, workers: only this, for the stores of MONGODB_URI and REDIS_URI or of an instance that runs on DATA_DIR "
        "(api is the default for a --surface next to a running instance)",
    )
    parser.add_argument(
        "--surface", action="append", metavar="NAME", help="serve only this part of the API, like SURFACES"
    )
    parser.add_argument("--port", type=int, help="listen on this port, like PORT")
    parser.add_argument("--dev", action="store_true", help="restart the processes when a source file changes")
    return parser.parse_args(argv)


def _settings(options: argparse.Namespace) -> Settings:
    """Return the settings of the environment, overridden by those of the command line.

    Raises:
        SettingsError: one or several of them cannot be used.
    """
    if options.port is not None:
        os.environ["PORT"] = str(options.port)
    if options.surface:
        os.environ["SURFACES"] = ",".join(options.surface)
    return usable_settings(complete=False)


def _role(options: argparse.Namespace, settings: Settings) -> str:
    if options.role:
        return str(options.role)
    joins_running = options.surface and settings.embedded and data_folder.is_owned(settings.data_dir)
    return "api" if joins_running else "all"


@contextmanager
def _everything(settings: Settings, role: str) -> Iterator[tuple[list[ChildSpec], tuple[str, str], Callable[[], None]]]:
    """Yield all children to run, what to print when they are ready (on standard output, on standard error), and a
    function that claims their folders.

    Raises:
        CannotStart, SettingsError: something is missing or in use.
    """
    with ExitStack() as stack:
        children: list[ChildSpec] = []
        own_database = role == "all" and not settings.mongodb_uri
        is_first = own_database and data_folder.is_unused(settings.data_dir)
        if role != "all":
            settings = join(settings)
        elif settings.embedded:
            settings, stores = stack.enter_context(_embedded(settings))
            children += stores
        env = _environment(settings.require_complete())
        ready_line, hint = "yt-downloader workers are ready", ""
        if role != "api":
            children += service.worker_children(settings, env)
        if role == "all":
            children.append(service.scheduler_child(env))
        if role != "workers":
            listener = service.listen(settings)
            stack.callback(listener.socket.close)
            children.append(service.api_child(listener, env))
            has_page = settings.page and (not settings.surfaces or "backend" in settings.surfaces)
            page = f"  web page: {listener.url}/" if has_page else ""
            ready_line = f"yt-downloader is ready: {listener.url}{page}  docs: {listener.url}/docs"
            if has_page and is_first:
                hint = first_hint(listener.url, settings.host)
        yield children, (ready_line, hint), partial(_claim, settings, embedded=own_database)


@contextmanager
def _embedded(settings: Settings) -> Iterator[tuple[Settings, tuple[ChildSpec, ...]]]:
    """Yield the settings completed by embedded stores and secrets, and the stores to run."""
    folder = data_folder.make_private(settings.data_dir)
    with embedded_stores(folder, mongodb=not settings.mongodb_uri, redis=not settings.redis_uri) as stores:
        stored = secrets.ensure_secrets(folder, [name.upper() for name in SECRET_NAMES if not getattr(settings, name)])
        changes = {name.lower(): value for name, value in stored.items()}
        changes["mongodb_uri"] = settings.mongodb_uri or stores.mongodb_uri
        changes["redis_uri"] = settings.redis_uri or stores.redis_uri
        complete = settings.model_copy(update=changes)
        with joinable(folder, complete):
            yield complete, stores.children


def _claim(settings: Settings, *, embedded: bool) -> None:
    """Claim the folders of files for the database, which must be running.

    Raises:
        CannotStart, SettingsError: the folders are in use, belong to another database, or are not usable.
    """
    # Imported here because only a fork may use the driver, whose connections have threads.
    from src.errors import StoreUnavailable
    from src.services.operations.folder_claim import claim_folders

    files = (settings.downloads_dir, settings.uploads_dir)
    if embedded:
        data_folder.require_unused(files, settings.data_dir)
    try:
        claim_folders(settings, embedded=embedded)
    except StoreUnavailable:
        raise StoreUnreachable("The database has stopped answering while the service was starting") from None
    if embedded:
        data_folder.belong(files, settings.data_dir)


def _environment(settings: Settings) -> dict[str, str]:
    """Return the variables that are added to the children's environment."""
    return {name.upper(): getattr(settings, name) for name in ("mongodb_uri", "redis_uri", *SECRET_NAMES)}


def _reloader(supervisor: Supervisor) -> Callable[[], None]:
    watch = SourceWatch(PROJECT)

    def check() -> None:
        if watch.changed():
            log.info("a source file has changed: the processes are restarted")
            supervisor.restart((Stage.API, Stage.WORKERS, Stage.TEMPLATE))

    return check


if __name__ == "__main__":
    sys.exit(main())
