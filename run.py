"""Starts the service for development: as ``start_server.py``, restarted whenever a source file changes."""

from __future__ import annotations

import sys

from src.launcher.python_version import require_python

require_python()

if __name__ == "__main__":
    from src.launcher.__main__ import main

    sys.exit(main(["--dev", *sys.argv[1:]]))
