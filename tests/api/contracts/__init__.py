"""What the specifications promise, as data: every endpoint with a request and the shape of its answer."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True)
class Maybe:
    """A field that may be null, and what it is otherwise."""

    shape: Any


@dataclass(frozen=True)
class Example:
    """One documented call. Names in braces in ``path`` and in values are filled in by what earlier calls answered.

    ``answer`` is the documented body with types for values: a dict is compared field by field (more fields are
    allowed), a list of one item by that, a longer one item by item, a type by ``isinstance``, a plain value by
    equality; ``None`` is a file. ``reply_headers`` are compared like fields. ``save`` keeps fields of the answer, by
    dotted path, under a name for later calls. ``after`` names a step of the test's own that comes first.
    """

    method: str
    path: str
    answer: Any
    status: int = 200
    json: dict[str, Any] | None = None
    form: dict[str, Any] | None = None
    headers: dict[str, str] = field(default_factory=dict)
    save: dict[str, str] = field(default_factory=dict)
    after: str | None = None
    reply_headers: dict[str, Any] = field(default_factory=dict)


def difference(shape: Any, found: Any, where: str = "body") -> str | None:
    """Where an answer is not of the shape, or ``None``."""
    if isinstance(shape, Maybe):
        return None if found is None else difference(shape.shape, found, where)
    if isinstance(shape, dict):
        if not isinstance(found, dict):
            return f"{where}: {found!r} is no object"
        missing = [name for name in shape if name not in found]
        if missing:
            return f"{where}: without {', '.join(missing)}"
        return _first(difference(each, found[name], f"{where}.{name}") for name, each in shape.items())
    if isinstance(shape, list):
        if not isinstance(found, list) or (shape and not found):
            return f"{where}: {found!r} is no list with items"
        if len(shape) > 1 and len(shape) != len(found):
            return f"{where}: {found!r} has not {len(shape)} items"
        wanted = shape if len(shape) > 1 else shape * len(found)
        return _first(difference(one, each, f"{where}[]") for one, each in zip(wanted, found, strict=False))
    if isinstance(shape, type | tuple):
        right = isinstance(found, shape) and (not isinstance(found, bool) or shape is bool)
        return None if right else f"{where}: {found!r} is no {shape}"
    if hasattr(shape, "fullmatch"):
        return (
            None if isinstance(found, str) and shape.fullmatch(found) else f"{where}: {found!r} is not {shape.pattern}"
        )
    return None if shape == found else f"{where}: {found!r} instead of {shape!r}"


def _first(problems: Iterable[str | None]) -> str | None:
    return next((problem for problem in problems if problem), None)
