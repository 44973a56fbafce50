"""Declares the input and output of each endpoint, which are checked here and shown in the OpenAPI document.

A view is a plain function whose parameters are filled by name:

- names of the URL rule (``video_id``): text from the path;
- ``body``: the JSON body, as its annotated pydantic model; with a default of ``None`` the body may be absent;
- ``query``: the query string, as its annotated model;
- ``caller``: the sender, as ``middleware/auth.py`` found;
- ``wait_seconds``: how long the caller is ready to wait (RFC 7240 ``Prefer``);
- ``plain_text``: whether the caller prefers text to JSON (``Accept``).

It returns a model with its status and, if needed, headers; or a complete Flask response (a file).
"""

from __future__ import annotations

import functools
import inspect
import typing
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import Enum
from http import HTTPStatus
from typing import Any, TypeVar, get_args

from flask import Response, jsonify, request
from pydantic import BaseModel, ValidationError

from src.errors import AppError, RequestInvalid
from src.middleware.auth import BY_COOKIE, Auth, Caller, authenticate
from src.middleware.body import read_json
from src.middleware.job_requests import creating
from src.middleware.preferences import wait_seconds, wants_plain_text

Model = TypeVar("Model", bound=BaseModel)
View = Callable[..., Any]
Reply = tuple[BaseModel, int] | tuple[BaseModel, int, dict[str, str]] | Response


@dataclass(frozen=True)
class File:
    """A reply that is a file instead of JSON; ``mime`` is its type in the OpenAPI document."""

    mime: str = "video/mp4"


class Empty(BaseModel):
    """A reply without a body, only with a status and headers."""


class Limit(Enum):
    """The class of requests that an endpoint belongs to; ``middleware/limits.py`` has their limits."""

    NONE = "none"  # for load balancers and the operator's own tools
    BY_METHOD = "by method"  # READ or WRITE
    READ = "read"
    WRITE = "write"
    SAVE = "save"  # anyone may save for an account
    START = "start"  # starts a job
    LOOK_UP = "look up"  # sends requests to a video site
    PREVIEW = "preview"  # starts a preview
    IMAGE = "image"  # fetches an image of a video that was looked up
    SIGN_IN = "sign in"
    TOKEN = "token"  # noqa: S105 (a class of requests)


@dataclass(frozen=True)
class Endpoint:
    """The contract of one view."""

    auth: Auth
    replies: Mapping[int, type[BaseModel] | File]
    errors: tuple[type[AppError], ...] = ()
    body: type[BaseModel] | None = None
    body_required: bool = False
    query: type[BaseModel] | None = None
    limit: Limit = Limit.BY_METHOD
    form_file: str | None = None
    form_fields: type[BaseModel] | None = None
    creates: str | None = None
    cookie: bool = False
    guests: bool = False
    summary: str = ""
    view: View = field(default=lambda: None, repr=False)


def endpoint(
    *,
    auth: Auth,
    replies: Mapping[int, type[BaseModel] | File],
    errors: tuple[type[AppError], ...] = (),
    limit: Limit = Limit.BY_METHOD,
    form_file: str | None = None,
    form_fields: type[BaseModel] | None = None,
    creates: str | None = None,
    cookie: bool | None = None,
    guests: bool = False,
) -> Callable[[View], View]:
    """Declare who may call a view, its replies, and the errors that are part of its contract.

    ``form_file`` names the multipart field of an upload, which the view reads itself; ``form_fields`` are the other
    fields of its form.
    ``cookie``: whether the login cookie of the web page will do, by default where a login does. ``guests``: whether a
    guest session will do, if ``GUEST_CLIPS`` is on.
    ``creates`` names the field of the reply or path with the id of the created job: such a request may have an
    ``Idempotency-Key`` header, and a ``webhook_url`` in its body.
    """

    def declare(view: View) -> View:
        hints = typing.get_type_hints(view)
        parameters = inspect.signature(view).parameters
        contract = Endpoint(
            auth=auth,
            replies=replies,
            errors=errors,
            body=_model_of(hints.get("body")),
            body_required="body" in parameters and parameters["body"].default is inspect.Parameter.empty,
            query=_model_of(hints.get("query")),
            limit=limit,
            form_file=form_file,
            form_fields=form_fields,
            creates=creates,
            cookie=auth in BY_COOKIE if cookie is None else cookie,
            guests=guests,
            summary=inspect.getdoc(view) or "",
            view=view,
        )

        @functools.wraps(view)
        def checked(**path: Any) -> Response:
            given, sent, caller = _arguments(contract, parameters, path)
            if contract.creates is None:
                return _send(contract, view(**given))
            return creating(contract.creates, path, sent, caller, lambda: _send(contract, view(**given)))

        checked.contract = contract  # type: ignore[attr-defined]
        return checked

    return declare


def contract_of(view: View) -> Endpoint | None:
    """Return the contract of a registered view."""
    return getattr(view, "contract", None)


def _model_of(hint: Any) -> type[BaseModel] | None:
    options = get_args(hint) or (hint,)
    return next((option for option in options if isinstance(option, type) and issubclass(option, BaseModel)), None)


def _arguments(
    contract: Endpoint, parameters: Mapping[str, Any], path: dict[str, Any]
) -> tuple[dict[str, Any], Any, Caller]:
    # The caller is identified before any other untrusted input is read.
    in_path = contract.auth in (Auth.PATH_TOKEN, Auth.CHANNEL)
    token = path.pop("token", None) if in_path else None
    caller = authenticate(contract.auth, token, cookie=contract.cookie, guests=contract.guests)
    given: dict[str, Any] = dict(path)
    sent: Any = None
    if "caller" in parameters:
        given["caller"] = caller
    if contract.query is not None:
        given["query"] = validated(contract.query, request.args.to_dict())
    if contract.body is not None:
        sent = read_json(required=contract.body_required)
        given["body"] = None if sent is None else validated(contract.body, sent)
    if "wait_seconds" in parameters:
        given["wait_seconds"] = wait_seconds()
    if "plain_text" in parameters:
        given["plain_text"] = wants_plain_text()
    return given, sent, caller


_MESSAGES = {"model_type": "Input should be an object"}  # where pydantic would name our classes


def validated(model: type[Model], sent: Any) -> Model:
    """Return untrusted input as this model.

    Raises:
        RequestInvalid: names every invalid field.
    """
    try:
        return model.model_validate(sent)
    except ValidationError as error:
        problems: dict[str, list[str]] = {}
        for e in error.errors(include_url=False, include_context=False, include_input=False):
            problem = _MESSAGES.get(e["type"]) or e["msg"].removeprefix("Value error, ")
            problems.setdefault(_field(e["loc"], sent, missing=e["type"] == "missing"), []).append(problem)
        # A field of several types has one problem per type; solving any of them is enough.
        fields = [{"field": field, "problem": ", or: ".join(each)} for field, each in problems.items()]
        first = fields[0]
        raise RequestInvalid(f"{first['field']}: {first['problem']}", fields=fields) from None


def _field(place: tuple[int | str, ...], sent: Any, *, missing: bool) -> str:
    """Return the invalid field: pydantic's location without the names of types that it tried (``start_time.int``)."""
    known: list[str] = []
    for step in place:
        inside: Any = dict(enumerate(sent)) if isinstance(sent, list) else sent
        if not isinstance(inside, dict):
            inside = {}
        if step not in inside and not (missing and isinstance(sent, dict)):
            break
        sent = inside.get(step)
        known.append(str(step))
    return ".".join(known) or "body"


def _send(contract: Endpoint, reply: Reply) -> Response:
    if isinstance(reply, Response):
        return reply
    model, status, headers = reply if len(reply) == 3 else (*reply, {})
    if not isinstance(model, contract.replies[status]):  # type: ignore[arg-type]
        raise TypeError(f"{type(model).__name__} is not a declared reply of this endpoint with {HTTPStatus(status)}")
    response = jsonify(model.model_dump(mode="json", by_alias=True))
    response.status_code = status
    response.headers.update(headers)
    return response
