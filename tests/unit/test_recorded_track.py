"""What a recording remembers of a playlist that moves on: breaks, gaps and initialisations."""

from __future__ import annotations

from pathlib import Path

from src.services.hls.playlist import Segment, parse_playlist
from src.services.streams.recorded_track import load, save


def listed(first: int, *entries: str) -> list[Segment]:
    """A live window: each entry is "", or tags in front of a segment."""
    lines = ["#EXTM3U", f"#EXT-X-MEDIA-SEQUENCE:{first}"]
    for place, tags in enumerate(entries):
        lines += [*tags.split(), "#EXTINF:2,", f"{first + place}.ts"]
    return parse_playlist("\n".join(lines), "http://site.example/list", growing=True).segments


def stretches(folder: Path, *windows: list[Segment]) -> list[list[int]]:
    """The numbers of the segments of each stretch, everything being on disk."""
    (track,) = load(folder, 1, "key")
    for window in windows:
        for one in track.add(window):
            one.path.touch()
    found = []
    for path in track.stretches():
        names = [line for line in path.read_text().splitlines() if not line.startswith("#")]
        found.append([int(name.split("-")[1].split(".")[0]) for name in names])
    return found


BREAK = "#EXT-X-DISCONTINUITY"


def test_a_break_that_leaves_the_window_is_no_new_one(tmp_path: Path) -> None:
    assert stretches(tmp_path, listed(0, "", BREAK, ""), listed(2, "", "", "")) == [[0], [1, 2, 3, 4]]


def test_a_break_in_a_window_that_has_lost_another_is_one(tmp_path: Path) -> None:
    assert stretches(tmp_path, listed(0, "", BREAK, ""), listed(2, "", "", BREAK, "")) == [[0], [1, 2, 3], [4, 5]]


def test_a_break_at_the_head_of_a_window(tmp_path: Path) -> None:
    assert stretches(tmp_path, listed(0, "", ""), listed(2, BREAK, "")) == [[0, 1], [2, 3]]


def test_what_is_not_to_be_had_is_not_asked_for(tmp_path: Path) -> None:
    assert stretches(tmp_path, listed(0, "", "#EXT-X-GAP", "")) == [[0], [2]]


def test_another_worker_knows_the_initialisations(tmp_path: Path) -> None:
    (track,) = load(tmp_path, 1, "key")
    track.add(listed(0, '#EXT-X-MAP:URI="one"', '#EXT-X-MAP:URI="two"'))
    save(tmp_path, [track], "key")
    (again,) = load(tmp_path, 1, "key")
    wanted = again.add(listed(1, '#EXT-X-MAP:URI="two"', ""))
    assert [one.path.name for one in wanted if one.is_init] == ["0-init-1.seg", "0-init-1.seg"]
    assert {cut.init for cut in again.known[1:]} == {1}
