"""Reads one file like ``probe_child``, in a process that loaded the code before it knew the file.

``python -m src.services.media.forked_probe FILES NETWORK NAMESPACES``: the kind of sandbox that the parent found. The
tasks, the need, the file and the limits come as one line of JSON on the standard input. The sandbox is in force before
the file is opened.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from pathlib import Path

from src.services.media import probe_child
from src.services.media.child import ProbeLimits, sandbox_of
from src.utils.sandbox import Kind, leave_network, lock_in


def main(arguments: Sequence[str]) -> int:
    """Do the tasks of one line. Returns the exit code of ``probe_child``."""
    kind = Kind(arguments[0], arguments[1], int(arguments[2]))
    leave_network(kind)
    tasks, need, path, *limits = json.loads(sys.stdin.buffer.readline())
    ProbeLimits(*limits).apply()
    lock_in(sandbox_of(Path(path)), kind)
    return probe_child.main(tasks, need, path)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
