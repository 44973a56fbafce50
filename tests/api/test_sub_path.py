"""The service below a path of another site: every endpoint is reached there, and every link leads there."""

from __future__ import annotations

import base64
import re
from typing import Any

import pytest
from werkzeug.test import TestResponse

from src.app import create_app
from tests.api.actors import PASSWORD, Api
from tests.api.test_auth_table import ROUTES, UNKNOWN
from tests.api.test_share import shared as shared

pytestmark = pytest.mark.slow

# Addresses of this service in a text: absolute ones, and paths of its surfaces behind a quote.
_LINKS = re.compile(r"""(?:(?P<absolute>https?://(?:localhost|clips\.example\.com))|["'])(?P<path>/[a-z][^\s"'<>]*)""")
_FIRST = {rule.split("/")[1].partition("?")[0] for _, rule, _, _ in ROUTES} | {"clips"}


class Proxy:
    """A proxy in front that serves the app below ``/clips``, with or without removing the path."""

    def __init__(
        self, api: Api, *, removes: bool = True, prefix: str = "/clips", trusted: int = 1, on: bool = True
    ) -> None:
        settings = api.services.settings.model_copy(update={"trusted_proxies": trusted, "forwarded_prefix": on})
        self.client = create_app(settings, api.services).test_client(use_cookies=False)
        self._removes, self._prefix = removes, prefix

    def call(self, method: str, path: str, token: str | None = None, **options: Any) -> TestResponse:
        headers = {"X-Forwarded-Prefix": self._prefix, "X-Forwarded-Proto": "https"}
        headers |= {"X-Forwarded-Host": "clips.example.com", "X-Forwarded-For": "203.0.113.9"}
        headers |= {"Authorization": f"Bearer {token}"} if token else {}
        path = path if self._removes else self._prefix + path
        return self.client.open(path, method=method, headers={**headers, **options.pop("headers", {})}, **options)


def links_in(reply: TestResponse) -> list[str]:
    """The paths of all links to this service in a reply."""
    found = [reply.headers["Location"]] if "Location" in reply.headers else []
    if reply.mimetype in ("text/html", "application/json") and "openapi" not in reply.text[:20]:
        text = re.sub(r"(?s)<code>.*?</code>|<pre>.*?</pre>", "", reply.text)
        found += [match["path"] for match in _LINKS.finditer(text)]
    paths = [re.sub(r"^https?://[^/]+", "", each) for each in found]
    return [each for each in paths if each.split("/")[1] in _FIRST]


@pytest.mark.parametrize("removes", [True, False])
def test_every_endpoint_is_reached_and_every_link_leads_below_the_path(api: Api, removes: bool) -> None:
    anna, proxy = api.person(), Proxy(api, removes=removes)
    for method, rule, who, _ in ROUTES if removes else ROUTES[::10]:
        path = re.sub(r"<[^>]+>", UNKNOWN, rule)
        if path.endswith("/logout"):
            continue
        token = None if who.startswith(("anyone", "nobody,")) else anna.token
        direct = api.call(method, path, token=token)
        reply = proxy.call(method, path, token)
        assert reply.status_code == direct.status_code, (method, rule, reply.text)
        wrong = [each for each in links_in(reply) if not each.startswith("/clips/")]
        assert not wrong, (method, rule, wrong)


def test_what_exists_has_links_below_the_path(api: Api, shared: tuple[str, dict[str, Any]]) -> None:
    video, link = shared
    owner = api.call("POST", "/api/auth/login", json={"email": "person1@example.com", "password": PASSWORD})
    token = (owner.json or {})["token"]
    proxy = Proxy(api)
    name = base64.b64encode(b"film.mp4").decode()
    tus = {"Tus-Resumable": "1.0.0", "Upload-Length": "9", "Upload-Metadata": f"filename {name}"}
    ranges = [{"start_time": 1, "end_time": 2}]
    source = {"url": "https://youtu.be/dQw4w9WgXcQ"}
    replies = {
        "share": proxy.call("POST", f"/api/video/share/{video}", token),
        "page": proxy.call("GET", f"/s/{link['token']}"),
        "start": proxy.call("POST", f"/api/video/start/{video}", token, json={"format_preference": "webm"}),
        "batch": proxy.call("POST", "/api/video/batch", token, json={**source, "ranges": ranges}),
        "tus": proxy.call("POST", "/api/encode/tus/", token, headers=tus),
        "token": proxy.call("POST", "/api/auth/tokens", token, json={"name": "bot"}),
        "stream": proxy.call("POST", "/download/", json={"url": "https://example.com/a.m3u8"}),
        "home": proxy.call("GET", "/"),
    }
    api.notifier.finish()
    replies["link"] = proxy.call("POST", f"/api/video/link/{video}", token)
    for what, reply in replies.items():
        assert reply.status_code < 400, (what, reply.text)
        assert all(each.startswith("/clips/") for each in links_in(reply)), (what, links_in(reply))
    for what in ("share", "page", "start", "batch", "tus", "link", "home"):
        assert links_in(replies[what]), what
    assert "https://clips.example.com/clips/c/" in replies["token"].text
    shown = (replies["link"].json or {})["file_url"]
    assert proxy.call("GET", shown.removeprefix("/clips")).status_code == 200


def test_a_path_that_is_none_counts_as_none(api: Api) -> None:
    for prefix in ("//evil.example", "/a b", "/a?b", "https://evil.example", "/../x", '/"><b', "/a//b"):
        assert Proxy(api, prefix=prefix).call("GET", "/").headers["Location"] == "/docs", prefix


def test_only_trusted_proxies_name_a_path(api: Api) -> None:
    assert Proxy(api, trusted=0).call("GET", "/").headers["Location"] == "/docs"
    assert Proxy(api, on=False).call("GET", "/").headers["Location"] == "/docs", "an older proxy passes on any claim"
    assert Proxy(api, prefix="/clips/").call("GET", "/").headers["Location"] == "/clips/docs"


def test_the_path_of_the_public_address_counts_where_no_proxy_names_one(api: Api) -> None:
    object.__setattr__(
        api.services, "settings", api.services.settings.model_copy(update={"public_url": "https://x.example/y"})
    )
    anna = api.person()
    started = anna.post(f"/api/video/start/{anna.save()}")
    assert started.headers["Location"].startswith("/y/api/video/status/")
