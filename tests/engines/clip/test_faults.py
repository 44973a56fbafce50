"""What real media servers do wrong: each fault ends with a whole clip or with the right error, and nothing is left."""

from __future__ import annotations

import time
from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import pytest

from src.errors import (
    AppError,
    ClipRangeInvalid,
    MediaForbidden,
    MediaGone,
    Network,
    NetworkTimeout,
    ProxyError,
    RateLimited,
    UrlForbidden,
)
from src.models.media_source import ClipSource, NetworkSettings, TimeRange, Track
from src.models.outcome import NoteCode
from src.models.progress import SilentMonitor
from tests.engines.clip.origin import Faults, Origin
from tests.engines.clip.sources import KINDS, SMALL, Made, make, served
from tests.tools.engine_calls import make_clip
from tests.tools.media_kit import cached_film, decode_errors, first_last
from tests.tools.waiting import within

KIND = {kind.name: kind for kind in KINDS}
QUICK = NetworkSettings(stall_seconds=1, give_up_seconds=6, retries=3, connect_seconds=2)
RANGE = (Fraction("3.3"), Fraction("8.75"))  # frames 83 to 218 of 25 per second
AFTER = {"h264-sidx": 1, "hls-fmp4-29.97": 3, "dash-fragments": 3}
"""Requests after which links expire: when the index is known."""

pytestmark = pytest.mark.slow


def assert_whole(made: Made) -> None:
    assert first_last(made.path) == (83, 218)
    assert decode_errors(made.path) == ""


@pytest.mark.matrix(5)
@pytest.mark.parametrize(
    "kind", ["h264-sidx", "h264-progressive", "vp9-webm", "hls-ts", "hls-ts-encrypted", "pair-h264-aac"]
)
@pytest.mark.parametrize(
    "faults",
    [
        {"statuses": [503, 0, 503, 503]},
        {"statuses": [0, 0, 0, 429, 500, 502]},
        {"cut_every_bytes": 20_000},
        {"stall_after_bytes": 30_000, "stall_requests": 2},
        {"redirect": True},
        {"no_range": True},
        {"no_range": True, "no_length": True},
        {"no_content_range": True},
    ],
    ids=str,
)
def test_faults_that_pass(kind: str, faults: dict[str, object], tmp_path: Path) -> None:
    chosen = KIND["hls-ts-encrypted-60"] if kind == "hls-ts-encrypted" else KIND[kind]
    if chosen.film.fps != 25:
        chosen = replace(chosen, film=SMALL)
    (made,) = make(chosen, [RANGE], tmp_path, faults=Faults(**faults), network=QUICK)  # type: ignore[arg-type]
    assert_whole(made)


def test_a_server_without_ranges_is_told(tmp_path: Path) -> None:
    (made,) = make(KIND["h264-sidx"], [RANGE], tmp_path, faults=Faults(no_range=True))
    assert any(note.code is NoteCode.RANGES_UNSUPPORTED for note in made.report.notes)
    assert_whole(made)


def test_a_length_that_is_too_large_is_no_obstacle(tmp_path: Path) -> None:
    (made,) = make(KIND["h264-sidx"], [RANGE], tmp_path, faults=Faults(length_surplus=100), network=QUICK)
    assert_whole(made)


@pytest.mark.matrix(3)
@pytest.mark.parametrize("kind", ["h264-sidx", "hls-ts"])
@pytest.mark.parametrize(
    ("faults", "error"),
    [
        ({"always": 403}, MediaForbidden),
        ({"always": 404}, MediaGone),
        ({"always": 410}, MediaGone),
        ({"always": 503}, Network),
        ({"always": 429}, RateLimited),
        ({"stall_after_bytes": 100, "stall_requests": 10**6}, NetworkTimeout),
        ({"cut_every_bytes": 0}, Network),
    ],
    ids=str,
)
def test_faults_that_stay(kind: str, faults: dict[str, object], error: type[AppError], tmp_path: Path) -> None:
    with pytest.raises(error):
        make(KIND[kind], [RANGE], tmp_path, faults=Faults(**faults), network=QUICK)  # type: ignore[arg-type]
    assert not list(tmp_path.glob("clip*"))


def test_another_range_than_asked_for(tmp_path: Path) -> None:
    with pytest.raises(Network):
        make(KIND["h264-sidx"], [RANGE], tmp_path, faults=Faults(other_range=True), network=QUICK)


def test_a_file_that_changes_while_it_is_fetched(tmp_path: Path) -> None:
    film, other = cached_film(SMALL), cached_film(replace(SMALL, crf=40))
    origin = Origin({"film": film})

    def swap(number: int) -> None:
        if number == 2:
            origin.files["film"] = other

    origin.on_request = swap
    with origin, pytest.raises(MediaGone):
        _make(origin.url("film"), tmp_path)


@pytest.mark.parametrize("kind", ["h264-sidx", "hls-fmp4-29.97", "dash-fragments"])
def test_expired_links_are_renewed_once(kind: str, tmp_path: Path) -> None:
    folder = tmp_path / "served"
    folder.mkdir()
    files, source_of = served(KIND[kind], folder)
    with Origin(files, faults=Faults(forbid_after=AFTER[kind])) as origin:
        renewals = []

        def versioned(url: str) -> str:
            return f"{url}?version=1"

        def refresh() -> ClipSource:
            renewals.append(1)
            source = source_of(origin)
            playlist = origin.files.get("film.m3u8")
            if isinstance(playlist, Path):  # its links expire too
                text = playlist.read_text().replace(".m4s", ".m4s?version=1").replace("init.mp4", "init.mp4?version=1")
                origin.files["film.m3u8"] = text.encode()
            tracks = [
                replace(
                    track,
                    url=versioned(track.url),
                    fragments=tuple(replace(one, url=versioned(one.url)) for one in track.fragments),
                )
                for track in source.tracks
            ]
            return replace(source, tracks=tuple(tracks))

        output = tmp_path / "clip.mp4"
        make_clip(
            source_of(origin),
            TimeRange(*RANGE),
            output,
            work_dir=tmp_path,
            network=QUICK,
            monitor=SilentMonitor(),
            refresh=refresh,
        )
        assert renewals == [1]
        assert decode_errors(output) == ""
        assert first_last(output)[0] == (99 if "29.97" in kind else 83)


def test_links_that_stay_forbidden_after_renewal(tmp_path: Path) -> None:
    with Origin({"film": cached_film(SMALL)}, faults=Faults(always=403)) as origin:
        source = ClipSource((Track(origin.url("film")),))
        with pytest.raises(MediaForbidden):
            make_clip(
                source,
                TimeRange(*RANGE),
                tmp_path / "clip.mp4",
                work_dir=tmp_path,
                network=QUICK,
                monitor=SilentMonitor(),
                refresh=lambda: source,
            )
    assert list(tmp_path.iterdir()) == []


def test_nobody_listens(tmp_path: Path) -> None:
    with pytest.raises(Network):
        _make("http://127.0.0.1:9/film", tmp_path, retries=1)


def test_a_proxy_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(ProxyError):
        _make("http://127.0.0.1:9/film", tmp_path, retries=1, proxy="http://127.0.0.1:9")


def test_the_guard_is_asked_about_redirects_too(tmp_path: Path) -> None:
    asked = []

    def guard(url: str) -> None:
        asked.append(url)
        if "elsewhere" in url:
            raise UrlForbidden()

    with Origin({"film": cached_film(SMALL)}) as origin:
        network = replace(QUICK, guard=guard)
        _make(origin.url("film"), tmp_path, network=network)
        assert len(asked) == 1  # once for each host
        origin.redirect_to = "http://elsewhere.invalid/film"
        with pytest.raises(UrlForbidden):
            _make(origin.url("film"), tmp_path, network=network)


def test_a_rate_limit_holds_for_all_connections_together(tmp_path: Path) -> None:
    rate, began = 300_000, time.monotonic()
    kind = replace(KIND["h264-sidx"], film=replace(SMALL, noise=40, fragmented="dash"))
    with within():  # it is a limit, no standstill
        (made,) = make(kind, [RANGE], tmp_path, network=replace(QUICK, rate_limit_bytes=rate))
    seconds = time.monotonic() - began
    assert made.report.bytes_fetched > 2 * rate, "the film is large enough to show it"
    assert made.report.bytes_fetched / seconds < 1.2 * rate
    assert_whole(made)


@pytest.mark.parametrize(("start", "end"), [(5, 5), (6, 5), (-1, 5), (12, 13), (100, 101)])
def test_ranges_without_frames(start: int, end: int, tmp_path: Path) -> None:
    with pytest.raises(ClipRangeInvalid):
        make(KIND["h264-sidx"], [(start, end)], tmp_path)


def _make(url: str, folder: Path, *, network: NetworkSettings = QUICK, **changes: object) -> None:
    make_clip(
        ClipSource((Track(url),)),
        TimeRange(*RANGE),
        folder / "clip.mp4",
        work_dir=folder,
        network=replace(network, **changes),  # type: ignore[arg-type]
        monitor=SilentMonitor(),
    )
