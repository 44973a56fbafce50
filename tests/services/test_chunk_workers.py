"""Chunks shared among workers: every frame once, whoever dies, fails, hangs or comes late."""

from __future__ import annotations

import subprocess
import threading
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import redis
from pymongo.database import Database

from src.data.chunk_data import ChunkData
from src.errors import Cancelled, DiskFull, EncodeFailed, StoreUnavailable
from src.models.chunk import Chunk, ChunkRecord, ChunkTask
from src.models.progress import Monitor, Progress, SilentMonitor
from src.models.video import VideoJob
from src.services.cache_service import CacheService
from src.services.encoding_service import EncodingService
from src.services.ffmpeg_utils_service import FFmpeg
from src.services.file_store import FileStore
from src.services.jobs.lease import HandedBack, LeaseLost, ShutdownFlag
from src.services.progress_cache import ProgressCache
from src.services.uploads import chunk_progress
from src.services.uploads.chunk_workers import HELPER_ATTEMPTS, ChunkWorkers
from tests.engines.encode.recipes import FAST, Row, make, video
from tests.tools.factories import make_encode
from tests.tools.fakes import RecordingNotifier
from tests.tools.media_kit import FFMPEG, TESTED_FFMPEG

pytestmark = pytest.mark.slow
SOURCE = Row("eight seconds", ((*video(seconds=8), *FAST, "-bf", "2", "-g", "25"),), ".mkv")
CHUNKS = 4


class Encoder(EncodingService):
    """The real one, which counts, and does first what the test says for a chunk's number."""

    def __init__(self) -> None:
        super().__init__(FFmpeg(TESTED_FFMPEG), chunk_seconds=2.0)
        self.made: list[int] = []
        self.before: dict[int, Callable[[Monitor], None]] = {}

    def encode_chunk(self, task: ChunkTask, chunk: Chunk, monitor: Monitor) -> Path:
        if (first := self.before.pop(chunk.number, None)) is not None:
            first(monitor)
        path = super().encode_chunk(task, chunk, monitor)
        self.made.append(chunk.number)
        return path


@dataclass
class Bench:
    """Crews that share a database and a disk, and what they encode."""

    chunks: ChunkData
    files: FileStore
    progress: ProgressCache
    folder: Path
    notifier: RecordingNotifier = field(default_factory=RecordingNotifier)
    job: VideoJob = field(default_factory=make_encode)

    def chunk_workers(
        self, name: str, encoder: EncodingService, *, helpers: int = 2, lease: float = 30
    ) -> ChunkWorkers:
        return ChunkWorkers(
            self.chunks,
            encoder,
            self.files,
            self.progress,
            self.notifier,
            worker=name,
            helpers=helpers,
            lease_seconds=lease,
            hard_limit_seconds=120,
            shutdown=ShutdownFlag(),
        )

    def encode(
        self, chunk_workers: ChunkWorkers, encoder: EncodingService, monitor: Monitor | None = None
    ) -> list[str]:
        """Have the film encoded without loss; the hashes of the result's frames."""
        output = self.folder / "out.mp4"
        watch = monitor or SilentMonitor()
        with chunk_workers.runner(self.job, watch) as run_chunks:
            report = encoder.encode_video_to_mp4(
                make(SOURCE), output, "h265", "lossless", monitor=watch, run_chunks=run_chunks
            )
        assert report.verified_frames == 200
        return hashes(output)


@pytest.fixture
def bench(mongo_database: Database[dict[str, Any]], redis_client: redis.Redis, tmp_path: Path) -> Bench:
    files = FileStore(tmp_path / "downloads", tmp_path / "uploads")
    folder = tmp_path / "work"
    folder.mkdir()
    return Bench(ChunkData(mongo_database), files, ProgressCache(CacheService(redis_client)), folder)


def hashes(path: Path) -> list[str]:
    told = subprocess.run(
        [FFMPEG, "-v", "error", "-i", path, "-map", "0:V:0", "-fps_mode", "passthrough", "-f", "framemd5", "-"],
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    return [line.rsplit(",", 1)[1] for line in told.splitlines() if not line.startswith("#")]


def test_the_owner_alone_makes_everything(bench: Bench) -> None:
    encoder = Encoder()
    assert bench.encode(bench.chunk_workers("owner", encoder), encoder) == hashes(make(SOURCE))
    assert encoder.made == list(range(CHUNKS))
    assert bench.notifier.helped, "help was called"
    assert bench.chunks.of_job(bench.job.id) == []


def test_without_helpers_the_film_stays_whole(bench: Bench) -> None:
    encoder = Encoder()
    assert bench.encode(bench.chunk_workers("owner", encoder, helpers=0), encoder) == hashes(make(SOURCE))
    assert encoder.made == [] and bench.notifier.helped == []


def test_a_helper_takes_one_chunk_and_asks_for_more_help(bench: Bench) -> None:
    owner, helper = Encoder(), Encoder()
    helping = bench.chunk_workers("helper", helper)
    owner.before[0] = lambda monitor: helping.help(bench.job.id)
    owner.before[2] = lambda monitor: helping.help(bench.job.id)
    assert bench.encode(bench.chunk_workers("owner", owner), owner) == hashes(make(SOURCE))
    assert (helper.made, owner.made) == ([1, 3], [0, 2])
    helping.help(bench.job.id)
    assert helper.made == [1, 3], "a late call finds nothing"
    assert (bench.folder / "out.mp4").exists()


def test_the_owner_waits_for_who_is_at_work(bench: Bench) -> None:
    owner, helper = Encoder(), Encoder()
    helping = bench.chunk_workers("helper", helper)
    others_done = threading.Event()
    helper.before[1] = lambda monitor: waited.append(others_done.wait(60))
    waited: list[bool] = []
    thread = threading.Thread(target=helping.help, args=(bench.job.id,))

    def call(monitor: Monitor) -> None:
        thread.start()
        while not any(each.lease and each.lease.worker == "helper" for each in bench.chunks.of_job(bench.job.id)):
            monitor.check()

    owner.before[0] = call
    watch = Watching(lambda: others_done.set() if owner.made == [0, 2, 3] else None)
    assert bench.encode(bench.chunk_workers("owner", owner), owner, watch) == hashes(make(SOURCE))
    thread.join()
    assert helper.made == [1] and waited == [True]
    assert watch.percents == sorted(watch.percents) and 70 < watch.percents[-2] <= 100


@dataclass
class Watching:
    """A monitor that keeps the percentages, and does something at every look."""

    look: Callable[[], object]
    percents: list[float] = field(default_factory=list)

    def report(self, progress: Progress) -> None:
        self.percents.append(progress.encode_percent)
        self.check()

    def check(self) -> None:
        self.look()


def test_a_dead_helper_costs_its_chunk_alone(bench: Bench) -> None:
    owner = Encoder()

    def die(monitor: Monitor) -> None:
        taken = bench.chunks.claim(bench.job.id, "dead", lease_seconds=0.5)
        assert taken is not None and taken.number == 1  # and nobody hears of this worker again

    owner.before[0] = die
    assert bench.encode(bench.chunk_workers("owner", owner), owner) == hashes(make(SOURCE))
    assert sorted(owner.made) == list(range(CHUNKS))


def test_what_a_helper_cannot_make_the_owner_makes(bench: Bench) -> None:
    owner, helper = Encoder(), Encoder()
    helping = bench.chunk_workers("helper", helper)
    failed: list[int] = []

    def fail(monitor: Monitor) -> None:
        failed.append(1)
        raise EncodeFailed("this host is broken")

    def twice(monitor: Monitor) -> None:
        for _ in range(HELPER_ATTEMPTS):
            helper.before[1] = fail
            helping.help(bench.job.id)
        helping.help(bench.job.id)

    owner.before[0] = twice
    assert bench.encode(bench.chunk_workers("owner", owner), owner) == hashes(make(SOURCE))
    assert len(failed) == HELPER_ATTEMPTS, "then it is left to the owner"
    assert helper.made == [2] and owner.made == [0, 1, 3]


def test_what_cannot_be_had_in_chunks_is_encoded_in_one_piece(bench: Bench) -> None:
    owner = Encoder()

    def fail(monitor: Monitor) -> None:
        raise EncodeFailed("no")

    owner.before[2] = fail
    assert bench.encode(bench.chunk_workers("owner", owner), owner) == hashes(make(SOURCE))
    assert 2 not in owner.made
    assert bench.chunks.of_job(bench.job.id) == []


def test_the_owner_s_failure_is_the_job_s(bench: Bench) -> None:
    owner = Encoder()

    def fail(monitor: Monitor) -> None:
        raise DiskFull

    owner.before[2] = fail
    with pytest.raises(DiskFull):
        bench.encode(bench.chunk_workers("owner", owner), owner)
    assert bench.chunks.of_job(bench.job.id) == []
    assert list(bench.folder.iterdir()) == []


@pytest.mark.parametrize("reason", [LeaseLost, HandedBack])
def test_another_owner_goes_on_with_what_is_finished(
    bench: Bench, mongo_database: Database[dict[str, Any]], reason: type[Exception]
) -> None:
    first, second = Encoder(), Encoder()
    lost = threading.Event()

    def end() -> None:
        if lost.is_set():
            raise reason()

    def lose(monitor: Monitor) -> None:
        lost.set()
        monitor.check()  # before FFmpeg begins, however fast it is

    first.before[2] = lose
    with pytest.raises(reason):
        bench.encode(bench.chunk_workers("first", first), first, Watching(end))
    long_ago = datetime.now(UTC) - timedelta(hours=1)
    mongo_database["chunks"].update_many({"lease_until": {"$ne": None}}, {"$set": {"lease_until": long_ago}})
    assert bench.encode(bench.chunk_workers("second", second), second) == hashes(make(SOURCE))
    assert first.made == [0, 1] and second.made == [2, 3]


def test_a_finished_chunk_whose_file_is_broken_is_made_again(bench: Bench) -> None:
    first, second = Encoder(), Encoder()

    def end(monitor: Monitor) -> None:
        raise HandedBack()

    first.before[2] = end
    with pytest.raises(HandedBack):
        bench.encode(bench.chunk_workers("first", first), first)
    done = bench.chunks.of_job(bench.job.id)[0].path
    assert done is not None
    done.write_bytes(b"half")
    assert bench.encode(bench.chunk_workers("second", second), second) == hashes(make(SOURCE))
    assert second.made == [0, 2, 3]


def test_a_worker_that_comes_back_late_writes_nothing(bench: Bench, mongo_database: Database[dict[str, Any]]) -> None:
    bench.chunks.lay_out(bench.job.id, "key", "{}", [Chunk(0, 0.0, 50, Path("x"))], keep_seconds=60)
    late = bench.chunks.claim(bench.job.id, "late", lease_seconds=30)
    assert late is not None and bench.chunks.claim(bench.job.id, "other", lease_seconds=30) is None
    long_ago = datetime.now(UTC) - timedelta(hours=1)
    mongo_database["chunks"].update_one({}, {"$set": {"lease_until": long_ago}})
    other = bench.chunks.claim(bench.job.id, "other", lease_seconds=30)
    assert other is not None
    assert not bench.chunks.renew(late, lease_seconds=30, frames_done=1)
    assert not bench.chunks.finish(late, Path("late.mp4"), 1)
    bench.chunks.give_back(late, count_attempt=True)
    assert bench.chunks.renew(other, lease_seconds=30, frames_done=20)
    assert bench.chunks.finish(other, Path("$other.mp4"), 2)
    assert [(each.path, each.frames_done) for each in bench.chunks.of_job(bench.job.id)] == [(Path("$other.mp4"), 20)]
    assert bench.chunks.claim(bench.job.id, "third", lease_seconds=30) is None


def test_a_lease_from_before_the_clock_was_put_back_holds_no_chunk(
    bench: Bench, mongo_database: Database[dict[str, Any]]
) -> None:
    bench.chunks.lay_out(bench.job.id, "key", "{}", [Chunk(0, 0.0, 50, Path("x"))], keep_seconds=60)
    assert bench.chunks.claim(bench.job.id, "dead", lease_seconds=30)
    ahead = datetime.now(UTC) + timedelta(minutes=30)
    mongo_database["chunks"].update_one({}, {"$set": {"lease_until": ahead}})
    assert bench.chunks.claim(bench.job.id, "other", lease_seconds=7200)
    assert bench.chunks.claim(bench.job.id, "third", lease_seconds=1) is None, "the lease is as long as its giver said"


class Stumbling(ChunkData):
    """A database of which every other answer is missing: the question, or the answer to a finished chunk, is lost."""

    asked: Counter[str]

    def _stumble(self, name: str) -> None:
        self.asked[name] += 1
        if self.asked[name] % 2:
            raise StoreUnavailable()

    def lay_out(self, *args: Any, **named: Any) -> None:
        self._stumble("lay_out")
        super().lay_out(*args, **named)

    def of_job(self, job_id: str) -> list[ChunkRecord]:
        self._stumble("of_job")
        return super().of_job(job_id)

    def claim(self, *args: Any, **named: Any) -> ChunkRecord | None:
        self._stumble("claim")
        return super().claim(*args, **named)

    def finish(self, *args: Any) -> bool:
        kept = super().finish(*args)
        self._stumble("finish")
        return kept


def test_a_database_that_is_away_for_a_moment_costs_no_chunk(
    bench: Bench, mongo_database: Database[dict[str, Any]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(chunk_progress, "_READ_SECONDS", 0.0)
    chunks = Stumbling(mongo_database)
    chunks.asked = Counter()
    bench.chunks = chunks
    owner = Encoder()
    assert bench.encode(bench.chunk_workers("owner", owner), owner) == hashes(make(SOURCE))
    assert owner.made == list(range(CHUNKS)), "each was made once"
    assert chunks.asked["finish"] == 2 * CHUNKS


def test_a_database_that_stays_away_ends_the_attempt_when_the_lease_has_run_out(
    bench: Bench, mongo_database: Database[dict[str, Any]]
) -> None:
    class Away(ChunkData):
        def finish(self, *args: Any) -> bool:
            lost.set()
            raise StoreUnavailable()

    lost = threading.Event()

    def look() -> None:
        if lost.is_set():
            raise LeaseLost()

    bench.chunks = Away(mongo_database)
    owner = Encoder()
    with pytest.raises(LeaseLost):
        bench.encode(bench.chunk_workers("owner", owner), owner, Watching(look))
    assert owner.made == [0]


def test_another_encode_of_the_same_job_begins_anew(bench: Bench) -> None:
    place = [Chunk(0, 0.0, 50, Path("x"))]
    bench.chunks.lay_out(bench.job.id, "one", "{}", place, keep_seconds=60)
    taken = bench.chunks.claim(bench.job.id, "w", lease_seconds=30)
    assert taken is not None
    bench.chunks.lay_out(bench.job.id, "two", "{}", place, keep_seconds=60)
    assert not bench.chunks.renew(taken, lease_seconds=30, frames_done=1)
    assert bench.chunks.claim(bench.job.id, "w", lease_seconds=30) is not None


def test_a_cancelled_job_stops_its_helpers(bench: Bench) -> None:
    owner, helper = Encoder(), Encoder()
    helping = bench.chunk_workers("helper", helper)

    def cancel(monitor: Monitor) -> None:
        helper.before[1] = lambda monitor: bench.progress.ask_cancel(bench.job.id)
        helping.help(bench.job.id)
        raise Cancelled()

    owner.before[0] = cancel
    with pytest.raises(Cancelled):
        bench.encode(bench.chunk_workers("owner", owner), owner)
    assert bench.chunks.of_job(bench.job.id) == []
