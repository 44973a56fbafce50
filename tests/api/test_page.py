"""The web page can be switched off, and names what this installation allows."""

from __future__ import annotations

from typing import Any

from flask import Flask

from src.app import create_app
from src.middleware.services_of_request import services
from tests.api.actors import Api

BROWSER = {"Accept": "text/html,application/xhtml+xml,*/*;q=0.8"}


def app_with(api: Api, *, page: bool) -> Flask:
    with api.app.app_context():
        built = services()
    return create_app(built.settings.model_copy(update={"page": page}), built)


def test_browsers_get_the_page_and_programs_the_documentation(api: Api) -> None:
    client = app_with(api, page=True).test_client()
    shown = client.get("/", headers=BROWSER)
    assert shown.status_code == 200 and shown.mimetype == "text/html" and "page/main.js" in shown.text
    assert "unsafe" not in shown.headers["Content-Security-Policy"] and shown.headers["Vary"] == "Accept"
    for accept in ("*/*", "application/json", ""):
        reply = client.get("/", headers={"Accept": accept})
        assert (reply.status_code, reply.headers["Location"]) == (302, "/docs"), accept


def test_the_page_can_be_switched_off(api: Api) -> None:
    client = app_with(api, page=False).test_client()
    assert client.get("/", headers=BROWSER).headers["Location"] == "/docs"
    for path in ("/page/main.js", "/page/facts.json", "/manifest.webmanifest", "/share"):
        assert client.get(path).status_code == 404, path


def test_files_outside_of_the_page_are_not_served(api: Api) -> None:
    client = app_with(api, page=True).test_client()
    assert client.get("/page/main.js").mimetype == "text/javascript"
    for name in ("../shell.html", "..%2fhome.py", "%2e%2e/home.py", "static/main.js", ""):
        assert client.get(f"/page/{name}").status_code == 404, name


def test_the_facts_name_the_limits_and_who_can_act(api: Api) -> None:
    told: dict[str, Any] = app_with(api, page=True).test_client().get("/page/facts.json").json or {}
    assert told["longest_clip_seconds"] == 3600 and "BOT_CHECK" in told["who"]["operator"]
    assert {"preview", "bulk_delete", "encodes", "moderate"} == set(told["features"])
