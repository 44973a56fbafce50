"""Which part of a video is meant, which part there is, and where its media may come from."""

from __future__ import annotations

from fractions import Fraction

import pytest

from src.errors import ClipRangeInvalid, UrlForbidden
from src.models.media_source import TimeRange
from src.services.youtube.media_hosts import require_media_host
from src.services.youtube.ranges import available_range, read_range


def test_times_are_read_exactly() -> None:
    assert read_range(3.5, "0:08.5") == TimeRange(Fraction(7, 2), Fraction(17, 2))


@pytest.mark.parametrize(("start", "end"), [(5, 5), (5, 4), ("1:00", 59), (float("nan"), 5), (True, 5), (-1, 5)])
def test_a_range_has_a_length(start: object, end: object) -> None:
    with pytest.raises(ClipRangeInvalid):
        read_range(start, end)


@pytest.mark.parametrize(
    ("start", "end", "length", "last"),
    [
        (0, 20, 20, 20),
        (0, 10, 20, 10),
        (3, 20.4, 20, 20.4),  # lengths are told in whole seconds
        (3, 100, 20, 21),
        (3, 100, None, 100),
        (19.9, 20, 20, 20),
    ],
)
def test_the_end_is_cut_off_behind_the_end_of_the_video(
    start: float, end: float, length: float | None, last: float
) -> None:
    assert available_range(read_range(start, end), length) == read_range(start, last)


@pytest.mark.parametrize("start", [20, 20.5, 3600])
def test_a_range_behind_the_video_is_refused(start: float) -> None:
    with pytest.raises(ClipRangeInvalid) as told:
        available_range(read_range(start, start + 5), 20)
    assert told.value.details == {"source_duration": 20}


@pytest.mark.parametrize(
    "url",
    [
        "https://rr3---sn-4g5ednsz.googlevideo.com/videoplayback?expire=1",
        "https://RR1.GoogleVideo.com:443/videoplayback",
        "https://manifest.googlevideo.com/api/manifest/hls_playlist/x",
        "https://www.youtube.com/api/timedtext",
    ],
)
def test_media_come_from_the_site(url: str) -> None:
    require_media_host(url)


@pytest.mark.parametrize(
    "url",
    [
        "http://rr3.googlevideo.com/videoplayback",
        "https://googlevideo.com.example.com/videoplayback",
        "https://evilgooglevideo.com/videoplayback",
        "https://rr3.googlevideo.com:8443/videoplayback",
        "https://user@rr3.googlevideo.com/videoplayback",
        "https://rr3.googlevideo.com@127.0.0.1/videoplayback",
        "https://127.0.0.1/videoplayback",
        "https://[::1]/videoplayback",
        "https://[broken/",
        "https://rr3.googlevideo.com:port/",
        "file:///etc/passwd",
        "concat:https://rr3.googlevideo.com/a",
        "",
    ],
)
def test_media_come_from_nowhere_else(url: str) -> None:
    with pytest.raises(UrlForbidden):
        require_media_host(url)
