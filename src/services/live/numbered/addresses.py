"""Builds the addresses of numbered segments from the link of a format, and reads what the link states about itself."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from urllib.parse import parse_qs, urlsplit, urlunsplit

_PATH_NUMBER = re.compile(r"/sq/\d+")
_QUERY_NUMBER = re.compile(r"(?:^|&)sq=[^&]*")


def segment_url(link: str, number: int) -> str:
    """Return the address of a segment: ``?..&sq=N`` where the link has a query, otherwise ``/../sq/N``.

    The rest of the link stays as it is, because parts of it are signed.
    """
    parts = urlsplit(link)
    if _PATH_NUMBER.search(parts.path):
        return urlunsplit(parts._replace(path=_PATH_NUMBER.sub(f"/sq/{number}", parts.path, count=1)))
    if parts.query:
        query = _QUERY_NUMBER.sub("", parts.query).lstrip("&")
        return urlunsplit(parts._replace(query=f"{query}&sq={number}" if query else f"sq={number}"))
    return urlunsplit(parts._replace(path=f"{parts.path.rstrip('/')}/sq/{number}"))


def head_url(link: str) -> str:
    """Return the address whose answer states the newest number: the link without a number."""
    parts = urlsplit(link)
    query = _QUERY_NUMBER.sub("", parts.query).lstrip("&")
    return urlunsplit(parts._replace(path=_PATH_NUMBER.sub("", parts.path), query=query))


def moved(link: str, answered: str) -> str:
    """Return the link on the host that answered: after a redirect, the next requests go there at once."""
    there = urlsplit(answered)
    return urlunsplit(urlsplit(link)._replace(scheme=there.scheme, netloc=there.netloc))


def expires_at(link: str) -> datetime | None:
    """Return when the link expires according to itself."""
    text = _value(link, "expire")
    return datetime.fromtimestamp(int(text), UTC) if text.isdecimal() and len(text) < 12 else None


def broadcast_of(link: str) -> str:
    """Return the id of the broadcast, such as ``VIDEO.1``; empty if the link has none.

    A broadcast that starts again under the same video has another one, and its numbers start at 0.
    """
    return _value(link, "id")


def _value(link: str, name: str) -> str:
    parts = urlsplit(link)
    found = parse_qs(parts.query).get(name)
    if found:
        return found[0]
    pieces = parts.path.strip("/").split("/")[1:]
    return dict(zip(pieces[::2], pieces[1::2], strict=False)).get(name, "")
