"""Nobody goes out another way: clients in the code have a proxy given to them, and no other client is used."""

from __future__ import annotations

import ast
from pathlib import Path

import httpx
import pytest

from src.config import Settings
from src.services.cutting.sources import media_network

ROOT = Path(__file__).parents[3] / "src"
# The launcher talks to its own children; the egress proxy is the way out itself.
SOURCES = sorted(path for path in ROOT.rglob("*.py") if not {"launcher", "egress"} & set(path.relative_to(ROOT).parts))
CLIENTS = {"Client", "AsyncClient", "HTTPTransport", "AsyncHTTPTransport"}
OTHERS = {"requests", "urllib3", "aiohttp", "urllib.request", "http.client", "ftplib", "smtplib", "telnetlib"}
SHORTCUTS = {"get", "post", "stream"}
OPENERS = {"create_connection", "open_connection", "create_datagram_endpoint"}


def calls(path: Path) -> list[ast.Call]:
    return [node for node in ast.walk(ast.parse(path.read_text())) if isinstance(node, ast.Call)]


def name_of(call: ast.Call) -> str:
    return call.func.attr if isinstance(call.func, ast.Attribute) else getattr(call.func, "id", "")


def test_every_client_is_given_a_proxy_and_looks_for_none_in_the_environment() -> None:
    found = []
    for path in SOURCES:
        for call in calls(path):
            if name_of(call) not in CLIENTS | OPENERS | SHORTCUTS:
                continue
            function, given = ast.unparse(call.func), {keyword.arg for keyword in call.keywords}
            bare = function.startswith("httpx.") and name_of(call) in CLIENTS and not {"proxy", "trust_env"} <= given
            if bare or name_of(call) in OPENERS or function in {f"httpx.{name}" for name in SHORTCUTS}:
                found.append(f"{path.relative_to(ROOT)}:{call.lineno} {function}")
    assert found == []


def test_no_other_client_is_used() -> None:
    found = []
    for path in SOURCES:
        for node in ast.walk(ast.parse(path.read_text())):
            names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
            names += [node.module or ""] if isinstance(node, ast.ImportFrom) else []
            found += [f"{path.relative_to(ROOT)} {name}" for name in OTHERS & set(names)]
    assert found == []


def test_who_forgets_the_session_reaches_nothing() -> None:
    network = media_network(Settings(ytdlp_proxy="http://127.0.0.1:9"))
    with httpx.Client(proxy=network.proxy, trust_env=False, timeout=60) as client, pytest.raises(httpx.ConnectError):
        client.get("http://www.youtube.com/")
