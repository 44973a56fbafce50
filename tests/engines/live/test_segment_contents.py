"""Segments of a running stream that are no media are asked for again, and never stored."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from src.errors import StreamUnreadable
from src.models.media_source import NetworkSettings
from src.services.hls.playlist import Piece
from src.services.live.download import SegmentSource
from tests.engines.clip.origin import Origin
from tests.engines.stream.clock import StandingClock
from tests.tools.media_kit.hls import HTML, png, segmented


def fetched(contents: Iterator[bytes]) -> bytes:
    """What is taken of a segment that has another content each time."""
    origin = Origin({"one.ts": b""})

    def change(_: int) -> None:
        origin.files["one.ts"] = next(contents)

    origin.on_request = change
    with origin, SegmentSource(NetworkSettings(), StandingClock()) as source:
        return source.segment(Piece(origin.url("one.ts")), 0, {})


def test_a_page_in_the_place_of_a_segment_is_asked_for_again() -> None:
    content = segmented().segments[0].content or b""
    assert fetched(iter([HTML, b"", content])) == content


def test_an_image_before_the_media_is_taken_away() -> None:
    content = segmented().segments[0].content or b""
    assert fetched(iter([png(70) + content])) == content


def test_a_segment_that_stays_damaged_is_taken_as_it_is() -> None:
    content = segmented().garbled(0).segments[0].content or b""
    assert fetched(iter([content] * 10)) == content


def test_what_is_never_media_is_refused() -> None:
    with pytest.raises(StreamUnreadable):
        fetched(iter([HTML] * 10))
