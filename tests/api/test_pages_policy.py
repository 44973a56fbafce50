"""Every HTML answer forbids what it does not need: no script, style or form of its own text, no frame around it."""

from __future__ import annotations

import re
from typing import Any

import pytest

from tests.api.actors import Api
from tests.api.test_auth_table import ROUTES, UNKNOWN
from tests.api.test_share import shared as shared

pytestmark = pytest.mark.slow


def test_every_page_has_a_policy_without_exceptions(api: Api, shared: tuple[str, dict[str, Any]]) -> None:
    _, link = shared
    paths = [re.sub(r"<[^>]+>", UNKNOWN, rule) for method, rule, _, _ in ROUTES if method == "GET"]
    pages = []
    for path in [*paths, f"/s/{link['token']}", "/nothing"]:
        with api.app.test_client() as client:
            reply = client.get(path, headers={"Accept": "text/html"})
            if reply.mimetype != "text/html":
                continue
            pages.append(path)
            policy = dict(
                part.strip().partition(" ")[::2] for part in reply.headers["Content-Security-Policy"].split(";")
            )
            assert "unsafe" not in str(policy) and policy["default-src"] == "'none'", path
            assert policy["frame-ancestors"] == policy["base-uri"] == "'none'", path
            assert policy["form-action"] in ("'none'", "'self'"), path
            assert set(policy.get("script-src", "'self'").split()) == {"'self'"}, path
            assert (reply.headers["X-Content-Type-Options"], reply.headers["X-Frame-Options"]) == ("nosniff", "DENY")
            assert not re.search(r"<[^>]+\s(on\w+|style)=|javascript:|<script(?![^>]*\ssrc=)", reply.text), path
    assert {"/docs", f"/s/{link['token']}", f"/s/{UNKNOWN}"} <= set(pages)
