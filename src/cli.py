"""Runs commands of the operator, such as ``python -m src.cli link-sessions --username anna --hours 24``.

The commands use the configured stores or, without them, those of the instance that runs on DATA_DIR. The commands for
the folders of files start the embedded database themselves when no instance runs.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from src.bootstrap import Services, build
from src.config import Settings, SettingsError
from src.data.installation_data import InstallationData
from src.data.older_release import OlderRelease
from src.data.path_data import PathData
from src.data.stored_paths import StoredPaths
from src.errors import AppError
from src.launcher import data_folder
from src.launcher.joining import join
from src.launcher.problems import CannotStart, DataFolderInUse, RecordsTooNew
from src.launcher.stores import embedded_stores
from src.launcher.supervisor import Supervisor
from src.services import db_service
from src.services.operations.folder_claim import owner_of_folders


class _NoNotifier:
    """A notifier that does nothing, because no command starts a job."""

    def notify(self, job_id: str, queue: str) -> None:
        """Do nothing."""

    def request_help(self, job_id: str) -> None:
        """Do nothing."""

    def describe(self, job_id: str) -> None:
        """Do nothing."""


@dataclass(frozen=True, slots=True)
class _Command:
    """A command: its purpose, and the function that runs it and returns the sentence to print."""

    purpose: str
    run: Callable[[argparse.Namespace, Settings], str]


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command and return the exit code."""
    options = _parser().parse_args(arguments)
    try:
        result = _COMMANDS[options.command].run(options, Settings.load())
    except (AppError, SettingsError, CannotStart) as error:
        print(error, file=sys.stderr)  # noqa: T201 (output of a command)
        return 1
    print(result)  # noqa: T201
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m src.cli", description="Commands for the operator.")
    commands = parser.add_subparsers(dest="command", required=True)
    parsers = {name: commands.add_parser(name, help=command.purpose) for name, command in _COMMANDS.items()}
    link = parsers["link-sessions"]
    link.add_argument("--username", required=True, help="e-mail address of the account, or its part before the @")
    link.add_argument("--hours", type=float, default=24, help="how far back (24)")
    for name in ("make-admin", "remove-admin", "disable-account", "enable-account"):
        parsers[name].add_argument("--email", required=True, help="e-mail address of the account")
    return parser


def _link_sessions(options: argparse.Namespace, settings: Settings) -> str:
    services = _services(settings)
    user, number = services.auto_downloads.link(options.username, hours=options.hours)
    return f"{number} downloads now belong to {user.email}"


def _services(settings: Settings) -> Services:
    return build(join(settings).require_complete(), notifier=_NoNotifier(), worker="cli")


def _make_admin(options: argparse.Namespace, settings: Settings) -> str:
    return f"{_services(settings).admins.grant(options.email).email} is an administrator now"


def _remove_admin(options: argparse.Namespace, settings: Settings) -> str:
    return f"{_services(settings).admins.withdraw(options.email).email} is no longer an administrator"


def _disable_account(options: argparse.Namespace, settings: Settings) -> str:
    return f"{_services(settings).accounts.switch(options.email, active=False).email} is disabled"


def _enable_account(options: argparse.Namespace, settings: Settings) -> str:
    return f"{_services(settings).accounts.switch(options.email, active=True).email} can sign in again"


def _adopt_folders(_: argparse.Namespace, settings: Settings) -> str:
    with _database(settings) as reachable:
        database = db_service.connect(reachable.mongodb_uri)
        with database.client:
            own = owner_of_folders(reachable, database).adopt()
    folders = " and ".join(str(folder.resolve()) for folder in _folders(settings))
    return f"{folders} now belong to this database ({own}); files that it does not know are deleted after a day"


def _allow_deletion(_: argparse.Namespace, settings: Settings) -> str:
    with _database(settings) as reachable:
        database = db_service.connect(reachable.mongodb_uri)
        with database.client:
            installation = InstallationData(database)
            held = installation.held_back()
            if held is None:
                return "no files are held back: nothing has changed"
            installation.allow(held.files)
    return f"the next cleanup deletes the {held.files} files that belong to no job of this database"


def _store_absolute_paths(_: argparse.Namespace, settings: Settings) -> str:
    if not settings.mongodb_uri and data_folder.is_owned(settings.data_dir):
        raise DataFolderInUse("The service is running and would store relative paths again: stop it first")
    with _database(settings) as reachable:
        database = db_service.connect(reachable.mongodb_uri)
        with database.client:
            paths = StoredPaths.below(*_folders(settings))
            older = OlderRelease(database, paths)
            if number := older.recordings():
                raise RecordsTooNew(
                    f"The older version cannot read {number} recordings of whole streams: start this version again, "
                    "fetch and delete them, then stop it and repeat this command"
                )
            for path in older.drop_previews():
                path.unlink(missing_ok=True)
            number = PathData(database, paths).make_absolute()
    return f"{number} absolute paths were stored: now start the older version; do not start this one before"


def _folders(settings: Settings) -> tuple[Path, Path]:
    return settings.downloads_dir, settings.uploads_dir


@contextmanager
def _database(settings: Settings) -> Iterator[Settings]:
    """Yield the settings with the address of a running database.

    This is a configured one, that of the running instance, or the embedded one, started for the length of the block.

    Raises:
        CannotStart: the embedded database cannot be started.
    """
    joined = join(settings)
    if joined.mongodb_uri:
        yield joined
        return
    with embedded_stores(settings.data_dir, redis=False) as stores:
        supervisor = Supervisor(stores.children)
        try:
            supervisor.start()
            yield settings.model_copy(update={"mongodb_uri": stores.mongodb_uri})
        finally:
            supervisor.stop()


_COMMANDS = {
    "link-sessions": _Command("give audio downloads without an account to an account", _link_sessions),
    "adopt-folders": _Command("assign DOWNLOADS_DIR and UPLOADS_DIR to the database in use", _adopt_folders),
    "allow-deletion": _Command("let the next cleanup delete files that it held back for their number", _allow_deletion),
    "store-absolute-paths": _Command(
        "prepare the records for an older version, which cannot read relative paths", _store_absolute_paths
    ),
    "make-admin": _Command("make an account an administrator, regardless of ADMIN_EMAILS", _make_admin),
    "remove-admin": _Command("remove an administrator, even if ADMIN_EMAILS names the account", _remove_admin),
    "disable-account": _Command("refuse all logins, tokens, links and event streams of an account", _disable_account),
    "enable-account": _Command("let a disabled account sign in again", _enable_account),
}


if __name__ == "__main__":
    sys.exit(main())
