"""The table of limits in docs/security.md is true: this walks its rows, and tries the limits that no other test tries.

A row names settings (``NAME``), classes of requests (``Limit.NAME``) or constants (``folder/module.py:NAME``) with
their values, and the tests that go over them.
"""

from __future__ import annotations

import ast
import importlib
import io
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import redis
from pymongo.database import Database

from src.config import Settings
from src.middleware.contract import Limit, contract_of
from src.middleware.limits import RATES
from src.services.chat.channel_tokens import MOST_TOKENS
from tests.api.actors import LINK, Api, Person
from tests.api.test_limits import limited_app

pytestmark = pytest.mark.slow
ROOT = Path(__file__).parents[2]
_COLUMNS = ("limit", "global", "per owner", "per address", "over it", "tried by")
_VALUE = re.compile(r"`([A-Z][A-Z_]+|Limit\.[A-Z_]+|[\w/]+\.py:[A-Z_]+)` = ([\w./;]+)")
_TEST = re.compile(r"`(tests/[\w/]+\.py)(?:::(\w+))?`")
# Names of settings that bound something. Those that do not bound what others may use stand below.
_BOUNDS = re.compile(
    r"(^|_)(max|most|limit|quota|per|percent|min_free|queue_size|streams|threads|anonymous|connections)(_|$)"
)
_NO_SHARE = {
    "rate_limit_enabled": "switches the rates",
    "anonymous_save_hours": "a time",
    "job_max_attempts": "bounds our own retries",
    "job_retry_limit": "bounds our own retries",
    "job_hard_limit_seconds": "bounds one attempt; the hosts' workers are the share",
    "stream_max_seconds": "the length of a stream when none is asked for",
    "fetch_connections": "our own connections to a site",
    "fetch_rate_limit_kb": "our own rate at a site",
}


@dataclass(frozen=True)
class Row:
    """One limit: its values by name, and the tests that try it."""

    title: str
    values: dict[str, str]
    tests: list[tuple[str, str]]


def rows() -> list[Row]:
    page = (ROOT / "docs" / "security.md").read_text(encoding="utf-8")
    lines = page[page.index("\n## Limits\n") :].splitlines()
    start = next(number for number, line in enumerate(lines) if line.startswith("| limit |"))
    found = []
    for line in lines[start:]:
        if not line.startswith("|"):
            break
        cells = [cell.strip() for cell in line.strip("|").split("|")]
        assert len(cells) == len(_COLUMNS), line
        found.append(cells)
    assert tuple(found[0]) == _COLUMNS
    return [Row(cells[0], dict(_VALUE.findall(" ".join(cells[1:4]))), _TEST.findall(cells[5])) for cells in found[2:]]


ROWS = rows()


def value_of(name: str) -> object:
    """The value in the code of a name in the table."""
    if name.startswith("Limit."):
        return RATES[Limit[name.removeprefix("Limit.")]]
    if ":" in name:
        path, _, constant = name.partition(":")
        return getattr(importlib.import_module("src." + path.removesuffix(".py").replace("/", ".")), constant)
    return Settings.model_fields[name.lower()].default


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.title)
def test_a_row_tells_the_values_of_the_code_and_who_tries_them(row: Row) -> None:
    assert row.values, "a limit has a value for everybody, for an owner or for an address"
    assert {name: str(value_of(name)) for name in row.values} == row.values
    assert row.tests
    for path, function in row.tests:
        tree = ast.parse((ROOT / path).read_text(encoding="utf-8"))
        known = {node.name for node in ast.walk(tree) if isinstance(node, ast.FunctionDef)}
        assert not function or function in known, f"{path}::{function}"


def test_every_setting_that_is_a_limit_has_a_row() -> None:
    listed = {name.lower() for row in ROWS for name in row.values}
    bounds = {name for name in Settings.model_fields if _BOUNDS.search(name)}
    assert bounds - listed - set(_NO_SHARE) == set()
    assert {f"limit.{limit.name.lower()}" for limit in RATES} <= listed


# --- limits that no other test tries ----------------------------------------------------------------------------------


@pytest.mark.parametrize("limit", RATES, ids=lambda limit: limit.name)
def test_a_class_of_requests_has_its_rate(
    limit: Limit, mongo_database: Database[dict[str, Any]], redis_client: redis.Redis, tmp_path: Path
) -> None:
    api = limited_app(mongo_database, redis_client, tmp_path)
    method, path = _endpoint_of(api, limit)
    address = re.sub(r"<[^>]+>", "x", path)
    allowed = int(RATES[limit].split("/")[0])
    found = [api.call(method, address).status_code for _ in range(allowed + 1)]
    assert 429 not in found[:-1] and found[-1] == 429, (method, address)
    other: dict[str, Any] = {"environ_overrides": {"REMOTE_ADDR": "198.51.100.7"}}
    assert api.call(method, address, **other).status_code != 429


def _endpoint_of(api: Api, limit: Limit) -> tuple[str, str]:
    """A method and a path of this class where callers are counted by their address."""
    for rule in api.app.url_map.iter_rules():
        contract = contract_of(api.app.view_functions[rule.endpoint])
        if contract is None or "token>" in rule.rule:
            continue
        for method in sorted((rule.methods or set()) - {"HEAD", "OPTIONS"}):
            by_method = Limit.READ if method == "GET" else Limit.WRITE
            if limit in (contract.limit, by_method if contract.limit is Limit.BY_METHOD else None):
                return method, rule.rule
    raise AssertionError(f"no endpoint is of the class {limit.name}")


def test_an_account_has_so_many_channel_tokens(anna: Person, bert: Person) -> None:
    made = [anna.post("/api/auth/tokens", {"name": f"bot {number}"}).status_code for number in range(MOST_TOKENS + 1)]
    assert made == [201] * MOST_TOKENS + [429]
    assert bert.post("/api/auth/tokens", {"name": "bot"}).status_code == 201


def test_a_body_of_json_is_bounded(api: Api) -> None:
    large = api.call("POST", "/api/auth/login", json={"email": "x" * 65_536, "password": "x"})
    assert large.status_code == 413
    deep: dict[str, Any] = {}
    for _ in range(32):
        deep = {"a": deep}
    assert api.call("POST", "/api/auth/login", json=deep).status_code == 400


def test_one_upload_to_the_archive_is_bounded(api: Api, anna: Person) -> None:
    settings = api.services.settings.model_copy(update={"archive_max_file_mb": 1})
    object.__setattr__(api.services, "settings", settings)
    found = []
    for size in (1_000_001, 1_000_000):
        sent = {"file": (io.BytesIO(bytes(size)), "film.mp4"), "video_id": "dQw4w9WgXcQ", "metadata": "{}"}
        found.append(api.call("POST", "/storage/video", token=anna.token, data=sent).status_code)
    assert found == [400, 201]


def test_a_clip_has_a_longest_length(api: Api, anna: Person) -> None:
    body = {"url": LINK, "start_time": 0, "user_id": anna.id}
    found = [anna.post("/api/video/save", {**body, "end_time": end}).status_code for end in (3601, 3600)]
    assert found == [400, 201]
