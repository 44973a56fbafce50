"""What is written from something else is fresh: the Postman collection, which names every endpoint, and the clients."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest

from scripts.generate import client_docs, postman_docs


def test_the_collection_is_fresh() -> None:
    stored = (postman_docs.PROJECT / postman_docs.PATH).read_text(encoding="utf-8")
    assert stored == postman_docs.collection(), "run 'make docs'"


def test_the_collection_can_be_sent() -> None:
    folders = json.loads(postman_docs.collection())["item"]
    requests: list[dict[str, Any]] = [item["request"] for folder in folders for item in folder["item"]]
    assert len(requests) > 60
    for request in requests:
        assert request["url"]["raw"].startswith("{{base_url}}/") and request["method"].isupper()
        if request.get("body", {}).get("mode") == "raw":
            json.loads(request["body"]["raw"])
    saved = next(each for each in requests if each["url"]["raw"].endswith("/api/video/save"))
    assert "url" in json.loads(saved["body"]["raw"]) and saved["auth"]["type"] == "bearer"


@pytest.mark.parametrize("name", client_docs.WRITTEN)
def test_the_blocking_clients_are_fresh(name: str) -> None:
    text = client_docs.blocking(name)
    assert (client_docs.PACKAGE / "blocking" / name).read_text(encoding="utf-8") == text, "run 'make docs'"
    assert not re.search(r"\basync |\bawait |Async|\b__a(enter|exit)__", text)
