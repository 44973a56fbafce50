"""Writes the Postman collection (``clients/postman``) from the API document: ``python -m src.postman_docs``."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

from flask import Flask

from src.middleware.documents import TITLE, VERSION
from src.middleware.openapi import openapi
from src.routes import ALWAYS, SURFACES

PROJECT = Path(__file__).resolve().parents[1]
PATH = Path("clients/postman/ytarchive-api.postman_collection.json")
_PLACE = re.compile(r"\{([^{}]+)\}")

Json = dict[str, Any]


def collection() -> str:
    """The collection: a folder for each surface; ``base_url`` and ``token`` are its variables."""
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
        "variable": [{"key": "base_url", "value": "http://localhost:5000"}, {"key": "token", "value": ""}],
        "item": folders,
    }
    return json.dumps(document, indent=2) + "\n"


def _items(document: Json) -> list[Json]:
    schemas = document["components"]["schemas"]
    return [
        {"name": f"{method.upper()} {path}", "request": _request(method, path, operation, schemas)}
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
        body = _example(content["application/json"]["schema"], schemas)
        request["body"] = {"mode": "raw", "raw": json.dumps(body, indent=2), "options": {"raw": {"language": "json"}}}
    elif "multipart/form-data" in content:
        fields = content["multipart/form-data"]["schema"]["properties"]
        request["body"] = {"mode": "formdata", "formdata": [{"key": name, "type": "file"} for name in fields]}
    return request


def _example(schema: Json, schemas: Json) -> Any:
    """A value of this schema: its example, default or first choice, otherwise an empty one of its type."""
    if "$ref" in schema:
        return _example(schemas[schema["$ref"].rsplit("/", 1)[-1]], schemas)
    for known in ("examples", "enum"):
        if schema.get(known):
            return schema[known][0]
    if "const" in schema or "default" in schema:
        return schema.get("const", schema.get("default"))
    if "anyOf" in schema:
        return _example(schema["anyOf"][0], schemas)
    if schema.get("type") == "object":
        required = schema.get("required", [])
        fields = schema.get("properties", {})
        return {
            name: _example(each, schemas) for name, each in fields.items() if name in required or "examples" in each
        }
    if schema.get("type") == "array":
        return [_example(schema.get("items", {}), schemas)]
    return {"string": "", "integer": 0, "number": 0, "boolean": False}.get(schema.get("type", ""), "")


def main() -> None:
    """Write it."""
    (PROJECT / PATH).write_text(collection(), encoding="utf-8")


if __name__ == "__main__":
    main()
