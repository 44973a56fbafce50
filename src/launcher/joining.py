"""Joins a running embedded instance: other processes of the same user find its stores and secrets."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from dotenv import dotenv_values

from src.config import SECRET_NAMES, Settings
from src.launcher import data_folder
from src.launcher.secrets import FILE_NAME as SECRETS_FILE
from src.launcher.secrets import write_private

ADDRESSES_FILE = "stores.env"


@contextmanager
def joinable(folder: Path, settings: Settings) -> Iterator[None]:
    """Publish the addresses of this instance's stores in its folder for the length of the block."""
    path = folder / ADDRESSES_FILE
    write_private(path, f"MONGODB_URI={settings.mongodb_uri}\nREDIS_URI={settings.redis_uri}\n")
    try:
        yield
    finally:
        path.unlink(missing_ok=True)


def join(settings: Settings) -> Settings:
    """Return the settings, completed by the instance that runs on DATA_DIR if they are incomplete and one runs."""
    folder = settings.data_dir
    if not settings.embedded or not data_folder.is_owned(folder):
        return settings
    found = {**dotenv_values(folder / ADDRESSES_FILE), **dotenv_values(folder / SECRETS_FILE)}
    names = ("mongodb_uri", "redis_uri", *SECRET_NAMES)
    return settings.model_copy(
        update={name: getattr(settings, name) or found.get(name.upper()) or "" for name in names}
    )
