"""Runs our own code on untrusted media in a sandboxed child process that can open only the files named."""

from __future__ import annotations

import json
import logging
import os
import resource
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import IO, Any

from src.errors import CodecNotRemuxable, DiskFull, EncodeInterrupted, StreamUnreadable
from src.models.progress import Monitor
from src.services.ffmpeg_utils_service import CHECK_SECONDS, ENVIRONMENT, stop_group
from src.utils.process import dying_with, use_at_most
from src.utils.sandbox import SandboxRules, locked_into

log = logging.getLogger(__name__)

DISK_FULL_CODE = 28
"""The exit code of a child that could not write."""
UNKNOWN_CODEC_CODE = 29
"""The exit code of a child that found a codec without a decoder."""
_ROOT = Path(__file__).parents[3]
_LOGGED_BYTES = 2000
_MOST_ANSWER_BYTES = 256 << 20  # the facts of a day of segments of one second take a tenth of it
_MEMORY_BYTES = 16 << 30  # as of the process that cuts clips: a stream must not exhaust the machine
_NOT_JOINED = "The segments of this stream cannot be joined."


def run_in_child(
    module: str, request: Any, *, reads: Sequence[Path], writes: Sequence[Path] = (), monitor: Monitor
) -> Any:
    """Run ``python -m module`` with a request (JSON) on its standard input and return its answer (JSON values).

    Raises:
        StreamUnreadable: it failed, or its answer is none or too long. CodecNotRemuxable: a codec has no decoder.
        DiskFull: it could not write. EncodeInterrupted: it was killed. What ``monitor`` raises.
    """
    bind = dying_with(os.getpid())
    with tempfile.TemporaryFile() as stdin, tempfile.TemporaryFile() as stdout, tempfile.TemporaryFile() as errors:
        stdin.write(json.dumps(request).encode())
        stdin.seek(0)
        with locked_into(_sandbox(reads, writes)) as enter:

            def prepare() -> None:
                enter()
                bind()
                use_at_most(resource.RLIMIT_AS, _MEMORY_BYTES)
                use_at_most(resource.RLIMIT_CORE, 0)

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
        _require_success(module, code, errors)
        stdout.seek(0)
        return _answer(stdout.read(_MOST_ANSWER_BYTES + 1))


def _require_success(module: str, code: int, errors: IO[bytes]) -> None:
    """Raise the error that an exit code (negative: a signal) means."""
    if code < 0:
        raise EncodeInterrupted()
    if code == DISK_FULL_CODE:
        raise DiskFull()
    if code == UNKNOWN_CODEC_CODE:
        raise CodecNotRemuxable("A track of this stream has a codec that cannot be read.")
    if code:
        errors.seek(-min(errors.seek(0, os.SEEK_END), _LOGGED_BYTES), os.SEEK_END)
        log.warning("%s ended with code %d: %s", module, code, errors.read().decode("utf-8", "replace"))
        raise StreamUnreadable(_NOT_JOINED)


def _answer(text: bytes) -> Any:
    if len(text) > _MOST_ANSWER_BYTES:
        raise StreamUnreadable(_NOT_JOINED)
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        raise StreamUnreadable(_NOT_JOINED) from None


def _sandbox(reads: Sequence[Path], writes: Sequence[Path]) -> SandboxRules:
    """Allow Python and its packages, our code, and the files of the task."""
    python = Path(sys.executable)
    return SandboxRules(
        reads=(Path(sys.prefix), Path(sys.base_prefix, "lib"), _ROOT / "src", *reads),
        writes=tuple(writes),
        programs=(python, python.resolve()),
        lists=(_ROOT, *reads),
    )
