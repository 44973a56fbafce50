"""The page docs/benchmarks/encode.md: each table stands between two marks, what stands around them stays."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

PAGE = Path(__file__).parents[1] / "docs" / "benchmarks" / "encode.md"
BEGIN, END = "<!-- measured: {} -->", "<!-- end of {} -->"


def write_table(name: str, rows: Sequence[str]) -> None:
    """Replace the table between the marks of ``name``."""
    head, mark, rest = PAGE.read_text().partition(BEGIN.format(name))
    _, end, tail = rest.partition(END.format(name))
    if not mark or not end:
        raise SystemExit(f"{PAGE.name} has lost its marks for {name}")
    PAGE.write_text("\n".join([f"{head}{mark}", *rows, f"{end}{tail}"]))
