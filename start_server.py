"""Starts the service in production: run it directly, or give ``start_server:create_application()`` to gunicorn."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from src.launcher.python_version import require_python

require_python()

if TYPE_CHECKING:
    from flask import Flask


def create_application() -> Flask:
    """Return the WSGI application of one API process, configured by the environment."""
    from src.app import create_app
    from src.services.operations.settings_check import usable_settings_or_exit
    from src.utils import logs, sandbox_kind

    settings = usable_settings_or_exit()
    logs.configure(settings.log_level, settings.log_file, settings.log_format)
    sandbox_kind.log_kind()
    return create_app(settings)


if __name__ == "__main__":
    # Imported here because the launcher runs as long as the service and stays small without the service's code.
    from src.launcher.__main__ import main

    sys.exit(main())
