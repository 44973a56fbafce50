"""Writes the placed parts of a recording into one MP4 in a child process.

``python -m src.services.streams.packets`` reads ``{"output": ..., "video": [...], "audio": [...]}`` from standard
input; each part has the fields of ``Part``. It writes the number of copied packets of each kind.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

from src.errors import means_full_disk
from src.services.cutting.engine.packets import write_mp4
from src.services.cutting.engine.parts import Part
from src.services.streams.child import DISK_FULL_CODE


def main() -> int:
    """Carry out the request on standard input."""
    request = json.load(sys.stdin)
    output = Path(request.pop("output"))
    parts = {kind: [Part(tuple(map(Path, paths)), *rest) for paths, *rest in found] for kind, found in request.items()}
    try:
        counts = write_mp4(parts, output)
    except OSError as error:
        if means_full_disk(error):
            return DISK_FULL_CODE
        raise
    json.dump(counts, sys.stdout)
    return 0


if __name__ == "__main__":
    sys.exit(main())
