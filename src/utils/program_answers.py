"""Asks a program about itself, in a process that ends with this one."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Mapping, Sequence

from src.utils.process import dying_with


def answer_of(command: Sequence[str], *, seconds: float, env: Mapping[str, str] | None = None) -> str:
    """Return what the program writes to its standard output, whatever its exit code is.

    Raises:
        OSError: it cannot be started.
        subprocess.SubprocessError: it takes longer than ``seconds``.
    """
    done = subprocess.run(
        command,
        env=env,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        errors="replace",
        timeout=seconds,
        check=False,
        preexec_fn=dying_with(os.getpid()),
    )
    return done.stdout
