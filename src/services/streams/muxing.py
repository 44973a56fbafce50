"""Has the placed parts of a recording written into one MP4, by a child process."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from src.models.progress import Monitor
from src.services.streams.child import ask
from src.services.streams.placing import Kind

_MODULE = "src.services.streams.packets"


@dataclass(frozen=True, slots=True)
class Part:
    """The packets of one stream of some files, read one behind the other as one of FFmpeg's ``format``. ``shift`` leads
    from their clock to the time of the MP4, in seconds; ``first`` is the first time of the stream by its clock."""

    paths: tuple[Path, ...]
    format: str
    shift: float
    first: float


def mux(
    parts: Mapping[Kind, Sequence[Part]], output: Path, *, reads: Sequence[Path], monitor: Monitor
) -> dict[Kind, int]:
    """Write the MP4; how many packets of each kind it holds.

    Raises:
        StreamUnreadable, EncodeInterrupted, and what ``monitor`` raises.
    """
    question: dict[str, object] = {
        kind: [[[str(path.absolute()) for path in part.paths], part.format, part.shift, part.first] for part in found]
        for kind, found in parts.items()
    }
    question["output"] = str(output.absolute())
    output.unlink(missing_ok=True)
    folders = [path.absolute() for path in reads]
    made: dict[Kind, int] = ask(_MODULE, question, reads=folders, writes=[output.parent.absolute()], monitor=monitor)
    return made
