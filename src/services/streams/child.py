"""Runs our own code on untrusted media in a sandboxed child process that can open only the files named."""

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

from src.errors import CodecNotRemuxable, DiskFull, EncodeInterrupted, StreamUnreadable
from src.models.progress import Monitor
from src.services.ffmpeg_utils_service import CHECK_SECONDS, ENVIRONMENT, stop_group
from src.utils.process import dying_with
from src.utils.sandbox import SandboxRules, locked_into

log = logging.getLogger(__name__)

DISK_FULL_CODE = 28
"""The exit code of a child that could not write."""
UNKNOWN_CODEC_CODE = 29
"""The exit code of a child that found a codec without a decoder."""
_ROOT = Path(__file__).parents[3]
_LOGGED_BYTES = 2000


def run_in_child(
    module: str, request: Any, *, reads: Sequence[Path], writes: Sequence[Path] = (), monitor: Monitor
) -> Any:
    """Run ``python -m module`` with a request (JSON) on its standard input and return its answer (JSON values).

    Raises:
        StreamUnreadable: it failed. CodecNotRemuxable: a codec has no decoder. DiskFull: it could not write.
        EncodeInterrupted: it was killed. What ``monitor`` raises.
    """
    bind = dying_with(os.getpid())
    with tempfile.TemporaryFile() as stdin, tempfile.TemporaryFile() as stdout, tempfile.TemporaryFile() as errors:
        stdin.write(json.dumps(request).encode())
        stdin.seek(0)
        with locked_into(_sandbox(reads, writes)) as enter:

            def prepare() -> None:
                enter()
                bind()

            process = subprocess.Popen(
                [sys.executable, "-m", module],
                cwd=_ROOT,
                env={**ENVIRONMENT, "PYTHONDONTWRITEBYTECODE": "1"},
                stdin=stdin,
                stdout=stdout,
                stderr=errors,
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
        if code == UNKNOWN_CODEC_CODE:
            raise CodecNotRemuxable("A track of this stream has a codec that cannot be read.")
        if code:
            errors.seek(0)
            log.warning(
                "%s ended with code %d: %s", module, code, errors.read()[-_LOGGED_BYTES:].decode("utf-8", "replace")
            )
            raise StreamUnreadable("The segments of this stream cannot be joined.")
        stdout.seek(0)
        return json.loads(stdout.read())


def _sandbox(reads: Sequence[Path], writes: Sequence[Path]) -> SandboxRules:
    """Allow Python and its packages, our code, and the files of the task."""
    python = Path(sys.executable)
    return SandboxRules(
        reads=(Path(sys.prefix), Path(sys.base_prefix, "lib"), _ROOT / "src", *reads),
        writes=tuple(writes),
        programs=(python, python.resolve()),
        lists=(_ROOT, *reads),
    )
