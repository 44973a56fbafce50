"""Files that are there whole or not at all: written beside their place, then moved into it."""

from __future__ import annotations

from pathlib import Path


def write_whole(path: Path, content: bytes) -> None:
    """Write a file; who dies in the midst of it leaves the former one."""
    half = path.with_name(f"{path.name}.half")
    half.write_bytes(content)
    half.replace(path)
