"""Chores of an operator: ``python -m src.cli link-sessions --username anna --hours 24``.

Works on the stores of the settings or, where these name none, on those of the instance that runs on DATA_DIR.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence

from src.bootstrap import build
from src.config import Settings, SettingsError
from src.errors import AppError
from src.launcher.joining import join


class _NoBell:
    """Nothing here starts a job."""

    def ring(self, job_id: str, queue: str) -> None:
        """Nobody."""

    def call_help(self, job_id: str) -> None:
        """Nobody."""

    def describe(self, job_id: str) -> None:
        """Nobody."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Do one chore; the exit code."""
    parser = argparse.ArgumentParser(prog="python -m src.cli", description="Chores of an operator.")
    chores = parser.add_subparsers(dest="chore", required=True)
    link = chores.add_parser("link-sessions", help="give audio downloads that belong to nobody to an account")
    link.add_argument("--username", required=True, help="e-mail address of the account, or what stands before the @")
    link.add_argument("--hours", type=float, default=24, help="how far back (24)")
    options = parser.parse_args(arguments)
    try:
        services = build(join(Settings.load()).require_complete(), doorbell=_NoBell(), worker="cli")
        user, number = services.auto_downloads.link(options.username, hours=options.hours)
    except (AppError, SettingsError) as error:
        print(error, file=sys.stderr)  # noqa: T201 (a command speaks to its user)
        return 1
    print(f"{number} downloads now belong to {user.email}")  # noqa: T201
    return 0


if __name__ == "__main__":
    sys.exit(main())
