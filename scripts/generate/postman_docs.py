"""Generates the Postman collection in ``clients/postman``: ``python -m scripts.generate.postman_docs``."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

from flask import Flask

from src.middleware.api_documents import TITLE, VERSION
from src.middleware.openapi import BINARY, example_of, openapi
from src.routes import ALWAYS, SURFACES

PROJECT = Path(__file__).resolve().parents[2]
PATH = Path("clients/postman/ytarchive-api.postman_collection.json")
_PLACE = re.compile(r"\{([^{}]+)\}")

_LOGIN = "/api/auth/login"
_REMEMBER_LOGIN = [
    {
        "listen": "test",
        "script": {
            "type": "text/javascript",
            "exec": [
                "const reply = pm.response.json();",
                'pm.collectionVariables.set("token", reply.token);',
                'pm.collectionVariables.set("user_id", reply.user.id);',
            ],
        },
    }
]

Json = dict[str, Any]


def collection() -> str:
    """Return the collection: a folder per surface, with the variables ``base_url``, ``token`` and ``user_id``.

    A login sets the last two, so that every request with a body can be sent unchanged.
    """
    folders = []
    for name, blueprints in [*((each.name, each.blueprints) for each in SURFACES), ("service", ALWAYS)]:
        part = Flask(name, static_folder=None)
        for blueprint in dict.fromkeys(blueprints):
            part.register_blueprint(blueprint)
        document = openapi(part, title=TITLE, version=VERSION)
        folders.append({"name": name, "item": _items(document)})
    document = {
        "info": {
            "name": f"{TITLE} {VERSION}",
            "schema": "https://schema.getpostman.com/json/collection/v2.1.0/collection.json",
        },
        "variable": [
            {"key": "base_url", "value": "http://localhost:5000"},
            {"key": "token", "value": ""},
            {"key": "user_id", "value": ""},
        ],
        "item": folders,
    }
    return json.dumps(document, indent=2) + "\n"


def _items(document: Json) -> list[Json]:
    schemas = document["components"]["schemas"]
    events = {_LOGIN: {"event": _REMEMBER_LOGIN}}
    return [
        {
            "name": f"{method.upper()} {path}",
            **events.get(path, {}),
            "request": _request(method, path, operation, schemas),
        }
        for path, operations in document["paths"].items()
        for method, operation in operations.items()
    ]


def _request(method: str, path: str, operation: Json, schemas: Json) -> Json:
    asked = [each for each in operation.get("parameters", []) if each["in"] == "query"]
    url = "{{base_url}}" + _PLACE.sub(r":\1", path)
    request: Json = {
        "method": method.upper(),
        "description": operation["summary"],
        "header": [],
        "url": {
            "raw": url,
            "host": ["{{base_url}}"],
            "path": _PLACE.sub(r":\1", path).strip("/").split("/") + ([""] if path.endswith("/") else []),
            "variable": [{"key": name, "value": ""} for name in _PLACE.findall(path)],
            "query": [{"key": each["name"], "value": "", "disabled": not each["required"]} for each in asked],
        },
    }
    if "security" in operation:
        request["auth"] = {"type": "bearer", "bearer": [{"key": "token", "value": "{{token}}"}]}
    content = operation.get("requestBody", {}).get("content", {})
    if "application/json" in content:
        body = _with_variables(example_of(content["application/json"]["schema"], schemas))
        request["body"] = {"mode": "raw", "raw": json.dumps(body, indent=2), "options": {"raw": {"language": "json"}}}
    elif "multipart/form-data" in content:
        fields = content["multipart/form-data"]["schema"]["properties"]
        form = [_form_field(name, field, schemas) for name, field in fields.items()]
        request["body"] = {"mode": "formdata", "formdata": form}
    return request


def _with_variables(body: Any) -> Any:
    """Return the body with a variable of the collection as its ``user_id``, which differs between installations."""
    return {**body, "user_id": "{{user_id}}"} if isinstance(body, dict) and "user_id" in body else body


def _form_field(name: str, field: Json, schemas: Json) -> Json:
    if field.get("contentMediaType") == BINARY:
        return {"key": name, "type": "file"}
    return {"key": name, "type": "text", "value": str(example_of(field, schemas))}


def main() -> None:
    """Write the collection."""
    (PROJECT / PATH).write_text(collection(), encoding="utf-8")


if __name__ == "__main__":
    main()
