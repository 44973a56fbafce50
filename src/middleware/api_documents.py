"""Serves the contract of the API: ``/openapi.json`` for programs and ``/docs``, one plain page, for people."""

from __future__ import annotations

import base64
import hashlib
from functools import cache
from importlib.resources import files
from typing import Any

from flask import Flask, Response, jsonify, render_template_string

from src.middleware.base_address import base_address, local_address
from src.middleware.openapi import openapi

TITLE, VERSION = "yt-downloader", "1.0.0"
# The product's own endpoints first; the others follow by name.
_ORDER = {tag: place for place, tag in enumerate(("auth", "video", "encode", "tus", "share", "chat", "channel_tokens"))}


def install(app: Flask) -> None:
    """Serve both documents, which are created at the first request and then cached."""

    @cache
    def document() -> dict[str, Any]:
        return openapi(app, title=TITLE, version=VERSION)

    def openapi_json() -> Response:
        return jsonify(document())

    def docs() -> Response:
        template = files("src.middleware").joinpath("docs.html").read_text(encoding="utf-8")
        page = render_template_string(
            template, api=document(), groups=_by_tag(document()), base=base_address(), below=local_address("")
        )
        response = Response(page, mimetype="text/html")
        style = page.partition("<style>")[2].partition("</style>")[0]
        allowed = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()
        response.headers["Content-Security-Policy"] = f"default-src 'none'; style-src 'sha256-{allowed}'"
        return response

    app.add_url_rule("/openapi.json", "openapi_json", openapi_json)
    app.add_url_rule("/docs", "docs", docs)


def _by_tag(api: dict[str, Any]) -> dict[str, list[tuple[str, str, Any]]]:
    groups: dict[str, list[tuple[str, str, Any]]] = {}
    for path, methods in api["paths"].items():
        for method, operation in methods.items():
            groups.setdefault(operation["tags"][0], []).append((path, method, operation))
    return dict(sorted(groups.items(), key=lambda group: _ORDER.get(group[0], len(_ORDER))))
