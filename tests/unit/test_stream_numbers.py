"""Numbers of live playlists: moving windows, edges that lag behind, and servers that were restarted."""

from __future__ import annotations

from src.services.hls.playlist import Segment, parse_playlist
from src.services.streams.sequence import SequenceNumbers


def listed(first: int, count: int, name: str = "seg") -> list[Segment]:
    lines = ["#EXTM3U", f"#EXT-X-MEDIA-SEQUENCE:{first}"]
    for number in range(first, first + count):
        lines += ["#EXTINF:2,", f"{name}{number}.ts?token={first}"]
    return parse_playlist("\n".join(lines), "http://site.example/list", growing=True).segments


def test_a_window_that_moves_on_is_the_same_stream() -> None:
    numbers = SequenceNumbers()
    assert numbers.follow(listed(10, 5), None, 2, None) is False
    assert numbers.follow(listed(12, 5), 14, 2, 4) is False
    assert numbers.shift == 0


def test_an_edge_that_lags_behind_tells_nothing() -> None:
    numbers = SequenceNumbers()
    numbers.follow(listed(10, 5), None, 2, None)
    assert numbers.follow(listed(13, 5), 14, 2, 4) is False
    assert numbers.follow(listed(11, 5), 17, 2, 2) is None
    assert numbers.follow(listed(14, 5), 17, 2, 4) is False


def test_numbers_far_back_are_a_new_beginning() -> None:
    numbers = SequenceNumbers()
    numbers.follow(listed(700, 3), None, 2, None)
    assert numbers.follow(listed(0, 2), 702, 2, 4) is True
    assert numbers.shift == 703
    assert numbers.follow(listed(0, 3), 704, 2, 2) is False  # the window of the new stream moves on


def test_other_names_for_the_same_numbers_are_a_new_beginning() -> None:
    numbers = SequenceNumbers()
    numbers.follow(listed(0, 4), None, 2, None)
    assert numbers.follow(listed(1, 4, "other"), 3, 2, 2) is True
    assert numbers.shift == 3


def test_the_same_names_a_little_back_are_a_new_beginning_once_they_go_on() -> None:
    numbers = SequenceNumbers()
    numbers.follow(listed(0, 4), None, 2, None)
    numbers.follow(listed(2, 4), 5, 2, 4)
    found = [numbers.follow(listed(first, 2), 9, 2, 2) for first in (4, 5, 6, 7)]
    assert found == [None, None, None, True]


def test_a_jump_ahead_of_more_than_can_have_been_on_air_is_a_new_beginning() -> None:
    numbers = SequenceNumbers()
    numbers.follow(listed(0, 4), None, 2, None)
    assert numbers.follow(listed(10, 4), 3, 2, 12) is False  # six segments were missed in twelve seconds
    assert numbers.follow(listed(9000, 4), 13, 2, 12) is True
    assert 9000 + numbers.shift == 14
