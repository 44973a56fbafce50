"""Every HTTP client in ``src`` is known, and reads no more than it should of what a server sends."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
LIBRARIES = ("httpx", "httpcore", "requests", "urllib.request", "urllib3", "http.client", "aiohttp", "pycurl")
# What is used of these libraries without any request being made: types, errors, addresses and settings.
_ERRORS = {
    "HTTPError",
    "InvalidURL",
    "ConnectError",
    "ProxyError",
    "TimeoutException",
    "TransportError",
    "HTTPException",
}
_TYPES = {"Response", "Request", "Headers", "URL", "Timeout", "Limits", "AsyncBaseTransport", "create_ssl_context"}
HARMLESS = _ERRORS | _TYPES
YTDLP = frozenset({"urlopen"})

KNOWN = {
    "src/services/fetch/http.py": "the client of the Fetcher: raw bytes into a file, inflated within a limit",
    "src/services/fetch/early_connections.py": "opens connections for that client; reads a head of 16 kB",
    "src/services/fetch/connection.py": "sends the requests of that client, and stores what arrives",
    "src/services/fetch/bounded.py": "the bounded reader: everything that is read into memory",
    "src/services/events/webhooks.py": "reads the status of an answer and never its body",
    "src/services/operations/self_test.py": "asks for an address that our own egress proxy must refuse",
    "src/launcher/readiness.py": "asks our own server on loopback, and reads only the status",
}


def clients_in(source: str) -> set[str]:
    """The names of HTTP libraries, and what is used of them, by which a file can make requests."""
    tree = ast.parse(source)
    aliases: dict[str, str] = {}
    found: set[str] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            for name in node.names:
                aliases[name.asname or name.name] = name.name
        elif isinstance(node, ast.ImportFrom) and node.module is not None and not node.level:
            for name in node.names:
                if _is_library(node.module) and name.name not in HARMLESS:
                    found.add(f"{node.module}.{name.name}")
                elif _is_library(f"{node.module}.{name.name}"):
                    aliases[name.asname or name.name] = f"{node.module}.{name.name}"
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute):
            owner = ast.unparse(node.value)
            library = aliases.get(owner, "")
            if (_is_library(library) and node.attr not in HARMLESS) or node.attr in YTDLP:
                found.add(f"{library or owner}.{node.attr}")
    return found


def _is_library(name: str) -> bool:
    return any(name == library or name.startswith(f"{library}.") for library in LIBRARIES)


def test_every_client_is_known_and_bounded() -> None:
    using = {
        str(path.relative_to(ROOT)): found
        for path in sorted((ROOT / "src").rglob("*.py"))
        if (found := clients_in(path.read_text()))
    }
    unknown = {path: found for path, found in using.items() if path not in KNOWN}
    assert not unknown, "read through services/fetch/bounded.py, or add the file with the reason why it is bounded"
    assert not set(KNOWN) - set(using), "these files make no requests any more"


@pytest.mark.parametrize(
    "source",
    [
        "import httpx\nhttpx.get('https://example.com')",
        "import httpx as web\nwith web.Client() as client: pass",
        "from httpx import AsyncClient",
        "import httpx\nclient = httpx.stream",
        "import requests\nrequests.Session()",
        "from urllib.request import urlopen",
        "from urllib import request\nrequest.build_opener()",
        "import urllib.request\nurllib.request.urlopen('https://example.com')",
        "import http.client\nhttp.client.HTTPSConnection('example.com')",
        "def late():\n    import aiohttp\n    return aiohttp.ClientSession()",
        "downloader.urlopen('https://example.com')",
    ],
)
def test_clients_are_found(source: str) -> None:
    assert clients_in(source)


@pytest.mark.parametrize(
    "source", ["import httpx\nhttpx.URL('x')", "from urllib.parse import urlsplit", "requests.get"]
)
def test_what_makes_no_request_is_left_alone(source: str) -> None:
    assert not clients_in(source)
