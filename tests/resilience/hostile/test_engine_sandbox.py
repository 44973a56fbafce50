"""The sandbox of the clip engine: what is in it cannot get out, and whatever it does, its parent goes on."""

from __future__ import annotations

import json
import os
import socket
from collections.abc import Callable, Iterator
from contextlib import nullcontext
from dataclasses import dataclass, replace
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import pytest

from src.config import Settings
from src.errors import (
    AppError,
    Cancelled,
    ClipIncomplete,
    DiskFull,
    EngineInterrupted,
    InternalError,
    MediaGone,
    SegmentMissing,
    UrlForbidden,
    VideoPrivate,
)
from src.models.media_source import ClipSource, NetworkSettings, SourceUnreadable, TimeRange
from src.models.params import BatchParams
from src.models.progress import Monitor, Progress, SilentMonitor
from src.services.audio.download import AudioDownloadService
from src.services.clips.batch import Batch, ClipBatchService
from src.services.cutting import sandbox
from src.services.cutting.engine.model import ClipReport, CutOrder, Sharing
from src.services.cutting.engine.session import Session
from src.services.cutting.sandbox import EngineSandbox, SandboxedEngine
from src.services.cutting.shared_media import SharedMedia
from src.services.egress.policy import AllowList, Policy
from src.services.egress.proxy import EgressProxy
from src.services.encoding.audio_extraction import AudioService
from src.services.ffmpeg_utils_service import ENVIRONMENT, FFmpeg
from src.services.youtube_service import YouTubeService
from src.utils.sandbox import available
from tests.engines.clip.origin import Faults, Origin
from tests.engines.clip.sources import KINDS, served
from tests.resilience.hostile import sandboxed
from tests.tools.media_kit import FFMPEG, first_last
from tests.tools.offline_youtube import OfflineYoutube, VideoId

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
def hostile(monkeypatch: pytest.MonkeyPatch) -> None:
    """Children that do what is asked of ``sandboxed`` instead of cutting."""
    monkeypatch.setattr(sandbox, "CHILD", sandboxed.__name__)


@pytest.fixture
def engine(hostile: None) -> Iterator[SandboxedEngine]:
    with EngineSandbox(Path(FFMPEG), EgressProxy(Policy())).engine() as started:
        yield started


def run(
    engine: SandboxedEngine,
    act: str,
    place: Place,
    monitor: Monitor | None = None,
    refresh: Callable[[], ClipSource] | None = None,
    /,
    **given: Any,
) -> list[ClipReport]:
    order = sandboxed.order_to(act, place.work, NetworkSettings(), **given)
    return engine.run("clip", order, monitor or SilentMonitor(), refresh)


def test_the_child_loads_nothing_of_its_parent(engine: SandboxedEngine, place: Place) -> None:
    (report,) = run(engine, "modules", place)
    loaded = {note.text for note in report.notes}
    cutting = {"sandbox", "sandbox_channel", "cutter", "sources", "acceptance", "section", "video_joining", "joining"}
    parent = {f"src.services.cutting.{name}" for name in cutting} | {"src.services.video_service", "src.config"}
    assert not loaded & parent
    packages = {name.split(".")[0] for name in loaded}
    assert not packages & {"yt_dlp", "pymongo", "flask", "celery", "redis"}
    assert not [name for name in loaded if name.startswith(("src.services.egress", "src.services.youtube_service"))]


@pytest.mark.parametrize(("count", "error"), [(1 << 20, None), ((1 << 20) + 1, DiskFull)], ids=["as allowed", "more"])
def test_no_file_is_larger_than_a_job_may_write(
    hostile: None, place: Place, count: int, error: type[AppError] | None
) -> None:
    expected = pytest.raises(error) if error else nullcontext()
    with EngineSandbox(Path(FFMPEG), EgressProxy(Policy()), file_bytes=1 << 20).engine() as engine, expected:
        run(engine, "fill", place, work=str(place.work), count=count)
    assert (place.work / "large").stat().st_size == (0 if error else count)


@pytest.mark.skipif(str(available()) != "files: landlock, network: namespace", reason="this kernel has less")
def test_nothing_outside_can_be_read_written_listed_called_or_started(engine: SandboxedEngine, place: Place) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        listener.settimeout(0)
        port = listener.getsockname()[1]
        given = {"outside": str(place.outside), "work": str(place.work), "port": port}
        (report,) = run(engine, "misbehave", place, **given)
        with pytest.raises(BlockingIOError):
            listener.accept()
    told = dict(note.text.split(": ", 1) for note in report.notes)
    assert told.pop("own file") == "done"
    environment = told.pop("environment")
    assert "JWT" not in environment and "MONGODB" not in environment and "HOME" not in environment
    assert "done" not in told.values(), told
    assert [path.name for path in place.outside.iterdir()] == ["secret"]


@pytest.mark.skipif(available().files != "landlock", reason="this kernel has no Landlock")
def test_what_other_jobs_fetched_can_be_read_and_not_changed(engine: SandboxedEngine, place: Place) -> None:
    (place.work / "shared").mkdir()
    given = {"outside": str(place.outside), "work": str(place.work), "port": 1}
    order = sandboxed.order_to("misbehave", place.work, NetworkSettings(), **given)
    order = replace(order, share=Sharing((place.outside,), place.work / "shared"))
    (report,) = engine.run("clip", order, SilentMonitor())
    told = dict(note.text.split(": ", 1) for note in report.notes)
    assert (told["read"], told["list"], told["write"]) == ("done", "done", "PermissionError")
    assert [path.name for path in place.outside.iterdir()] == ["secret"]


def test_an_engine_that_dies_is_told(engine: SandboxedEngine, place: Place) -> None:
    with pytest.raises(EngineInterrupted):
        run(engine, "die", place)


@pytest.mark.parametrize(
    "what",
    [
        "nonsense\n",
        "[]\n",
        '{"result": "everything"}\n',
        '{"result": [{"requested": 1}]}\n',
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
        run(engine, "lie", place, what=what)


def test_an_engine_asks_for_links_once(engine: SandboxedEngine, place: Place) -> None:
    asked: list[ClipSource] = []

    def refresh() -> ClipSource:
        asked.append(ClipSource(()))
        return asked[-1]

    with pytest.raises(EngineInterrupted):
        run(engine, "lie", place, None, refresh, what='{"refresh": true}\n' * 3)
    assert len(asked) == 1, "each time is a look at the site"


def test_the_times_of_missing_segments_come_through(engine: SandboxedEngine, place: Place) -> None:
    told = {"code": "SEGMENT_MISSING", "message": "anything", "missing": [{"start": 2.0, "end": 4.5}]}
    with pytest.raises(SegmentMissing) as caught:
        run(engine, "lie", place, what=json.dumps({"failed": told}) + "\n")
    assert caught.value.details == {"missing": [{"start": 2.0, "end": 4.5}]}
    assert "2 to 4.5 s" in caught.value.message


@pytest.mark.parametrize("code", ["NO_SUCH_CODE", "HANDED_BACK", "LEASE_LOST"])
def test_what_is_not_the_engines_to_say_is_an_internal_error(engine: SandboxedEngine, place: Place, code: str) -> None:
    line = json.dumps({"failed": {"code": code, "message": "x" * 10_000}}) + "\n"
    with pytest.raises(InternalError) as caught:
        run(engine, "lie", place, what=line)
    assert caught.value.message == InternalError().message


def test_an_error_of_the_engine_is_told_shortened(engine: SandboxedEngine, place: Place) -> None:
    line = json.dumps({"failed": {"code": "NETWORK_TIMEOUT", "message": "x" * 10_000}}) + "\n"
    with pytest.raises(AppError, match=r"^x{2000}$"):
        run(engine, "lie", place, what=line)


class CancelsSoon(SilentMonitor):
    """Cancels after a moment."""

    def __init__(self) -> None:
        self._looks = 0

    def check(self) -> None:
        self._looks += 1
        if self._looks > 3:
            raise Cancelled()


def test_a_cancelled_engine_is_ended(place: Place, hostile: None) -> None:
    with EngineSandbox(Path(FFMPEG), EgressProxy(Policy())).engine() as engine:
        with pytest.raises(Cancelled):
            run(engine, "hang", place, CancelsSoon())
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
            network = NetworkSettings(proxy=way.proxy_url, stall_seconds=2, give_up_seconds=20, retries=2)
            order = CutOrder(source, (RANGE,), (output,), place.work, network, ffmpeg=Path(FFMPEG))
            asks = None if refresh is None else lambda: refresh(source)
            engine.run("clip", order, monitor or SilentMonitor(), asks)
    assert [path.name for path in place.work.iterdir()] == [output.name]
    return output


def test_each_call_has_a_child_of_its_own(place: Place) -> None:
    files, source_of = served(KIND["hls-ts"], place.outside)
    with Origin(files) as origin:
        egress = EgressProxy(Policy(AllowList.parse(f"127.0.0.1:{origin._port}")))
        with EngineSandbox(Path(FFMPEG), egress).engine() as engine, egress.session() as way:
            network = NetworkSettings(proxy=way.proxy_url)
            order = CutOrder(source_of(origin), (RANGE,), (place.work / "cut.mp4",), place.work, network)
            engine.run("clip", order, SilentMonitor())
            (report,) = engine.run("parts", order, SilentMonitor())
    assert first_last(order.output) == first_last(order.part(0)) == (83, 218) and report.requested == RANGE


@pytest.mark.skipif(available().files != "landlock", reason="without Landlock nothing is shared")
def test_a_sandboxed_clip_uses_what_another_one_fetched(place: Place) -> None:
    cache = SharedMedia(place.outside / "cache", most_bytes=10**8, seconds=600, min_free_bytes=0, private=False)
    files, source_of = served(KIND["h264-sidx"], place.outside)
    sent = []
    with Origin(files) as origin:
        origin.etag = '"one"'
        egress = EgressProxy(Policy(AllowList.parse(f"127.0.0.1:{origin._port}")))
        for number in range(2):
            work = place.work / str(number)
            work.mkdir()
            sharing = cache.sharing("dQw4w9WgXcQ", ["137"], "ann", work / "shared")
            assert sharing is not None
            with EngineSandbox(Path(FFMPEG), egress).engine() as engine, egress.session() as way:
                network = NetworkSettings(proxy=way.proxy_url)
                order = CutOrder(source_of(origin), (RANGE,), (work / "cut.mp4",), work, network, share=sharing)
                engine.run("clip", order, SilentMonitor())
            cache.store(sharing, sharing.spool)
            assert first_last(order.output) == (83, 218)
            sent.append(origin.bytes_sent)
    assert sent[1] == sent[0] + 1, "one byte tells the version"


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
            network = NetworkSettings(proxy=way.proxy_url)
            order = CutOrder(source, (RANGE,), (place.work / "clip.mp4",), place.work, network)
            engine.run("clip", order, SilentMonitor())


# --- the products ---------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def site() -> Iterator[OfflineYoutube]:
    with OfflineYoutube() as running:
        yield running


def hostile_child(monkeypatch: pytest.MonkeyPatch, act: str) -> None:
    monkeypatch.setattr(sandbox, "CHILD", sandboxed.__name__)
    monkeypatch.setitem(ENVIRONMENT, "ACT", act)


def batch(site: OfflineYoutube, folder: Path) -> Batch:
    settings, ffmpeg = Settings.load(site.environment(), dotenv=None), FFmpeg(Path(FFMPEG))
    batches = ClipBatchService(settings, YouTubeService(settings), ffmpeg, EgressProxy.of(settings))
    params = BatchParams(
        url=site.url(VideoId.LADDER),
        youtube_video_id=VideoId.LADDER,
        ranges=((3.5, 4.5), (6.1, 7)),
        resolution_preference="144p",
    )
    return batches.make(params, folder, SilentMonitor())


def test_every_clip_of_a_batch_is_verified(site: OfflineYoutube, place: Place) -> None:
    clips = batch(site, place.work).clips
    assert [clip.accepted.frames for clip in clips] == [25, 22]
    assert [first_last(clip.path) for clip in clips] == [(88, 112), (153, 174)]


@pytest.mark.parametrize(("act", "error"), [("false_figures", ClipIncomplete), ("too_few", EngineInterrupted)])
def test_a_batch_with_false_figures_is_refused(
    site: OfflineYoutube, place: Place, monkeypatch: pytest.MonkeyPatch, act: str, error: type[AppError]
) -> None:
    hostile_child(monkeypatch, act)
    with pytest.raises(error):
        batch(site, place.work)
    assert not (place.work / "batch.zip").exists()


def audio(site: OfflineYoutube, folder: Path) -> Path:
    settings, ffmpeg = Settings.load(site.environment(), dotenv=None), FFmpeg(Path(FFMPEG))
    downloads = AudioDownloadService(settings, YouTubeService(settings), AudioService(ffmpeg), ffmpeg)
    path = folder / "song.mp3"
    downloads.download_audio(site.url(VideoId.LADDER), path, "mp3", "128k", monitor=SilentMonitor())
    return path


def test_audio_is_never_read_by_the_worker(site: OfflineYoutube, place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    def opened(*_: object, **__: object) -> None:
        raise AssertionError("the worker reads what the site sent")

    monkeypatch.setattr(av, "open", opened)
    monkeypatch.setattr(Session, "__init__", opened)
    assert audio(site, place.work).stat().st_size > 10_000


@pytest.mark.parametrize(("act", "error"), [("dies", EngineInterrupted), ("spoils_audio", ClipIncomplete)])
def test_hostile_audio_ends_its_job_and_nothing_else(
    site: OfflineYoutube, place: Place, monkeypatch: pytest.MonkeyPatch, act: str, error: type[AppError]
) -> None:
    hostile_child(monkeypatch, act)
    with pytest.raises(error):
        audio(site, place.work)
    assert list(place.work.iterdir()) == []
