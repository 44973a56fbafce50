"""Lists the surfaces of the API: their blueprints, their paths, and the form of their errors."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from flask import Blueprint

from src.config import SettingsError
from src.middleware.errors import ErrorBody, flat_body
from src.routes import (
    archive,
    audio,
    auth,
    batch,
    channel_tokens,
    chat,
    control,
    encode,
    events,
    health,
    link_info,
    media,
    moderation,
    operator,
    previews,
    sessions,
    share,
    streams,
    tus,
    video,
)
from src.routes.archive_codes import error_body


@dataclass(frozen=True)
class Surface:
    """A set of routes: its blueprints, its path prefixes, and the form of its errors."""

    name: str
    blueprints: tuple[Blueprint, ...]
    prefixes: tuple[str, ...]
    error_body: ErrorBody


# Always served, because the launcher and load balancers use them.
ALWAYS = (health.bp, media.bp, events.bp)

SURFACES = (
    Surface(
        "backend",
        (
            auth.bp,
            channel_tokens.bp,
            video.bp,
            link_info.bp,
            previews.bp,
            batch.bp,
            control.bp,
            chat.bp,
            moderation.bp,
            share.bp,
            encode.bp,
            tus.bp,
            operator.bp,
        ),
        ("/api/", "/c/", "/s/"),
        flat_body,
    ),
    Surface("sessions", (sessions.bp, sessions.jobs_bp), ("/api/sessions", "/api/jobs"), flat_body),
    Surface("streams", (streams.bp,), ("/download/", "/job/"), streams.detail_body),
    Surface("audio", (audio.bp,), ("/audio_dl/",), audio.success_body),
    Surface("archive.jobs", (archive.jobs, archive.health), ("/jobs",), error_body("jobs")),
    Surface("archive.metadata", (archive.metadata, archive.health), ("/metadata/",), error_body("metadata")),
    Surface("archive.download", (archive.download, archive.health), ("/download",), error_body("download")),
    Surface("archive.storage", (archive.storage, archive.health), ("/storage/", "/stats"), error_body("storage")),
)


def choose_surfaces(names: Iterable[str]) -> tuple[Surface, ...]:
    """Return the surfaces with these names; ``archive`` is all that start with ``archive.``; without names, all.

    Raises:
        SettingsError: a surface does not exist.
    """
    wanted = [name.strip() for name in names if name.strip()]
    for name in wanted:
        if not any(_is_named(surface, name) for surface in SURFACES):
            raise SettingsError(f"SURFACES: {name} does not exist: {', '.join(surface.name for surface in SURFACES)}")
    return tuple(each for each in SURFACES if not wanted or any(_is_named(each, name) for name in wanted))


def _is_named(surface: Surface, name: str) -> bool:
    return surface.name == name or surface.name.startswith(f"{name}.")
