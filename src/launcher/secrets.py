"""Stores the secrets of an embedded instance in its private folder, readable by its owner only."""

from __future__ import annotations

import os
import secrets
from collections.abc import Iterable
from pathlib import Path

from dotenv import dotenv_values

FILE_NAME = "secrets.env"


def ensure_secrets(folder: Path, names: Iterable[str]) -> dict[str, str]:
    """Return the secrets with these names (``JWT_PUBLIC_SECRET`` ...), generating those that are not stored yet.

    Without names, when the operator has set every secret, no file is created.
    """
    path = folder / FILE_NAME
    known: dict[str, str] = {}
    if path.exists():
        path.chmod(0o600)
        known = {name: value for name, value in dotenv_values(path).items() if value}
    missing = [name for name in names if name not in known]
    if missing:
        known |= {name: secrets.token_urlsafe(48) for name in missing}
        write_private(path, "".join(f"{name}={value}\n" for name, value in known.items()))
    return {name: known[name] for name in names}


def write_private(path: Path, text: str) -> None:
    """Write a file that only its owner can read, completely or not at all."""
    draft = path.with_suffix(".new")
    draft.unlink(missing_ok=True)
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w") as file:
        file.write(text)
        file.flush()
        os.fsync(descriptor)
    draft.replace(path)
