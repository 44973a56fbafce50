"""Builds the Flask app from services, surfaces and middleware: start reading here."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime

from flask import Flask, redirect, url_for
from flask_cors import CORS
from werkzeug.middleware.proxy_fix import ProxyFix

from src.bootstrap import Services, build, prepare_when_it_answers
from src.broker import CeleryNotifier, make_celery
from src.config import Settings
from src.middleware import (
    api_documents,
    chat,
    errors,
    headers,
    limits,
    push,
    request_log,
    services_of_request,
)
from src.middleware.base_address import Below
from src.middleware.uploads import StreamingRequest
from src.pages import home
from src.routes import ALWAYS, SURFACES, choose_surfaces
from src.services.operations.folder_claim import claim_now_or_later
from src.utils.addresses import read_networks

EXPOSED_HEADERS = [
    *("Content-Disposition", "Location", "Retry-After", "X-Request-ID", "ETag", "Content-Range", "Accept-Ranges"),
    *("RateLimit", "RateLimit-Policy"),
    *("Tus-Resumable", "Tus-Version", "Tus-Extension", "Tus-Max-Size"),
    *("Upload-Offset", "Upload-Length", "Upload-Expires"),
]


class App(Flask):
    """Flask with requests that stream uploads to disk."""

    request_class = StreamingRequest


def create_app(settings: Settings, services: Services | None = None, surfaces: Sequence[str] | None = None) -> Flask:
    """Return the API as a WSGI app.

    Without ``services`` it builds them, creates missing database indexes and claims the folders of files.
    ``surfaces`` names the parts to serve (``archive.jobs``, or ``archive`` for all of it), by default those of
    ``SURFACES``.

    Raises:
        SettingsError: a required setting is missing, a surface is unknown, or the folders contain the files of
            another database.
    """
    if services is None:
        settings.require_complete()
        services = build(settings, notifier=CeleryNotifier(make_celery(settings)), replies_first=True)
        started_at, admins = datetime.now(UTC), services.admins
        prepare_when_it_answers(services.database, lambda: admins.note_named(started_at))
        claim_now_or_later(services.folders)
    app = App("yt-downloader", static_folder=None)
    app.json.sort_keys = False  # type: ignore[attr-defined]
    app.url_map.strict_slashes = True
    served = choose_surfaces(settings.surfaces.split(",") if surfaces is None else surfaces)
    read_networks(settings.archive_allowed_networks)
    services_of_request.attach(app, services, [surface.name for surface in served])
    request_log.install(app)
    errors.install(
        app,
        [(prefix, surface.error_body) for surface in SURFACES for prefix in surface.prefixes],
        {blueprint.name: surface.error_body for surface in SURFACES for blueprint in surface.blueprints},
    )
    for blueprint in dict.fromkeys([*ALWAYS, *(each for surface in served for each in surface.blueprints)]):
        app.register_blueprint(blueprint)
    api_documents.install(app)
    if settings.page and any(surface.name == "backend" for surface in served):
        app.register_blueprint(home.bp)
    else:
        app.add_url_rule("/", "home", lambda: redirect(url_for("docs")))
    push.install(app, most_sockets=settings.api_threads // 4, shared=settings.rate_limit_enabled)
    limits.install(app)
    chat.install(app)
    headers.install(app)
    origins = [origin.strip() for origin in settings.cors_origins.split(",") if origin.strip()]
    CORS(
        app,
        origins=origins,
        send_wildcard="*" in origins,  # never echo an untrusted origin as if it had been configured
        supports_credentials=False,
        expose_headers=EXPOSED_HEADERS,
        max_age=600,
    )
    if settings.trusted_proxies:
        hops = settings.trusted_proxies
        app.wsgi_app = ProxyFix(  # type: ignore[method-assign]
            Below(app.wsgi_app),
            x_for=hops,
            x_proto=hops,
            x_host=hops,
            x_prefix=hops if settings.forwarded_prefix else 0,
        )
    return app
