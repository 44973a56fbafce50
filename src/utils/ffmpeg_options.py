"""Finds which options an FFmpeg program supports from its own help, never from its version."""

from __future__ import annotations

import re
import subprocess
from functools import lru_cache
from pathlib import Path

from src.utils.program_answers import answer_of

_OPTION = re.compile(r"^\s+-(\w+)\s+<", re.MULTILINE)
_SECONDS = 20.0


def understands(program: Path, topic: str, option: str) -> bool:
    """Return whether ``program`` lists ``option`` in its help on ``topic``, such as ``protocol=http``.

    A program that does not answer supports nothing. Answers are cached until the file changes.
    """
    try:
        found = program.stat()
        return option in _options(str(program), topic, found.st_size, found.st_mtime_ns)
    except (OSError, subprocess.SubprocessError):  # not cached: the machine may only be busy
        return False


@lru_cache(maxsize=64)
def _options(program: str, topic: str, _size: int, _mtime_ns: int) -> frozenset[str]:
    command = [program, "-hide_banner", "-nostdin", "-h", topic]
    return frozenset(_OPTION.findall(answer_of(command, seconds=_SECONDS)))
