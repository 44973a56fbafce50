"""Refuses a Python that is too old, before anything is imported that such a Python cannot read."""

from __future__ import annotations

import sys

OLDEST = (3, 11)


def require_python(version: tuple[int, ...] = sys.version_info[:2]) -> None:
    """End the process with code 2 and one line if this Python is too old."""
    if version < OLDEST:
        needed, found = (".".join(map(str, each)) for each in (OLDEST, version))
        sys.stderr.write(
            f"This is Python {found}, and {needed} is needed: start with 'make run', which finds a newer one\n"
        )
        raise SystemExit(2)
