"""Requests of the documents can be sent as they stand: each body is valid, and forms name every field."""

from __future__ import annotations

import io
import json
import re
from collections.abc import Iterator
from typing import Any

import pytest

from scripts.generate import postman_docs
from src.middleware.contract import contract_of
from src.middleware.openapi import BINARY
from tests.api.actors import Api, Person
from tests.api.test_contracts import INFO

pytestmark = pytest.mark.slow
PLACE = re.compile(r"<(?:[^:<>]+:)?([^<>]+)>")


@pytest.fixture
def document(api: Api) -> dict[str, Any]:
    return dict(api.call("GET", "/openapi.json").json or {})


def collected() -> Iterator[tuple[str, dict[str, Any]]]:
    for folder in json.loads(postman_docs.collection())["item"]:
        for item in folder["item"]:
            yield item["name"], item["request"]


def request_of(name: str) -> dict[str, Any]:
    return next(request for found, request in collected() if found == name)


def body_of(name: str, person: Person) -> Any:
    return json.loads(request_of(name)["body"]["raw"].replace("{{user_id}}", person.id))


def test_every_body_is_valid_where_it_is_sent(api: Api, document: dict[str, Any]) -> None:
    """In both documents; the models are the ones that requests are checked with."""
    models = {
        method + " " + PLACE.sub(r"{\1}", rule.rule): contract.body
        for rule in api.app.url_map.iter_rules()
        if (contract := contract_of(api.app.view_functions[rule.endpoint])) is not None
        for method in rule.methods or ()
    }
    checked = 0
    for name, request in collected():
        method, path = name.split(" ")
        operation = document["paths"][path][method.lower()]
        model = models[name]
        if model is None or "body" not in request:
            continue
        shown = operation["requestBody"]["content"]["application/json"]["example"]
        sent = json.loads(request["body"]["raw"])
        assert {**sent, **({"user_id": shown["user_id"]} if "user_id" in shown else {})} == shown
        model.model_validate(sent)
        model.model_validate(shown)
        assert "" not in sent.values(), f"{name}: nothing is left for the reader to guess"
        checked += 1
    assert checked > 20


@pytest.mark.parametrize("name", ["POST /api/video/save", "POST /api/video/batch"])
def test_a_clip_and_a_batch_are_saved_as_shown(api: Api, name: str) -> None:
    person = api.person()
    body = body_of(name, person)
    assert body.get("ranges", [body])[0] == {**body.get("ranges", [body])[0], "start_time": 60, "end_time": 120}
    reply = person.post(name.split(" ")[1], json=body)
    assert reply.status_code in (201, 202), reply.text


def test_the_form_of_a_stored_video_names_every_field(api: Api, document: dict[str, Any]) -> None:
    api.engine.info = INFO
    form = document["paths"]["/storage/video"]["post"]["requestBody"]["content"]["multipart/form-data"]["schema"]
    assert set(form["properties"]) == {"file", "video_id", "metadata"}
    assert set(form["required"]) == {"file", "video_id"}
    fields = request_of("POST /storage/video")["body"]["formdata"]
    assert {field["key"]: field["type"] for field in fields} == {"file": "file", "video_id": "text", "metadata": "text"}
    sent = {field["key"]: field["value"] for field in fields if field["type"] == "text"}
    reply = api.call("POST", "/storage/video", data={"file": (io.BytesIO(b"frames"), "film.mp4"), **sent})
    assert reply.status_code == 201, reply.text


def test_every_upload_says_which_field_is_the_file(document: dict[str, Any]) -> None:
    forms = [
        content["multipart/form-data"]["schema"]
        for operations in document["paths"].values()
        for operation in operations.values()
        if "multipart/form-data" in (content := operation.get("requestBody", {}).get("content", {}))
    ]
    assert len(forms) == 3
    for form in forms:
        files = [name for name, field in form["properties"].items() if field.get("contentMediaType") == BINARY]
        assert len(files) == 1 and files[0] in form["required"]
