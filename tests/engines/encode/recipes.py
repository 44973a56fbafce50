"""How the odd inputs are made: rows of recipes for FFmpeg, and what may happen to a file afterwards."""

from __future__ import annotations

import random
import subprocess
import tempfile
from collections.abc import Callable
from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path

from src.models.outcome import NoteCode
from src.models.params import Codec, Quality
from tests.tools.media_kit import FFMPEG, Film, cached_file, cached_film

SECONDS = 2
Change = Callable[[bytes], bytes]


@dataclass(frozen=True)
class Row:
    """One input and what has to become of it.

    ``steps`` are FFmpeg's arguments, the output's name excluded; ``{sound}`` is a wave file with a mark each second,
    ``{s1}`` the output of the first step. A step may begin with its output's suffix in angle brackets. ``refused`` is
    the code of the refusal. ``frames`` None: as many as the source has; a range where the source is broken.
    ``likeness`` is the mean difference of a shown frame, 0-255, that is still the same picture; None does not compare.
    """

    name: str
    steps: tuple[tuple[str, ...], ...]
    suffix: str = ".mp4"
    codec: Codec = "h264"
    quality: Quality = "medium"
    change: Change | None = None
    content: bytes | None = None
    refused: str | None = None
    frames: range | None = None
    likeness: float | None = 5.0
    notes: frozenset[NoteCode] = frozenset()
    sound_tracks: int = 1
    sound_offset: float | None = 0.0
    facts: dict[str, object] = field(default_factory=dict)


def video(size: str = "320x180", rate: str = "25", seconds: float = SECONDS, form: str = "yuv420p") -> tuple[str, ...]:
    """A coloured moving test picture as an input, converted to a pixel format."""
    return ("-f", "lavfi", "-i", f"testsrc2=s={size}:r={rate}:d={seconds},format={form}")


SOUND = ("-i", "{sound}")
FAST = ("-c:v", "libx264", "-preset", "ultrafast", "-crf", "12")
AAC = ("-c:a", "aac", "-b:a", "96k")


def make(row: Row) -> Path:
    """The row's input, from the cache if it was made before."""
    recipe = f"{row.steps}|{row.content!r}|{row.change.__qualname__ if row.change else ''}|zoo 1"
    return cached_file(recipe, row.suffix, lambda path: _write(row, path))


def _write(row: Row, path: Path) -> None:
    if row.content is not None:
        path.write_bytes(row.content)
        return
    sound = cached_film(Film(codec=None, audio="pcm_s16le", seconds=Fraction(SECONDS), audio_channels=1), ".wav")
    with tempfile.TemporaryDirectory() as folder:
        made = {"sound": str(sound), "srt": str(Path(folder) / "text.srt")}
        Path(made["srt"]).write_text("1\n00:00:00,200 --> 00:00:01,500\nHello\n")
        for number, step in enumerate(row.steps, start=1):
            suffix, args = row.suffix, list(step)
            if args[0].startswith("<"):
                suffix = args.pop(0).strip("<>")
            target = Path(folder) / f"{number}{suffix}"
            filled = [
                arg.format(**{f"s{key}" if key.isdigit() else key: value for key, value in made.items()})
                for arg in args
            ]
            command = [FFMPEG, "-hide_banner", "-v", "error", "-nostdin", "-y", *filled, str(target)]
            done = subprocess.run(command, capture_output=True, text=True, env={"SVT_LOG": "1"}, cwd=folder)
            assert done.returncode == 0, f"{row.name}: {done.stderr}"
            made[str(number)] = str(target)
        data = target.read_bytes()
    path.write_bytes(row.change(data) if row.change else data)


def cut_tail(data: bytes) -> bytes:
    """The first 60 %."""
    return data[: len(data) * 6 // 10]


def scratch(data: bytes) -> bytes:
    """300 wrong bytes in the middle."""
    places = random.Random(1).sample(range(len(data) // 3, len(data) * 2 // 3), 300)
    spoiled = bytearray(data)
    for place in places:
        spoiled[place] ^= 0x55
    return bytes(spoiled)


def junk_head(data: bytes) -> bytes:
    """1,500 bytes of noise before the first packet."""
    return random.Random(2).randbytes(1500) + data


def noise_payload(data: bytes) -> bytes:
    """Everything behind the first 700 bytes is noise."""
    return data[:700] + random.Random(3).randbytes(max(0, len(data) - 700))


def no_index(data: bytes) -> bytes:
    """An MP4 whose ``moov`` never was written."""
    return data[: data.rindex(b"moov") - 4]
