"""Jobs that the release before the move into packages (commit bcd1296) left behind are finished by today's code.

``files/`` holds what that release wrote: records, chunks, and files of ``.work``. Only addresses, folders and times
were replaced. None of it may be adapted to a change of the code: it lies on the disks of those who upgrade.
"""

from __future__ import annotations

import hashlib
import json
from datetime import UTC, datetime
from fractions import Fraction
from pathlib import Path
from typing import Any, cast

import pytest
import redis
from bson import json_util
from pymongo.database import Database

from src.config import Settings
from src.data.chunk_data import ChunkData
from src.data.stored_paths import Root, StoredPaths
from src.models.chunk import Chunk, ChunkTask
from src.models.media_source import NetworkSettings
from src.models.progress import Monitor, SilentMonitor
from src.models.video import Status, VideoJob
from src.services.cache_service import CacheService
from src.services.clips.kind import ClipHandler
from src.services.cutting.sources import media_network
from src.services.egress.proxy import EgressProxy
from src.services.encoding_service import EncodingService
from src.services.ffmpeg_utils_service import FFmpeg
from src.services.file_store import FileStore
from src.services.jobs.handler import JobHandler
from src.services.jobs.lease import ShutdownFlag
from src.services.live.kind import LiveClipHandler
from src.services.live.service import LiveService
from src.services.streams.kind import StreamHandler
from src.services.streams.service import StreamService
from src.services.uploads.chunk_workers import TASK, ChunkWorkers
from src.services.uploads.kind import EncodeHandler
from src.services.video_service import VideoService
from src.services.youtube_service import YouTubeService
from tests.engines.clip.origin import Origin
from tests.engines.encode.recipes import FAST, Row, make, video
from tests.engines.live.bench import BEGAN, began, on_air, plain
from tests.engines.live.site import LiveSite
from tests.engines.stream.sites import FILM, cut
from tests.services.test_chunk_workers import hashes
from tests.tools.fakes import RecordingNotifier
from tests.tools.live_origin import LiveOrigin, VirtualClock
from tests.tools.media_kit import FFMPEG, decode_errors, frame_numbers
from tests.tools.offline_youtube import SITUATIONS, OfflineYoutube
from tests.tools.runners import attempt_limits, job_stores, running_over

pytestmark = pytest.mark.slow

FILES = Path(__file__).parent / "files"
UPLOAD = Row("eight seconds", ((*video(seconds=8), *FAST, "-bf", "2", "-g", "25"),), ".mkv")


class Installation:
    """The stores and folders of an installation, filled from ``files/``, and a worker of today."""

    def __init__(self, database: Database[dict[str, Any]], client: redis.Redis, folder: Path) -> None:
        self.database, self.cache = database, CacheService(client)
        self.files = FileStore(folder / "downloads", folder / "uploads")
        paths = StoredPaths(downloads=Root(self.files.downloads), uploads=Root(self.files.uploads))
        self.stores = job_stores(database, self.cache, self.files, paths)
        self.jobs, self.claims, self.progress = self.stores.jobs, self.stores.claims, self.stores.progress

    def add_record(self, kind: str, **changes: Any) -> str:
        """Insert the record of a job of this kind; its id."""
        record = next(one for one in stored("videos.json") if one["kind"] == kind)
        self.database["videos"].insert_one({**record, **changes})
        return str(record["_id"])

    def retained(self, job_id: str) -> Path:
        """The folder in which attempts of a job leave files for each other, under the name that it has always had."""
        folder = self.files.downloads / ".work" / f"{job_id}.kept"
        folder.mkdir(mode=0o700)
        return folder

    def run(self, job_id: str, handler: JobHandler[Any]) -> tuple[VideoJob, Path]:
        """Run the job to its end: its record and its file."""
        kind = self.database["videos"].find_one({})["kind"]  # type: ignore[index]
        limits = attempt_limits(hard_limit_seconds=120)
        running = running_over(self.database, self.stores, RecordingNotifier(), {kind: handler}, limits=limits)
        runner = running.runner
        runner.run(job_id)
        job = self.jobs.find(job_id)
        if job is not None and job.queue == "captures":  # the older release did not know this queue
            runner.run(job_id)
            job = self.jobs.find(job_id)
        assert job is not None and job.status is Status.COMPLETED, job
        assert job.artifact is not None
        return job, job.artifact.path


@pytest.fixture
def installation(mongo_database: Database[dict[str, Any]], redis_client: redis.Redis, tmp_path: Path) -> Installation:
    return Installation(mongo_database, redis_client, tmp_path)


def stored(name: str, **replaced: object) -> list[dict[str, Any]]:
    """Documents of ``files/``."""
    return cast("list[dict[str, Any]]", json_util.loads(text_of(name, **replaced)))


def text_of(name: str, **replaced: object) -> str:
    """A file of ``files/`` with its addresses and folders filled in."""
    text = (FILES / name).read_text()
    for word, value in replaced.items():
        text = text.replace(f"{{{word}}}", str(value))
    return text


def test_a_clip_that_waits_is_cut_from_the_lookup_that_was_retained(installation: Installation) -> None:
    with OfflineYoutube() as site:
        settings = Settings.load(site.environment(), dotenv=None)
        ffmpeg = FFmpeg(Path(FFMPEG))
        youtube = YouTubeService(settings)
        videos = VideoService(settings, youtube, EncodingService(ffmpeg), ffmpeg, network=media_network(settings))
        job_id = installation.add_record("clip")
        (installation.retained(job_id) / "video.json").write_text(text_of("video.json"))
        _, path = installation.run(job_id, ClipHandler(videos))
        assert site.extractions(SITUATIONS.LADDER) == 0, "the stored links serve"
    assert [frame.number for frame in frame_numbers(path)] == list(range(88, 213))
    assert decode_errors(path) == ""


def test_a_recording_goes_on_where_a_killed_worker_left_it(installation: Installation, tmp_path: Path) -> None:
    site = cut(FILM, tmp_path, "film")
    with Origin(site) as origin:
        url = origin.url("film.m3u8")
        base = url.removesuffix("/film.m3u8")
        claimed = {"status": "processing", "worker": "old:1", "fence": 1, "attempts": 1, "lease_seconds": 30}
        over = datetime(2026, 1, 18, 10, 1, tzinfo=UTC)
        job_id = installation.add_record("stream", url=url, **{**claimed, "lease_until": over})
        folder = installation.retained(job_id)
        (folder / "tape.json").write_text(text_of("tape.json", origin=base))
        for number in range(3):
            content = site[f"film-{number:03}.seg"]
            assert isinstance(content, Path)
            (folder / f"0-{number:09}.seg").write_bytes(content.read_bytes())
        allowed = base.removeprefix("http://")
        settings = Settings.load({"ALLOW_PRIVATE_NETWORKS": allowed}, dotenv=None)
        service = StreamService(settings, EgressProxy.of(settings), FFmpeg(Path(FFMPEG)))
        job, path = installation.run(job_id, StreamHandler(service))
        fetched = {line.split()[0].strip("/") for line in origin.log if ".seg" in line}
    assert fetched == {f"film-{number:03}.seg" for number in range(3, 8)}
    assert job.report["actual"]["segments"] == 8
    assert [frame.number for frame in frame_numbers(path)] == list(range(200))
    assert not folder.exists()


def test_finished_chunks_of_an_encode_are_used(installation: Installation) -> None:
    made: list[int] = []

    class Encoder(EncodingService):
        def encode_chunk(self, task: ChunkTask, chunk: Chunk, monitor: Monitor) -> Path:
            made.append(chunk.number)
            return super().encode_chunk(task, chunk, monitor)

    encoder = Encoder(FFmpeg(Path(FFMPEG)), chunk_seconds=2.0)
    job_id = installation.add_record("encode")
    files = installation.files
    (files.uploads / f"{job_id}.mkv").write_bytes(make(UPLOAD).read_bytes())
    folder = installation.retained(job_id)
    chunks = stored("chunks.json", uploads=files.uploads, downloads=files.downloads)
    # The key names the task, and with it the folder of the upload, by the rule of that release.
    places = ",".join(f"{chunk['start_seconds']:.6f}+{chunk['frames']}" for chunk in chunks)
    key = hashlib.sha256(f"{chunks[0]['task']} {places}".encode()).hexdigest()[:16]
    for chunk in chunks:
        chunk["_id"], old = f"{job_id}.{key}.{chunk['number']}", chunk["_id"]
        chunk["key"] = key
        if chunk["path"] is not None:
            path = Path(chunk["path"].replace(old, chunk["_id"]))
            assert path == folder / f"{chunk['_id']}.1.mp4"
            place = Chunk(chunk["number"], chunk["start_seconds"], chunk["frames"], path)
            encoder.encode_chunk(TASK.validate_json(chunk["task"]), place, SilentMonitor())
            chunk["path"], chunk["size_bytes"] = str(path), path.stat().st_size
    installation.database["chunks"].insert_many(chunks)
    made.clear()
    workers = ChunkWorkers(
        ChunkData(installation.database),
        encoder,
        files,
        installation.progress,
        RecordingNotifier(),
        worker="new",
        helpers=2,
        lease_seconds=30,
        hard_limit_seconds=120,
        shutdown=ShutdownFlag(),
    )
    _, path = installation.run(job_id, EncodeHandler(encoder, cast(Any, None), workers))
    assert made == [2, 3]
    assert hashes(path) == hashes(make(UPLOAD))
    assert installation.database["chunks"].count_documents({}) == 0 and not folder.exists()


def test_a_half_captured_moment_needs_only_what_is_missing(installation: Installation) -> None:
    with LiveOrigin(VirtualClock(BEGAN)) as origin:
        broadcast = on_air(origin, plain())
        base = origin.url("s").split("/s/")[0]
        job_id = installation.add_record("live_clip", queued_at=datetime.now(UTC))
        folder = installation.retained(job_id)
        (folder / "capture.json").write_text(text_of("capture.json", origin=base))
        track = folder / "both"
        track.mkdir()
        for name in ("segments.jsonl", "timeline.json"):
            (track / name).write_text(text_of(name))
        origin.clock.set(began() + Fraction(200))
        for line in text_of("segments.jsonl").splitlines():
            number = json.loads(line)["number"]
            status, content = origin.answer(f"s/0/both-0-{number}.ts")
            assert status == 200
            (track / f"0-{number}").write_bytes(content)
        broadcast.requests.clear()
        origin.clock.set(began() + Fraction(250))  # the stream still holds a minute: 20 seconds of the moment are gone
        site, ffmpeg = LiveSite(origin, BEGAN), FFmpeg(Path(FFMPEG))
        service = LiveService(
            Settings(),
            cast(Any, site),
            EncodingService(ffmpeg),
            ffmpeg,
            clock=origin.clock,
            network=NetworkSettings(),
        )
        job, path = installation.run(job_id, LiveClipHandler(service, cast(Any, None), cast(Any, site)))
        asked = sorted(int(name.split("-")[2].partition(".")[0]) for name in broadcast.requests if name.endswith(".ts"))
        expected = broadcast.stream.numbers(began() + 170, began() + 230)
    assert asked == list(range(100, 123)) and site.extractions == 0
    assert [frame.number for frame in frame_numbers(path)] == expected
    assert job.report["source"] == "live"
