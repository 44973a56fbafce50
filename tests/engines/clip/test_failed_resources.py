"""What still arrives of a resource that has failed does no harm."""

from __future__ import annotations

from pathlib import Path

from src.errors import MediaGone
from src.models.media_source import NetworkSettings
from src.services.fetch.fetcher import Fetcher
from src.services.fetch.resource import Resource
from src.services.fetch.spool import Spool


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
