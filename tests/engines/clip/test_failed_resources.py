"""What arrives late or out of order of a resource does no harm."""

from __future__ import annotations

from pathlib import Path

import pytest

from src.errors import MediaGone
from src.models.media_source import NetworkSettings
from src.services.fetch.fetcher import Fetcher
from src.services.fetch.resource import Resource
from src.services.fetch.spool import Spool
from tests.engines.clip.origin import Origin


def test_late_bytes_of_a_failed_resource_do_not_overwrite_another_one(tmp_path: Path) -> None:
    """One chunk of a segment has failed and another is on its way, when the spool is cleared for the next segments."""
    spool = Spool(tmp_path / "spool")
    fetcher = Fetcher(spool, NetworkSettings(connections=1), lambda: None)
    try:
        first, second = (Resource(f"http://127.0.0.1:1/{name}", {}, may_fail=True) for name in ("first", "second"))
        first.base = spool.allocate(4096)
        fetcher.arrived(first, 0, b"1" * 100)
        assert first.take(MediaGone())
        spool.clear()
        second.base = spool.allocate(4096)
        fetcher.arrived(second, 0, b"2" * 1000)
        fetcher.arrived(first, 100, b"1" * 100)
        assert fetcher.read(second, 0, 1000) == b"2" * 1000
    finally:
        fetcher.close()
        spool.close()


def test_a_request_past_the_end_before_the_size_is_known_fails_nothing(tmp_path: Path) -> None:
    """A connection helps another one whose first answer is late, and a small file ends before its half."""
    spool = Spool(tmp_path / "spool")
    content = bytes(range(256)) * 4
    with Origin({"film": content}) as origin:
        fetcher = Fetcher(spool, NetworkSettings(connections=2), lambda: None)
        try:
            resource = Resource(origin.url("film"), {})
            fetcher.want(resource, 5000, 6000)
            assert fetcher.read(resource, 5000, 10) == b"", "the server says that it ends before"
            assert fetcher.read(resource, 0, 2000) == content and resource.size == len(content)
        finally:
            fetcher.close()
            spool.close()


def test_a_file_that_grows_past_an_end_that_its_server_stated_is_another_one(tmp_path: Path) -> None:
    spool = Spool(tmp_path / "spool")
    with Origin({"film": b"1" * 1000}) as origin:
        fetcher = Fetcher(spool, NetworkSettings(connections=2), lambda: None)
        try:
            resource = Resource(origin.url("film"), {})
            fetcher.want(resource, 5000, 6000)
            assert fetcher.read(resource, 5000, 10) == b""
            origin.files["film"] = b"2" * 9000
            with pytest.raises(MediaGone):
                fetcher.read(resource, 0, 2000)
        finally:
            fetcher.close()
            spool.close()
