"""From a link to a clip over HTTP, with every part real."""

from __future__ import annotations

import contextlib
import re
import subprocess
from fractions import Fraction
from pathlib import Path

import httpx
import pytest

from tests.system.e2e.conftest import User
from tests.tools.live_service import ROOT, LiveService
from tests.tools.media_kit import Film, cached_film, decode_errors, frame_numbers
from tests.tools.offline_youtube.site import OfflineYoutube
from tests.tools.offline_youtube.situations import VideoId
from tests.tools.waiting import eventually

pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("e2e")]


def numbers_of(reply: httpx.Response, path: Path) -> list[int]:
    assert reply.status_code == 200, reply.text[:300]
    path.write_bytes(reply.content)
    assert decode_errors(path) == ""
    return [frame.number for frame in frame_numbers(path)]


@pytest.mark.parametrize(("container", "resolution"), [("mp4", "720p"), ("webm", "360p")])
def test_a_clip_is_exact_over_http(
    user: User, offline_youtube: OfflineYoutube, tmp_path: Path, container: str, resolution: str
) -> None:
    video_id = user.save(offline_youtube.url(VideoId.LADDER), 3.5, 8.5)
    reply = user.fetch(video_id, format_preference=container, resolution_preference=resolution)
    assert numbers_of(reply, tmp_path / f"clip.{container}") == list(range(88, 213))
    assert reply.headers["Content-Type"] == f"video/{container}"
    status = user.status(video_id)
    assert status["status"] == "completed" and status["file_available"]
    assert status["actual"]["resolution"] == resolution
    assert status["requested"]["start"] == 3.5 and status["requested"]["end"] == 8.5


def test_the_formats_of_a_save_are_looked_up_by_a_worker(user: User, offline_youtube: OfflineYoutube) -> None:
    video_id = user.save(offline_youtube.url(VideoId.SLOW_EXTRACTION), 1, 2)
    assert user.status(video_id)["available_formats"] == [], "the caller does not wait for the site"
    quick = user.save(offline_youtube.url(VideoId.LADDER), 1, 2)
    eventually(lambda: user.status(quick)["available_formats"])
    assert user.status(quick)["available_formats"][0] == "2160p"
    assert user.status(video_id)["status"] == "pending"


@pytest.mark.parametrize(
    ("video", "code"),
    [
        (VideoId.PRIVATE, "VIDEO_PRIVATE"),
        (VideoId.BOT_CHECK, "BOT_CHECK"),
        (VideoId.DRM, "DRM_PROTECTED"),
        (VideoId.MEDIA_GONE, "MEDIA_GONE"),
    ],
)
def test_a_refusal_has_its_code(user: User, offline_youtube: OfflineYoutube, video: VideoId, code: str) -> None:
    video_id = user.save(offline_youtube.url(video), 1, 3)
    reply = user.fetch(video_id)
    assert reply.status_code == 500 and reply.json()["code"] == code
    assert user.status(video_id)["error"]["code"] == code


def test_the_curl_story_of_the_readme_works_letter_by_letter(
    service: LiveService, offline_youtube: OfflineYoutube, tmp_path: Path
) -> None:
    story = "\n".join(re.findall(r"```bash\n(API=.*?)```", (ROOT / "README.md").read_text(), re.DOTALL))
    story = story.replace("http://127.0.0.1:5000", service.base).replace("dQw4w9WgXcQ", VideoId.LADDER)
    assert story.count("curl") == 7
    story = story.replace('\\"start_time\\": 43, \\"end_time\\": 51.5', '\\"start_time\\": 3, \\"end_time\\": 5.5')
    done = subprocess.run(["bash", "-eu", "-c", story], cwd=tmp_path, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    assert "User registered successfully" in done.stdout and '"status":' in done.stdout
    assert [frame.number for frame in frame_numbers(tmp_path / "clip.mp4")] == list(range(75, 138))


@pytest.mark.parametrize("codec", ["h264", "h265", "av1"])
def test_an_upload_becomes_each_codec(user: User, offline_youtube: OfflineYoutube, tmp_path: Path, codec: str) -> None:
    video_id = user.save(offline_youtube.url(VideoId.LADDER), 1, 2)
    clip = tmp_path / "clip.mp4"
    numbers = numbers_of(user.fetch(video_id, resolution_preference="144p"), clip)
    with clip.open("rb") as file:
        uploaded = user.http.post("/encode/upload", files={"video": ("Mein Film.mp4", file)}, headers=user.private)
    assert uploaded.status_code == 201, uploaded.text
    assert uploaded.json()["metadata"]["resolution"] == "256x144"
    encode_id = uploaded.json()["encode_id"]
    started = user.ask(f"/encode/start/{encode_id}", {"video_codec": codec, "quality_preset": "high"})
    assert started.status_code == 200, started.text
    assert started.json()["message"] == "Video encoded successfully"
    reply = user.http.post(f"/encode/download/{encode_id}", headers=user.private)
    assert numbers_of(reply, tmp_path / "encoded.mp4") == numbers
    assert f"Mein Film_{codec}_high.mp4" in reply.headers["Content-Disposition"]


def test_a_large_upload_arrives_whole(service: LiveService, user: User, tmp_path: Path) -> None:
    film = cached_film(Film(size=(640, 360), seconds=Fraction(4), video_bitrate="4M", noise=30, audio=None), ".mp4")
    padded = tmp_path / "large.mp4"
    padded.write_bytes(film.read_bytes() + b"\0\0\0\x08free" * 1_500_000)
    with padded.open("rb") as file:
        reply = user.http.post("/encode/upload", files={"video": ("large.mp4", file)}, headers=user.private)
    assert reply.status_code == 201, reply.text
    assert reply.json()["file_size_mb"] == round(padded.stat().st_size / 1e6, 2)
    kept = service.folder / "uploads" / f"{reply.json()['encode_id']}.mp4"
    assert kept.read_bytes() == padded.read_bytes()


def test_nothing_is_left_in_the_work_folders(service: LiveService, user: User) -> None:
    # What a finished clip keeps for another cut (".kept") goes with its file, and what clips share (".shared") after
    # half an hour; other tests of this service make such.
    def left() -> list[Path]:
        work, incoming = service.folder / "downloads" / ".work", service.folder / "uploads" / ".incoming"
        return [*(entry for entry in work.iterdir() if entry.suffix not in (".kept", ".shared")), *incoming.iterdir()]

    with contextlib.suppress(AssertionError):
        eventually(lambda: not left())  # jobs may be at their end, and of a dead worker's the next cleanup takes care
    assert left() == []


def test_the_log_holds_no_token(service: LiveService, user: User) -> None:
    log = (service.folder / "app.log").read_text()
    assert "POST /api/video/save 201" in log
    for secret in (user.private["Authorization"], user.public["Authorization"]):
        assert secret.removeprefix("Bearer ") not in log
    assert "sig=" not in log.replace("sig=[redacted]", "")
