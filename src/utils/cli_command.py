"""Writes commands of ``src/cli.py`` as an operator can type them in the folder of the project."""

from __future__ import annotations

import shlex
import sys
from pathlib import Path


def cli_command(arguments: str) -> str:
    """Return the command, with the Python of this service: that of the system lacks its packages."""
    python = Path(sys.executable)
    folder = Path.cwd()
    if python.is_relative_to(folder):
        python = python.relative_to(folder)
    return f"{shlex.quote(str(python))} -m src.cli {arguments}"
