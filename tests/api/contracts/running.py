"""Runs documented examples one after another, each with what the earlier ones answered."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from tests.api.actors import Api
from tests.api.contracts import Example, difference


def run(
    api: Api, examples: Sequence[Example], steps: Mapping[str, Callable[[dict[str, str]], None]], **known: str
) -> None:
    """Send each example and compare its answer. A step may look at, and add to, what is known."""
    for example in examples:
        if example.after:
            steps[example.after](known)
        sent: dict[str, Any] = {"headers": filled(example.headers, known)}
        if example.json is not None:
            sent["json"] = filled(example.json, known)
        if example.form is not None:
            sent["data"] = dict(example.form)
            sent["content_type"] = "multipart/form-data"
        reply = api.call(example.method, filled(example.path, known), **sent)
        told = f"{example.method} {example.path} {example.json}"
        assert reply.status_code == example.status, f"{told}: {reply.status_code} {reply.text}"
        for name, value in example.reply_headers.items():
            differs = difference(filled(value, known), reply.headers.get(name), name)
            assert differs is None, f"{told}: {differs}"
        if example.answer is not None:
            differs = difference(filled(example.answer, known), reply.json)
            assert differs is None, f"{told}: {differs}"
        for name, path in example.save.items():
            found: Any = reply.json
            for part in path.split("."):
                found = found[part]
            known[name] = found


def filled(value: Any, known: Mapping[str, str]) -> Any:
    """A value with the names in braces replaced."""
    if isinstance(value, str):
        for name, text in known.items():
            value = value.replace(f"{{{name}}}", text)
        return value
    if isinstance(value, re.Pattern):
        return re.compile(filled(value.pattern, known))
    if isinstance(value, dict):
        return {name: filled(each, known) for name, each in value.items()}
    return [filled(each, known) for each in value] if isinstance(value, list) else value
