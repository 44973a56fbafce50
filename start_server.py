"""Production entry: run it to start everything, or give ``start_server:create_application()`` to gunicorn."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from flask import Flask


def create_application() -> Flask:
    """Return the WSGI application of one API process, from the environment."""
    from src.app import create_app
    from src.config import Settings
    from src.utils import logs, sandbox_kind

    settings = Settings.load().require_complete()
    logs.configure(settings.log_level, settings.log_file, settings.log_format)
    sandbox_kind.tell()
    return create_app(settings)


if __name__ == "__main__":
    # Only here: the launcher lives as long as the service, and stays small by not loading the service.
    from src.launcher.__main__ import main

    sys.exit(main())
