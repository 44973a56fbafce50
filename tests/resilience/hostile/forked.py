"""The template process with a child for tests: what a fork of it might try once untrusted media have taken it over."""

from __future__ import annotations

import ctypes
import os
import random
import signal
import ssl
import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

from src.models.progress import Monitor, Progress
from src.services.cutting import sandbox_child, template
from src.services.cutting.engine.model import ClipReport
from src.utils.process import dying_with
from tests.resilience.hostile import sandboxed
from tests.tools.media_kit import FFMPEG


def stall(monitor: Monitor, work: str) -> list[ClipReport]:
    """Start FFmpeg as the engine does, and wait in C for ever, with the interpreter's lock."""
    endless = [FFMPEG, "-v", "error", "-re", "-f", "lavfi", "-i", "testsrc", "-y", f"{work}/endless.nut"]
    ffmpeg = subprocess.Popen(endless, preexec_fn=dying_with(os.getpid()), start_new_session=True)
    Path(work, "pids.new").write_text(f"{os.getpid()} {ffmpeg.pid}")
    Path(work, "pids.new").replace(Path(work, "pids"))
    monitor.report(Progress())
    ctypes.PyDLL(None).pause()
    return []


def escape(monitor: Monitor, work: str) -> list[ClipReport]:
    """Leave a process behind that has left the group and the session, whose parent is gone, and that holds nothing."""
    if not os.fork():
        os.setsid()
        escaped = os.fork()
        if not escaped:
            os.closerange(0, 1024)
            while True:
                signal.pause()
        Path(work, "pids.new").write_text(str(escaped))
        Path(work, "pids.new").replace(Path(work, "pids"))
        os._exit(0)
    os.wait()
    return sandboxed.told("done")


def belongings(monitor: Monitor) -> list[ClipReport]:
    """Tell which descriptors it has."""
    return sandboxed.told(*(str(Path(f"/proc/self/fd/{number}").readlink()) for number in sorted(_numbers())))


def _numbers() -> set[int]:
    found = set()
    for number in range(1024):
        try:
            os.fstat(number)
        except OSError:
            continue
        found.add(number)
    return found


DICE = "dice"


def dice(arguments: Sequence[str]) -> None:
    """Tell a random number of Python and one of OpenSSL."""
    sys.stdout.write(f"{random.random()} {ssl.RAND_bytes(8).hex()}")


ACTS: dict[str, Callable[..., list[ClipReport]]] = {"stall": stall, "escape": escape, "belongings": belongings}


def main(arguments: Sequence[str]) -> None:
    """What ``python -m`` of ``sandboxed`` does, with the acts of this module too."""
    sandboxed.ACTS.update(ACTS)
    sandbox_child.main(arguments, {"clip": sandboxed._act})


if __name__ == "__main__":
    template.main(sys.argv[1:], {**template.PROGRAMS, sandboxed.__name__: main, DICE: dice})
