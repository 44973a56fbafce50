"""Times as people write them."""

from __future__ import annotations

from fractions import Fraction

import pytest

from src.errors import ClipRangeInvalid
from src.utils.timecode import MAX_SECONDS, parse_time, time_in_url


@pytest.mark.parametrize(
    ("value", "seconds"),
    [
        (0, Fraction(0)),
        (60, Fraction(60)),
        (3.5, Fraction(7, 2)),
        (0.1, Fraction(1, 10)),
        (1e-3, Fraction(1, 1000)),
        (-0.0, Fraction(0)),
        (Fraction(1001, 30000), Fraction(1001, 30000)),
        (MAX_SECONDS, Fraction(MAX_SECONDS)),
        ("90", Fraction(90)),
        (" 90.25 ", Fraction(361, 4)),
        ("007", Fraction(7)),
        ("1:30", Fraction(90)),
        ("01:05.5", Fraction(131, 2)),
        ("90:00", Fraction(5400)),
        ("1:02:03", Fraction(3723)),
        ("0:0:1", Fraction(1)),
        ("00:00:00.040", Fraction(1, 25)),
        ("1h2m3s", Fraction(3723)),
        ("1H2M3S", Fraction(3723)),
        ("2m", Fraction(120)),
        ("1h", Fraction(3600)),
        ("1h30s", Fraction(3630)),
        ("90m", Fraction(5400)),
        ("3.5s", Fraction(7, 2)),
    ],
)
def test_a_time_is_read_exactly(value: object, seconds: Fraction) -> None:
    assert parse_time(value) == seconds


@pytest.mark.parametrize(
    "value",
    [
        True,
        False,
        None,
        [],
        {},
        b"1",
        float("nan"),
        float("inf"),
        float("-inf"),
        -1,
        -0.001,
        "-1",
        MAX_SECONDS + 1,
        2**63,
        10**4000,
        1e308,
        "9" * 32,
        "9" * 5000,
        "",
        "   ",
        "abc",
        "NaN",
        "Infinity",
        "1e5",
        "0x10",
        "1_000",
        "1,5",
        "٣",
        "1:60",
        "1:99.5",
        "1:60:00",
        "1:2:3:4",
        "1::2",
        ":30",
        "1:",
        "1.5:30",
        "s",
        "1s2m",
        "1m30",
        "1.5m",
        "1h 2m",
        "1/2",
        "+5",
        "5\n6",
    ],
)
def test_what_is_no_time_is_refused(value: object) -> None:
    with pytest.raises(ClipRangeInvalid):
        parse_time(value)


@pytest.mark.parametrize(
    ("url", "seconds"),
    [
        ("https://youtu.be/dQw4w9WgXcQ?t=83", Fraction(83)),
        ("https://youtu.be/dQw4w9WgXcQ?t=1h2m3s", Fraction(3723)),
        ("https://www.youtube.com/watch?v=dQw4w9WgXcQ&t=42s", Fraction(42)),
        ("https://www.youtube.com/watch?t=7.5&v=dQw4w9WgXcQ", Fraction(15, 2)),
        ("https://www.youtube.com/watch?v=dQw4w9WgXcQ#t=1m5s", Fraction(65)),
        ("https://www.youtube.com/embed/dQw4w9WgXcQ?start=9", Fraction(9)),
        ("youtu.be/dQw4w9WgXcQ?t=5", Fraction(5)),
        ("https://youtu.be/dQw4w9WgXcQ", None),
        ("https://youtu.be/dQw4w9WgXcQ?t=", None),
        ("https://youtu.be/dQw4w9WgXcQ?t=soon", None),
        ("https://youtu.be/dQw4w9WgXcQ?t=-5", None),
        ("https://youtu.be/dQw4w9WgXcQ?t=soon&start=4", Fraction(4)),
        ("https://[youtu.be/?t=4", None),
    ],
)
def test_the_start_that_a_link_carries(url: str, seconds: Fraction | None) -> None:
    assert time_in_url(url) == seconds


def test_the_time_of_links_that_people_paste() -> None:
    assert time_in_url("https://youtu.be/dQw4w9WgXcQ?si=abc?t=1m30s") == 90
    assert time_in_url("<https://www.youtube.com/watch?v=dQw4w9WgXcQ&t=42>") == 42
