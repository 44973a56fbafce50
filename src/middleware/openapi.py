"""Generates the OpenAPI 3.1 document from the contracts of the registered endpoints."""

from __future__ import annotations

import re
from collections.abc import Iterable
from http import HTTPStatus
from typing import Any

from flask import Flask
from pydantic import BaseModel
from pydantic.json_schema import models_json_schema
from werkzeug.routing import Rule

from src.errors import (
    AdminOnly,
    AppError,
    BodyTooLarge,
    DiskFull,
    InternalError,
    OriginRefused,
    RangeNotSatisfiable,
    RateLimitExceeded,
    RequestInvalid,
    SessionInvalid,
    SessionMissing,
    StoreUnavailable,
    TokenExpired,
    TokenInvalid,
    TokenMissing,
)
from src.middleware.auth import SESSION_HEADER, Auth
from src.middleware.contract import Empty, Endpoint, File, contract_of
from src.middleware.errors import STATUS
from src.middleware.login_cookie import COOKIE, HEADER, VALUE

BINARY = "application/octet-stream"  # marks the file field of a form
_REF = "#/components/schemas/{model}"
_PATH_PARAMETER = re.compile(r"<(?:[^:<>]+:)?([^<>]+)>")
_NOT_IN_NAMES = re.compile(r"[^a-zA-Z0-9.\-_]")
# Alternatives; an empty name allows calls without credentials.
_SECURITY: dict[Auth, tuple[str, ...]] = {
    Auth.PUBLIC: ("publicToken", "privateToken"),
    Auth.PRIVATE: ("privateToken",),
    Auth.ADMIN: ("privateToken",),
    Auth.OPERATOR: ("privateToken",),
    Auth.SESSION: ("guestSession", "privateToken"),
    Auth.GUEST: ("", "guestSession"),
    Auth.NETWORK: ("", "privateToken"),
    Auth.ANY: ("", "guestSession", "privateToken"),
    Auth.VISITOR: ("", "guestSession", "privateToken"),
}
_EVERYWHERE: tuple[type[AppError], ...] = (RateLimitExceeded, InternalError, StoreUnavailable)

Json = dict[str, Any]


def openapi(app: Flask, *, title: str, version: str) -> Json:
    """Return the document, with every registered endpoint that has a contract."""
    found = [
        (rule, contract)
        for rule in sorted(app.url_map.iter_rules(), key=lambda rule: rule.rule)
        if (contract := contract_of(app.view_functions[rule.endpoint])) is not None
    ]
    schemas = _schemas(contract for _, contract in found)
    paths: dict[str, Json] = {}
    for rule, contract in found:
        path = paths.setdefault(_PATH_PARAMETER.sub(r"{\1}", rule.rule), {})
        for method in sorted((rule.methods or set()) - {"HEAD", "OPTIONS"}):
            path[method.lower()] = _operation(rule, method, contract, schemas)
    return {
        "openapi": "3.1.0",
        "info": {"title": title, "version": version, "description": "A link and a time range in, a video file out."},
        "paths": paths,
        "components": {
            "schemas": schemas,
            "securitySchemes": {
                "publicToken": {"type": "http", "scheme": "bearer", "description": "GET /api/auth/token/public"},
                "privateToken": {"type": "http", "scheme": "bearer", "description": "POST /api/auth/login"},
                "guestSession": {
                    "type": "apiKey",
                    "in": "header",
                    "name": SESSION_HEADER,
                    "description": "POST /api/sessions/",
                },
                "loginCookie": {
                    "type": "apiKey",
                    "in": "cookie",
                    "name": COOKIE,
                    "description": f"The web page's login: only with the header {HEADER}: {VALUE}",
                },
            },
        },
    }


def _schemas(contracts: Iterable[Endpoint]) -> Json:
    wanted: dict[tuple[type[BaseModel], Any], None] = {}
    for contract in contracts:
        if contract.body is not None:
            wanted[(contract.body, "validation")] = None
        for reply in contract.replies.values():
            if not isinstance(reply, File) and reply is not Empty:
                wanted[(reply, "serialization")] = None
    _, document = models_json_schema(list(wanted), ref_template=_REF)
    schemas: Json = dict(document.get("$defs", {}))
    schemas["Error"] = _error_shapes()
    return schemas


def _error_shapes() -> Json:
    """Return the forms of errors, one for each group of endpoints; all contain a sentence and most a code."""
    text = {"type": "string", "description": "A sentence for people."}
    code = {"type": "string", "description": "A stable code for programs."}

    def shape(title: str, **fields: Json) -> Json:
        return {"title": title, "type": "object", "required": list(fields), "properties": fields}

    inner = shape("What went wrong", message=text, code=code, details={"type": "object"})
    status, timestamp = {"type": "string", "const": "error"}, {"type": "string"}
    return {
        "anyOf": [
            shape("Most endpoints", error=text, code=code, details={"type": "object"}),
            shape("The archive", status=status, error=inner, timestamp=timestamp),
            shape("Streams", detail=text, code=code),
            shape("Audio", success={"type": "boolean", "const": False}, error=text),
        ]
    }


def _operation(rule: Rule, method: str, contract: Endpoint, schemas: Json) -> Json:
    summary, _, description = contract.summary.replace("``", "`").partition("\n")
    operation: Json = {
        "operationId": f"{rule.endpoint}.{method}".lower().replace(".", "_"),
        "summary": summary.rstrip("."),
        "tags": [rule.endpoint.split(".")[0]],
        "parameters": [*_path_parameters(rule), *_query_parameters(contract)],
        "responses": _responses(contract, method),
    }
    if description.strip():
        operation["description"] = description.strip()
    if contract.auth in _SECURITY:
        schemes = _SECURITY[contract.auth]
        operation["security"] = [{scheme: []} for scheme in schemes if scheme]
        if contract.cookie:
            operation["security"].append({"loginCookie": []})
        if contract.guests:
            operation["security"].append({"guestSession": []})
        if "" in schemes:
            operation["security"].insert(0, {})
    if contract.body is not None and method != "GET":
        schema = _reference(contract.body)
        operation["requestBody"] = {
            "required": contract.body_required,
            "content": {"application/json": {"schema": schema, "example": example_of(schema, schemas)}},
        }
    elif contract.form_file is not None:
        form = _form(contract.form_file, contract.form_fields)
        operation["requestBody"] = {"required": True, "content": {"multipart/form-data": {"schema": form}}}
    return operation


def _form(file: str, fields: type[BaseModel] | None) -> Json:
    """Return the form of an upload: its file and its other fields as they are sent (an object as JSON text)."""
    others = fields.model_json_schema(ref_template=_REF) if fields is not None else {}
    return {
        "type": "object",
        "required": [file, *others.get("required", [])],
        "properties": {
            file: {"type": "string", "contentMediaType": BINARY},
            **others.get("properties", {}),
        },
    }


def example_of(schema: Json, schemas: Json) -> Any:
    """Return a value for this schema: its example, default or first choice, otherwise an empty one of its type."""
    if "$ref" in schema:
        return example_of(schemas[schema["$ref"].rsplit("/", 1)[-1]], schemas)
    for known in ("examples", "enum"):
        if schema.get(known):
            return schema[known][0]
    if "const" in schema or "default" in schema:
        return schema.get("const", schema.get("default"))
    if "anyOf" in schema:
        return example_of(schema["anyOf"][0], schemas)
    if schema.get("type") == "object":
        required = schema.get("required", [])
        fields = schema.get("properties", {})
        return {
            name: example_of(each, schemas) for name, each in fields.items() if name in required or "examples" in each
        }
    if schema.get("type") == "array":
        return [example_of(schema.get("items", {}), schemas)]
    return {"string": "", "integer": 0, "number": 0, "boolean": False}.get(schema.get("type", ""), "")


def _reference(model: type[BaseModel]) -> Json:
    return {"$ref": _REF.format(model=_NOT_IN_NAMES.sub("_", model.__name__))}


def _path_parameters(rule: Rule) -> list[Json]:
    names = _PATH_PARAMETER.findall(rule.rule)
    return [{"name": name, "in": "path", "required": True, "schema": {"type": "string"}} for name in names]


def _query_parameters(contract: Endpoint) -> list[Json]:
    if contract.query is None:
        return []
    schema = contract.query.model_json_schema(ref_template=_REF)
    required = set(schema.get("required", []))
    return [
        {"name": name, "in": "query", "required": name in required, "schema": field}
        for name, field in schema.get("properties", {}).items()
    ]


def _responses(contract: Endpoint, method: str) -> Json:
    responses: Json = {}
    for status, reply in contract.replies.items():
        if reply is Empty:
            responses[str(status)] = {"description": HTTPStatus(status).phrase}
            continue
        content: Json = (
            {reply.mime: {"schema": {"type": "string", "contentMediaType": reply.mime}}}
            if isinstance(reply, File)
            else {"application/json": {"schema": _reference(reply)}}
        )
        responses[str(status)] = {"description": HTTPStatus(status).phrase, "content": content}
        if isinstance(reply, File) and method in {"GET", "HEAD"}:
            responses["206"] = {"description": "The requested range of the file", "content": content}
    by_status: dict[int, list[str]] = {}
    for error in _possible_errors(contract):
        by_status.setdefault(STATUS[error.kind], []).append(error.code)
    for status, codes in sorted(by_status.items()):
        responses.setdefault(
            str(status),
            {
                "description": f"{HTTPStatus(status).phrase}: {', '.join(dict.fromkeys(codes))}",
                "content": {"application/json": {"schema": {"$ref": _REF.format(model="Error")}}},
            },
        )
    return responses


def _possible_errors(contract: Endpoint) -> list[type[AppError]]:
    errors = [*contract.errors, *_EVERYWHERE]
    if contract.guests or contract.auth in (Auth.SESSION, Auth.GUEST, Auth.VISITOR):
        errors += [SessionMissing, SessionInvalid]
    if contract.cookie:
        errors += [OriginRefused]
    if contract.auth in (Auth.ADMIN, Auth.OPERATOR):
        errors += [AdminOnly]
    if contract.auth not in (Auth.NONE, Auth.GUEST):
        errors += [TokenMissing, TokenInvalid, TokenExpired]
    if contract.body is not None or contract.query is not None or contract.form_file is not None:
        errors += [RequestInvalid]
    if contract.body is not None:
        errors += [BodyTooLarge]
    if contract.form_file is not None or any(isinstance(reply, File) for reply in contract.replies.values()):
        errors += [DiskFull]
    if any(isinstance(reply, File) for reply in contract.replies.values()):
        errors += [RangeNotSatisfiable]
    return errors
