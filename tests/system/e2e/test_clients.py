"""What else the clients and the command line can do, against the whole running service."""

from __future__ import annotations

import asyncio
import json
import os
import shutil
import subprocess
import sys
import threading
import zipfile
from pathlib import Path
from typing import Any

import deno
import httpx
import pytest
from websockets.sync.client import connect
from websockets.typing import Subprotocol

from tests.system.e2e.conftest import User
from tests.system.e2e.programs import CLIENTS, PATIENCE_SECONDS, run
from tests.tools.live_service import ROOT, LiveService
from tests.tools.media_kit import decode_errors, frame_numbers
from tests.tools.offline_youtube.site import OfflineYoutube
from tests.tools.offline_youtube.situations import VideoId

pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("e2e")]

sys.path.insert(0, str(CLIENTS / "python"))


def test_the_clients_own_tests_in_javascript(tmp_path: Path) -> None:
    node = shutil.which("node")
    command = [node, "--test"] if node else [deno.find_deno_bin(), "test", "-A", "--no-prompt", "--no-check"]
    shutil.copytree(CLIENTS / "javascript", tmp_path / "client")
    run([*command, "test/client.test.js"], tmp_path / "client")


def test_downloads_of_nobody_are_given_to_an_account(
    service: LiveService, user: User, offline_youtube: OfflineYoutube
) -> None:
    body = {"url": offline_youtube.url(VideoId.LADDER), "quality": "worst"}
    made = httpx.post(f"{service.base}/audio_dl/api/auto-download/", json=body, timeout=PATIENCE_SECONDS).json()
    assert made["success"] is True, made

    def chore(*arguments: str) -> subprocess.CompletedProcess[str]:
        environment = {**os.environ, "DATA_DIR": str(service.folder / "data")}
        command = [sys.executable, "-m", "src.cli", "link-sessions", *arguments]
        return subprocess.run(
            command, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=PATIENCE_SECONDS
        )

    nobody = chore("--username", "nobody")
    assert nobody.returncode == 1 and "no account nobody" in nobody.stderr and "Traceback" not in nobody.stderr
    done = chore("--username", "user", "--hours", "24")
    assert done.returncode == 0 and "downloads now belong to user@example.com" in done.stdout, done.stderr
    listed = user.http.get(f"{service.base}/audio_dl/api/history/", headers=user.private).json()
    assert made["job_id"] in [each["job_id"] for each in listed["downloads"]]
    assert chore("--username", "user@example.com").stdout.startswith("0 downloads")


def test_the_command_line(service: LiveService, offline_youtube: OfflineYoutube, tmp_path: Path) -> None:
    command = [sys.executable, "-m", "yt_downloader_client.cli"]
    login = ["login", "shell@example.com", "--password", "SecurePass123!", "--register", "--server", service.base]
    assert "signed in" in run([*command, *login], tmp_path)
    assert (tmp_path / "yt-downloader" / "login.json").stat().st_mode & 0o777 == 0o600
    link = offline_youtube.url(VideoId.LADDER)
    told = run([*command, "info", link], tmp_path).splitlines()
    assert told[0] == "Offline film: ladder (Offline Films, 20 s)" and told[1].startswith("2160p 1440p 1080p")
    assert told[2:] == ["0 s: Beginning", "10 s: Middle", "15 s: End"]
    run([*command, "clip", link, "0:03", "0:05", "-o", "out.mp4", "--resolution", "240p"], tmp_path)
    assert decode_errors(tmp_path / "out.mp4") == ""
    assert [frame.number for frame in frame_numbers(tmp_path / "out.mp4")] == list(range(75, 125))
    assert "completed" in run([*command, "status"], tmp_path)
    run([*command, "encode", "out.mp4", "-o", "encoded.mp4", "--quality", "medium"], tmp_path)
    assert len(frame_numbers(tmp_path / "encoded.mp4")) == 50
    run([*command, "audio", link, "--quality", "worst"], tmp_path)
    assert len(list(tmp_path.glob("*.mp3"))) == 1, "from the service of the login"
    stranger = subprocess.run(
        [*command, "status", "--server", "http://127.0.0.1:9"],
        env={**os.environ, "PYTHONPATH": str(CLIENTS / "python"), "XDG_CONFIG_HOME": str(tmp_path)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert stranger.returncode == 1 and "sign in first" in stranger.stderr


def test_the_async_client(service: LiveService, user: User, offline_youtube: OfflineYoutube, tmp_path: Path) -> None:
    from yt_downloader_client import AsyncClient, JobFailed, ServiceError

    readings: list[Any] = []

    async def story() -> None:
        async with AsyncClient(service.base) as client:
            await client.login("user@example.com", "SecurePass123!")
            target = tmp_path / "clip.webm"
            link = offline_youtube.url(VideoId.LADDER)
            await client.clip(link, 1, 3, target, container="webm", resolution="240p", watch=readings.append)
            assert len(await client.delete_many([(await client.videos(kind="clip"))[0]["video_id"]])) == 1
            with pytest.raises(JobFailed) as failed:
                await client.clip(offline_youtube.url(VideoId.PRIVATE), 1, 3, target)
            assert failed.value.code == "VIDEO_PRIVATE"
            with pytest.raises(ServiceError):
                await client.status("65a0000000000000000000ff")

    asyncio.run(story())
    assert readings[-1].progress == 100
    assert [frame.number for frame in frame_numbers(tmp_path / "clip.webm")] == list(range(25, 75))


@pytest.mark.parametrize("join", [False, True])
def test_a_batch_is_fetched_once(
    service: LiveService, user: User, offline_youtube: OfflineYoutube, tmp_path: Path, join: bool
) -> None:
    ranges = [{"start_time": "0:01", "end_time": 3}, {"start_time": 10.5, "end_time": "12"}]
    body = {"url": offline_youtube.url(VideoId.LADDER), "ranges": ranges, "join": join, "resolution_preference": "240p"}
    offline_youtube.reset()
    made = user.http.post("/video/batch", json=body, headers=user.private)
    assert made.status_code == 202, made.text
    path = f"/video/batch/{made.json()['video_id']}"
    with user.http.stream("GET", f"/jobs/{made.json()['video_id']}/events", headers=user.private) as events:
        told = [line for line in events.iter_lines() if line.startswith("event:")]
    assert told[-1] == "event: ended"
    status = user.http.get(path, headers=user.private).json()
    assert status["status"] == "completed", status
    file = user.http.get(f"{path}/file", headers=user.private)
    wanted = [list(range(25, 75)), list(range(263, 300))]
    if join:
        (tmp_path / "joined.mp4").write_bytes(file.content)
        assert [frame.number for frame in frame_numbers(tmp_path / "joined.mp4")] == wanted[0] + wanted[1]
        assert decode_errors(tmp_path / "joined.mp4") == ""
        return
    (tmp_path / "clips.zip").write_bytes(file.content)
    with zipfile.ZipFile(tmp_path / "clips.zip") as archive:
        archive.extractall(tmp_path)
    found = [[frame.number for frame in frame_numbers(path)] for path in sorted(tmp_path.glob("clip-*.mp4"))]
    assert found == wanted


def test_progress_on_a_websocket(service: LiveService, offline_youtube: OfflineYoutube) -> None:
    heard: list[dict[str, Any]] = []
    address = f"{service.base.replace('http', 'ws')}/ws"
    guest = httpx.post(f"{service.base}/api/sessions/", timeout=30).json()["session_uuid"]
    with connect(address, subprotocols=[Subprotocol("session"), Subprotocol(guest)]) as page:
        assert page.subprotocol == "session", "a browser closes a socket that speaks nothing of what it offered"
    with connect(address) as socket:

        def hear() -> None:
            for message in socket:
                heard.append(json.loads(message))
                if heard[-1].get("job_id") == job_id and heard[-1]["type"] == "ended":
                    return

        body = {"video_id": VideoId.FPS_60, "quality": "240p"}
        job_id = httpx.post(f"{service.base}/jobs", json=body, timeout=30).json()["data"]["job_id"]
        thread = threading.Thread(target=hear)
        thread.start()
        thread.join(PATIENCE_SECONDS)
        assert not thread.is_alive()
    mine = [each for each in heard if each["job_id"] == job_id]
    assert {each["event"] for each in mine} == {"download_progress"} and mine[-1]["progress"] == 100
    assert httpx.get(f"{service.base}/health", timeout=30).status_code == 200
