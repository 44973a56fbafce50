"""Gives requests access to the services that ``create_app`` received."""

from __future__ import annotations

from collections.abc import Collection
from typing import cast

from flask import Flask, current_app

from src.bootstrap import Services

_NAME = "yt-downloader"
_SURFACES = "yt-downloader-surfaces"


def attach(app: Flask, services: Services, surfaces: Collection[str] = ()) -> None:
    """Make these services and the names of the served surfaces available to the app's requests."""
    app.extensions[_NAME] = services
    app.extensions[_SURFACES] = tuple(surfaces)


def service_name() -> str:
    """Return the name of this app: the last part of the name of its only surface (``jobs``), or the whole service."""
    served: tuple[str, ...] = current_app.extensions[_SURFACES]
    return served[0].rpartition(".")[2] if len(served) == 1 else _NAME


def services() -> Services:
    """Return the services of the app that answers the current request."""
    return cast(Services, current_app.extensions[_NAME])
