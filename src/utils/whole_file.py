"""Writes files completely or not at all."""

from __future__ import annotations

from pathlib import Path


def write_whole(path: Path, content: bytes) -> None:
    """Replace a file; a process that dies during this leaves the former one."""
    half = path.with_name(f"{path.name}.half")
    half.write_bytes(content)
    half.replace(path)
