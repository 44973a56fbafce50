"""Serves the web page at ``/``, its files below ``/page/``, and the address that phones share links to."""

from __future__ import annotations

import re
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import Any
from urllib.parse import quote

from flask import Blueprint, Response, current_app, jsonify, redirect, render_template_string, request, url_for
from flask import send_from_directory as send_file_of
from werkzeug.exceptions import NotFound

from src.errors import EndpointNotFound, Remedy, catalogue
from src.middleware.preferences import wants_page
from src.middleware.services_of_request import services
from src.services.uploads.uploads import SUFFIXES

bp = Blueprint("page", __name__)

POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data: blob:; media-src 'self' blob:; "
    "connect-src 'self'; manifest-src 'self'; worker-src 'none'; form-action 'self'; base-uri 'none'; "
    "frame-ancestors 'none'; require-trusted-types-for 'script'; trusted-types 'none'"
)
"""The Content-Security-Policy of the page: everything comes from this service, and nothing is written inline. There is
no worker that would outlive the page, and browsers with Trusted Types make no element from a text."""

_STATIC = Path(__file__).parent / "static"
_TYPES = {".js": "text/javascript", ".css": "text/css", ".svg": "image/svg+xml", ".png": "image/png"}
_LINK = re.compile(r"https?://[^\s<>\"']+", re.IGNORECASE)
_SHARED_FIELDS = ("url", "text", "title")
_LONGEST_LINK = 2000

# What the page offers only where the API has it: a name, and the rule of the endpoint.
_FEATURES = {
    "preview": "/api/video/preview",
    "bulk_delete": "/api/video/delete",
    "encodes": "/api/encode/list",
    "moderate": "/c/<token>/clips",
}


@bp.get("/")
def home() -> Response:
    """Return the page to browsers; all others are sent to the documentation, as without a page."""
    reply = _shell() if wants_page() else _to(url_for("docs"))
    reply.headers["Vary"] = "Accept"
    return reply


@bp.get("/share")
def shared() -> Response:
    """Open the page with the first link in what a phone shares; apps put it into different fields."""
    given = " ".join(request.args.get(name, "") for name in _SHARED_FIELDS)
    found = _LINK.search(given)
    fragment = f"#url={quote(found[0][:_LONGEST_LINK], safe='')}" if found else ""
    return _to(url_for("page.home") + fragment)


@bp.get("/page/<path:name>")
def page_file(name: str) -> Response:
    """Return a module, a style sheet or an icon of the page; browsers ask each time whether it has changed."""
    try:
        reply = send_file_of(_STATIC, name, mimetype=_TYPES.get(Path(name).suffix), max_age=0)
    except NotFound:
        raise EndpointNotFound() from None
    reply.headers["Cache-Control"] = "no-cache"
    return reply


@bp.get("/page/facts.json")
def facts() -> Response:
    """Return what the modules need to know about this installation."""
    settings = services().settings
    rules = {rule.rule for rule in current_app.url_map.iter_rules()}
    return jsonify(
        {
            "longest_clip_seconds": settings.max_video_duration,
            "largest_upload_bytes": settings.max_upload_size_mb * 1_000_000,
            "upload_types": sorted(suffix[1:] for suffix in SUFFIXES["video"] | SUFFIXES["audio"]),
            "retention_minutes": settings.video_retention_minutes,
            "default_resolution": settings.default_video_resolution,
            "guest_clips": settings.guest_clips,
            "features": [name for name, rule in _FEATURES.items() if rule in rules],
            "who": _remedies(),
        }
    )


@bp.get("/manifest.webmanifest")
def manifest() -> Response:
    """Return the web manifest: phones that installed the page offer it where links are shared."""
    name = "yt-downloader"
    icons = [
        {"src": "page/icon.svg", "sizes": "any", "type": "image/svg+xml", "purpose": "any"},
        {"src": "page/icon-512.png", "sizes": "512x512", "type": "image/png", "purpose": "any maskable"},
    ]
    content: dict[str, Any] = {
        "name": name,
        "short_name": "Clips",
        "start_url": "./",
        "scope": "./",
        "display": "standalone",
        "background_color": "#f4f4f1",
        "theme_color": "#f4f4f1",
        "icons": icons,
        "share_target": {
            "action": "share",
            "method": "GET",
            "params": {"title": "title", "text": "text", "url": "url"},
        },
    }
    reply = jsonify(content)
    reply.mimetype = "application/manifest+json"
    return reply


def _shell() -> Response:
    template = files("src.pages").joinpath("shell.html").read_text(encoding="utf-8")
    reply = Response(render_template_string(template), content_type="text/html; charset=utf-8")
    reply.headers["Content-Security-Policy"] = POLICY
    reply.headers["Cache-Control"] = "no-cache"
    return reply


def _to(place: str) -> Response:
    reply = redirect(place)
    assert isinstance(reply, Response)
    return reply


@cache
def _remedies() -> dict[str, list[str]]:
    """Return the codes of errors by who can act on them; those of the user are left out, as the default."""
    found: dict[str, list[str]] = {}
    for code, error in sorted(catalogue().items()):
        if error.remedy is not Remedy.USER:
            found.setdefault(error.remedy.value, []).append(code)
    return found
