"""Programs that a user of the service runs: the clients of this project, scripts, commands."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

from tests.tools.live_service import ROOT

CLIENTS = ROOT / "clients"
# Generous: several programs and the service share two cores.
PATIENCE_SECONDS = 240


def run(command: list[str], folder: Path, **environment: str) -> str:
    """What a program says that finds the Python clients; it has to succeed."""
    paths = {"PYTHONPATH": str(CLIENTS / "python"), "XDG_CONFIG_HOME": str(folder), "DENO_DIR": str(folder / "deno")}
    done = subprocess.run(
        command,
        cwd=folder,
        env={**os.environ, **paths, **environment},
        capture_output=True,
        text=True,
        timeout=PATIENCE_SECONDS,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout
