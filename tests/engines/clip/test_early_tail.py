"""The last frames are encoded while the middle of the clip is still on its way, and are the right ones."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import pytest

from src.services.cutting.engine.demuxer import Pack
from src.services.cutting.engine.early_tail import EarlyTail
from tests.engines.clip.sources import KINDS, SMALL, make
from tests.tools.media_kit import decode_errors, first_last, frame_numbers

pytestmark = pytest.mark.slow
ORDERED = replace(SMALL, extra=("-x264-params", "b-adapt=0"))
KIND = {kind.name: kind for kind in KINDS}
KIND["h264-sidx"] = replace(KIND["h264-sidx"], film=replace(ORDERED, fragmented="dash"))
KIND["h264-progressive"] = replace(KIND["h264-progressive"], film=replace(ORDERED, faststart=True))
KIND["pair-h264-aac"] = replace(KIND["pair-h264-aac"], film=replace(ORDERED, fragmented="dash"))
KIND["hevc-sidx"] = replace(
    KIND["hevc-sidx"], film=replace(KIND["hevc-sidx"].film, extra=("-x265-params", "b-adapt=0"))
)
RANGE = (Fraction("3.3"), Fraction("8.75"))  # frames 83 to 218 of 25 per second; B-frames depend on later ones


class Watch:
    """Notes what early tails gave, and can take it away."""

    def __init__(self, patch: pytest.MonkeyPatch, *, useless: bool = False) -> None:
        self.taken: list[int | None] = []
        take = EarlyTail.take

        def watched(tail: EarlyTail, wanted: Sequence[int]) -> list[Pack] | None:
            found = take(tail, wanted)
            self.taken.append(None if found is None else len(found))
            return None if useless else found

        patch.setattr(EarlyTail, "take", watched)


@pytest.mark.matrix(2)
@pytest.mark.parametrize("name", ["h264-sidx", "h264-progressive", "hevc-sidx", "pair-h264-aac"])
@pytest.mark.parametrize("useless", [False, True])
def test_the_clip_is_exact_with_it_and_without(
    name: str, useless: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    watch = Watch(monkeypatch, useless=useless)
    (made,) = make(KIND[name], [RANGE], tmp_path)
    assert watch.taken and all(watch.taken), "the end of this clip has to be encoded, and was"
    assert made.report.method == "smart"
    assert [frame.number for frame in frame_numbers(made.path)] == list(range(83, 219))
    assert decode_errors(made.path) == ""


@pytest.mark.matrix(1)
@pytest.mark.parametrize("end", [Fraction(number, 25) for number in range(209, 217)])
def test_every_end_is_exact(end: Fraction, tmp_path: Path) -> None:
    (made,) = make(KIND["h264-sidx"], [(RANGE[0], end)], tmp_path)
    assert first_last(made.path) == (83, int(end * 25) - 1)
    assert decode_errors(made.path) == ""


def test_the_end_is_encoded_before_the_middle_has_arrived(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    encoded, kind = threading.Event(), KIND["h264-sidx"]
    work = EarlyTail._work

    def watched(tail: EarlyTail) -> None:
        work(tail)
        encoded.set()

    monkeypatch.setattr(EarlyTail, "_work", watched)
    waited = _hold_the_middle(monkeypatch, encoded)
    (made,) = make(kind, [RANGE], tmp_path)
    assert waited == [True]
    assert first_last(made.path) == (83, 218)


def _hold_the_middle(patch: pytest.MonkeyPatch, until: threading.Event) -> list[bool]:
    """Let the fetcher deliver the middle of the clip only when ``until`` is set; returns what came of the wait."""
    from src.services.fetch.fetcher import Fetcher
    from src.services.fetch.resource import Resource

    waited: list[bool] = []
    want = Fetcher.want

    def held(
        self: Fetcher,
        resource: Resource,
        start: int,
        end: int | None,
        priority: int = 0,
        group: int | None = None,
    ) -> None:
        if priority == _MIDDLE:

            def later() -> None:
                waited.append(until.wait(60))
                want(self, resource, start, end, priority, group)

            threading.Thread(target=later, daemon=True).start()
        else:
            want(self, resource, start, end, priority, group)

    patch.setattr(Fetcher, "want", held)
    return waited


_MIDDLE = 3
