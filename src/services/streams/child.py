"""Runs functions of ours on what came from outside, in a child process that sees nothing but the files named."""

from __future__ import annotations

import json
import logging
import os
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from src.errors import DiskFull, EncodeInterrupted, StreamUnreadable
from src.models.progress import Monitor
from src.services.ffmpeg_utils_service import CHECK_SECONDS, ENVIRONMENT, stop_group
from src.utils.process import dying_with
from src.utils.sandbox import SandboxRules, locked_into

log = logging.getLogger(__name__)

DISK_FULL_CODE = 28
"""What a child ends with when it could not write."""
_ROOT = Path(__file__).parents[3]
_KEPT_BYTES = 2000


def ask(module: str, question: Any, *, reads: Sequence[Path], writes: Sequence[Path] = (), monitor: Monitor) -> Any:
    """The answer (JSON values) of ``python -m module`` to a question on its standard input.

    Raises:
        StreamUnreadable: it ended with an error. DiskFull: it could not write. EncodeInterrupted: somebody killed it.
        What ``monitor`` raises.
    """
    bind = dying_with(os.getpid())
    with tempfile.TemporaryFile() as asked, tempfile.TemporaryFile() as answered, tempfile.TemporaryFile() as said:
        asked.write(json.dumps(question).encode())
        asked.seek(0)
        with locked_into(_sandbox(reads, writes)) as enter:

            def prepare() -> None:
                enter()
                bind()

            process = subprocess.Popen(
                [sys.executable, "-m", module],
                cwd=_ROOT,
                env={**ENVIRONMENT, "PYTHONDONTWRITEBYTECODE": "1"},
                stdin=asked,
                stdout=answered,
                stderr=said,
                process_group=0,
                preexec_fn=prepare,
            )
        try:
            while True:
                monitor.check()
                try:
                    code = process.wait(CHECK_SECONDS)
                    break
                except subprocess.TimeoutExpired:
                    continue
        finally:
            stop_group(process)
        if code < 0:
            raise EncodeInterrupted()
        if code == DISK_FULL_CODE:
            raise DiskFull()
        if code:
            said.seek(0)
            log.warning(
                "%s ended with code %d: %s", module, code, said.read()[-_KEPT_BYTES:].decode("utf-8", "replace")
            )
            raise StreamUnreadable("The segments of this stream cannot be put together.")
        answered.seek(0)
        return json.loads(answered.read())


def _sandbox(reads: Sequence[Path], writes: Sequence[Path]) -> SandboxRules:
    """Python and its packages, our code, and the files of the task."""
    python = Path(sys.executable)
    return SandboxRules(
        reads=(Path(sys.prefix), Path(sys.base_prefix, "lib"), _ROOT / "src", *reads),
        writes=tuple(writes),
        programs=(python, python.resolve()),
        lists=(_ROOT, *reads),
    )
