"""Starts the service for development: as ``start_server.py``, restarted whenever a source file changes."""

from __future__ import annotations

import sys

from src.launcher.__main__ import main

if __name__ == "__main__":
    sys.exit(main(["--dev", *sys.argv[1:]]))
