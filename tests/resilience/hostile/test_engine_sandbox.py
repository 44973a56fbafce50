"""The sandbox of the clip engine: what is in it cannot get out, and whatever it does, its parent goes on."""

from __future__ import annotations

import json
import os
import socket
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from fractions import Fraction
from pathlib import Path
from typing import Any

import pytest

from src.errors import (
    AppError,
    Cancelled,
    EngineInterrupted,
    InternalError,
    MediaGone,
    SegmentMissing,
    UrlForbidden,
    VideoPrivate,
)
from src.models.media_source import ClipSource, NetworkSettings, SourceUnreadable, TimeRange
from src.models.progress import Monitor, Progress, SilentMonitor
from src.services.cutting.engine.model import ClipReport
from src.services.cutting.sandbox import EngineSandbox, SandboxedEngine
from src.services.egress.policy import AllowList, Policy
from src.services.egress.proxy import EgressProxy
from src.utils.sandbox import available
from tests.engines.clip.origin import Faults, Origin
from tests.engines.clip.sources import KINDS, served
from tests.resilience.hostile import sandboxed
from tests.tools.media_kit import FFMPEG, first_last

pytestmark = pytest.mark.slow

RANGE = TimeRange(Fraction("3.3"), Fraction("8.75"))  # frames 83 to 218 of 25 per second
KIND = {kind.name: kind for kind in KINDS}


@dataclass
class Place:
    """A folder for the work, and what lies beside it."""

    work: Path
    outside: Path


@pytest.fixture
def place(tmp_path: Path) -> Place:
    found = Place(tmp_path / "work", tmp_path / "outside")
    for folder in (found.work, found.outside):
        folder.mkdir()
    (found.outside / "secret").write_text("secret")
    return found


@pytest.fixture
def engine() -> Iterator[SandboxedEngine]:
    with EngineSandbox(Path(FFMPEG), EgressProxy(Policy())).engine() as started:
        yield started


def run(
    engine: SandboxedEngine, function: Callable[..., Any], place: Place, monitor: Monitor | None = None, **given: Any
) -> list[ClipReport]:
    return engine.run(function, given, [place.work], None, monitor or SilentMonitor())


@pytest.mark.skipif(str(available()) != "files: landlock, network: namespace", reason="this kernel has less")
def test_nothing_outside_can_be_read_written_listed_called_or_started(engine: SandboxedEngine, place: Place) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        listener.settimeout(0)
        port = listener.getsockname()[1]
        given = {"outside": place.outside, "work": place.work, "port": port}
        (report,) = run(engine, sandboxed.misbehave, place, **given)
        with pytest.raises(BlockingIOError):
            listener.accept()
    told = dict(note.text.split(": ", 1) for note in report.notes)
    assert told.pop("own file") == "done"
    environment = told.pop("environment")
    assert "JWT" not in environment and "MONGODB" not in environment and "HOME" not in environment
    assert "done" not in told.values(), told
    assert [path.name for path in place.outside.iterdir()] == ["secret"]


def test_an_engine_that_dies_is_told(engine: SandboxedEngine, place: Place) -> None:
    with pytest.raises(EngineInterrupted):
        run(engine, sandboxed.die, place)


@pytest.mark.parametrize(
    "what",
    [
        "nonsense\n",
        "[]\n",
        '{"made": "everything"}\n',
        '{"made": [{"requested": 1}]}\n',
        '{"progress": {"phase": "nonsense"}}\n',
        '{"a": 1, "b": 2}\n',
        '{"refresh": true}\n',
        '{"failed": 7}\n',
        '{"failed": {"code": "SEGMENT_MISSING", "message": "", "missing": [{"start": 1e400, "end": 2}]}}\n',
        '{"failed": {"code": "SEGMENT_MISSING", "message": "", "missing": []}}\n',
        '{"failed": {"code": "SEGMENT_MISSING", "message": "", "missing": "all"}}\n',
        "[" * 100_000 + "\n",
    ],
)
def test_an_engine_that_lies_is_not_believed(engine: SandboxedEngine, place: Place, what: str) -> None:
    with pytest.raises(EngineInterrupted):
        run(engine, sandboxed.lie, place, what=what)


def test_an_engine_asks_for_links_once(engine: SandboxedEngine, place: Place) -> None:
    asked: list[ClipSource] = []

    def refresh() -> ClipSource:
        asked.append(ClipSource(()))
        return asked[-1]

    given = {"what": '{"refresh": true}\n' * 3}
    with pytest.raises(EngineInterrupted):
        engine.run(sandboxed.lie, given, [place.work], None, SilentMonitor(), refresh=refresh)
    assert len(asked) == 1, "each time is a look at the site"


def test_the_times_of_missing_segments_come_through(engine: SandboxedEngine, place: Place) -> None:
    told = {"code": "SEGMENT_MISSING", "message": "anything", "missing": [{"start": 2.0, "end": 4.5}]}
    with pytest.raises(SegmentMissing) as caught:
        run(engine, sandboxed.lie, place, what=json.dumps({"failed": told}) + "\n")
    assert caught.value.details == {"missing": [{"start": 2.0, "end": 4.5}]}
    assert "2 to 4.5 s" in caught.value.message


@pytest.mark.parametrize("code", ["NO_SUCH_CODE", "HANDED_BACK", "LEASE_LOST"])
def test_what_is_not_the_engines_to_say_is_an_internal_error(engine: SandboxedEngine, place: Place, code: str) -> None:
    line = json.dumps({"failed": {"code": code, "message": "x" * 10_000}}) + "\n"
    with pytest.raises(InternalError) as caught:
        run(engine, sandboxed.lie, place, what=line)
    assert caught.value.message == InternalError().message


def test_an_error_of_the_engine_is_told_shortened(engine: SandboxedEngine, place: Place) -> None:
    line = json.dumps({"failed": {"code": "NETWORK_TIMEOUT", "message": "x" * 10_000}}) + "\n"
    with pytest.raises(AppError, match=r"^x{2000}$"):
        run(engine, sandboxed.lie, place, what=line)


class CancelsSoon(SilentMonitor):
    """Cancels after a moment."""

    def __init__(self) -> None:
        self._until = time.monotonic() + 0.5

    def check(self) -> None:
        if time.monotonic() > self._until:
            raise Cancelled()


def test_a_cancelled_engine_is_ended(place: Place) -> None:
    with EngineSandbox(Path(FFMPEG), EgressProxy(Policy())).engine() as engine:
        with pytest.raises(Cancelled):
            run(engine, sandboxed.hang, place, CancelsSoon())
        child = engine._process.pid
    assert not Path(f"/proc/{child}").exists() or os.waitpid(child, os.WNOHANG)


# --- clips ------------------------------------------------------------------------------------------------------------


class Listener(SilentMonitor):
    """Remembers the readings."""

    def __init__(self) -> None:
        self.readings: list[Progress] = []

    def report(self, progress: Progress) -> None:
        self.readings.append(progress)


def clip_of(
    name: str,
    place: Place,
    *,
    faults: Faults | None = None,
    allowed: bool = True,
    refresh: Callable[[ClipSource], ClipSource] | None = None,
    monitor: Monitor | None = None,
) -> Path:
    kind, output = KIND[name], place.work / f"clip{KIND[name].output}"
    files, source_of = served(kind, place.outside)
    with Origin(files, faults=faults) as origin:
        rule = AllowList.parse(f"127.0.0.1:{origin._port}") if allowed else AllowList()
        egress = EgressProxy(Policy(rule))
        source = source_of(origin)
        with EngineSandbox(Path(FFMPEG), egress).engine() as engine, egress.session() as way:
            engine.make_clip(
                source,
                RANGE,
                output,
                work_dir=place.work,
                network=NetworkSettings(proxy=way.proxy_url, stall_seconds=2, give_up_seconds=20, retries=2),
                ffmpeg=Path(FFMPEG),
                monitor=monitor or SilentMonitor(),
                refresh=None if refresh is None else lambda: refresh(source),
            )
    assert [path.name for path in place.work.iterdir()] == [output.name]
    return output


def test_stretches_are_made_by_a_child_of_their_own(place: Place, engine: SandboxedEngine) -> None:
    files, source_of = served(KIND["hls-ts"], place.outside)
    with Origin(files) as origin:
        engine._egress = EgressProxy(Policy(AllowList.parse(f"127.0.0.1:{origin._port}")))
        with engine._egress.session() as way:
            network, watch = NetworkSettings(proxy=way.proxy_url), SilentMonitor()
            made = engine.make_parts(
                source_of(origin), RANGE, place.work, ".mp4", work_dir=place.work, network=network, monitor=watch
            )
    ((path, report),) = made
    assert first_last(path) == (83, 218) and report.requested == RANGE


@pytest.mark.parametrize("name", ["h264-sidx", "vp9-webm", "hls-ts"])
def test_a_clip_comes_out_whole_with_its_progress(place: Place, name: str) -> None:
    monitor = Listener()
    assert first_last(clip_of(name, place, monitor=monitor)) == (83, 218)
    assert monitor.readings and monitor.readings[-1].bytes_done


def test_what_is_wrong_with_the_site_is_told_as_ever(place: Place) -> None:
    with pytest.raises(MediaGone, match="404"):
        clip_of("h264-sidx", place, faults=Faults(always=404))


def test_the_way_out_has_the_same_rules(place: Place) -> None:
    with pytest.raises(UrlForbidden):
        clip_of("h264-sidx", place, allowed=False)


def test_links_that_expire_are_asked_for_again_by_the_parent(place: Place) -> None:
    asked: list[ClipSource] = []

    def refresh(source: ClipSource) -> ClipSource:
        asked.append(source)
        (track,) = source.tracks
        return ClipSource((replace(track, url=f"{track.url}?version=2"),))

    assert first_last(clip_of("h264-sidx", place, faults=Faults(forbid_after=1), refresh=refresh)) == (83, 218)
    assert len(asked) == 1

    def gone(source: ClipSource) -> ClipSource:
        raise VideoPrivate()

    (place.work / "clip.mp4").unlink()
    with pytest.raises(VideoPrivate):
        clip_of("h264-sidx", place, faults=Faults(forbid_after=1), refresh=gone)


def test_what_is_no_film_is_unreadable(place: Place) -> None:
    with Origin({"film": b"this is no film" * 10_000}) as origin:
        egress = EgressProxy(Policy(AllowList.parse(f"127.0.0.1:{origin._port}")))
        _, source_of = served(KIND["h264-sidx"], place.outside)
        (track,) = source_of(origin).tracks
        source = ClipSource((replace(track, url=origin.url("film")),))
        with (
            EngineSandbox(Path(FFMPEG), egress).engine() as engine,
            egress.session() as way,
            pytest.raises(SourceUnreadable),
        ):
            engine.make_clip(
                source,
                RANGE,
                place.work / "clip.mp4",
                work_dir=place.work,
                network=NetworkSettings(proxy=way.proxy_url),
                monitor=SilentMonitor(),
            )
