"""The generated Postman collection is fresh, and names every endpoint with what it needs."""

from __future__ import annotations

import json
from typing import Any

from src import postman_docs


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
