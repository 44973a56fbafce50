"""Writes the placed parts of a recording into one MP4, in a child process."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from src.models.progress import Monitor
from src.services.cutting.engine.parts import Part
from src.services.streams.child import run_in_child
from src.services.streams.placing import Kind

_MODULE = "src.services.streams.packets"


def mux(
    parts: Mapping[Kind, Sequence[Part]], output: Path, *, reads: Sequence[Path], monitor: Monitor
) -> dict[Kind, int]:
    """Write the MP4. Returns the number of its packets by kind.

    Raises:
        StreamUnreadable, EncodeInterrupted, and what ``monitor`` raises.
    """
    request: dict[str, object] = {
        kind: [[[str(path.absolute()) for path in part.paths], part.format, part.shift, part.first] for part in found]
        for kind, found in parts.items()
    }
    request["output"] = str(output.absolute())
    output.unlink(missing_ok=True)
    folders = [path.absolute() for path in reads]
    counts: dict[Kind, int] = run_in_child(
        _MODULE, request, reads=folders, writes=[output.parent.absolute()], monitor=monitor
    )
    return counts
