"""Everything that a client's author was shown, against the whole running service: only host and ids are others."""

from __future__ import annotations

import asyncio
import json
import os
import shutil
import subprocess
import sys
import threading
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import deno
import httpx
import pytest
from websockets.sync.client import connect

from tests.e2e.conftest import User
from tests.live_service import ROOT, LiveService
from tests.media_kit import decode_errors, frame_numbers
from tests.offline_youtube.site import OfflineYoutube
from tests.offline_youtube.situations import VideoId

pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("e2e")]

CLIENTS = ROOT / "clients"
sys.path.insert(0, str(CLIENTS / "python"))

ARCHIVE_PYTHON = """
import asyncio
from ytarchive_sdk import YTArchiveClient

async def main():
    client = YTArchiveClient(base_url="{base}")
    job = await client.jobs.create_download_job(video_id="{video}", quality="240p")
    while job.status != "completed":
        job = await client.jobs.get_job(job.job_id)
        print(f"Progress: {{job.progress}}%")
        await asyncio.sleep(0.3)
    video = await client.storage.get_video(job.video_id)
    print(f"Downloaded: {{video.title}}")

asyncio.run(main())
"""

ARCHIVE_JAVASCRIPT = """
const YTArchive = require('ytarchive-js');
const client = new YTArchive.Client({ baseURL: '{base}' });

async function downloadVideo(videoId) {
  const job = await client.jobs.createDownloadJob({ videoId: videoId, quality: '240p' });
  const progressInterval = setInterval(async () => {
    const status = await client.jobs.getJob(job.jobId);
    console.log(`Progress: ${status.progress}%`);
    if (status.status === 'completed') {
      clearInterval(progressInterval);
      console.log('Download completed!');
    }
  }, 300);
}
downloadVideo('{video}');
"""

AUDIO_JAVASCRIPT = """
const axios = require('axios');
async function downloadAudio(url) {
  try {
    const response = await axios.post('{base}/audio_dl/api/auto-download/', {
      url: url,
      quality: 'best',
      format: 'mp3'
    });
    if (response.data.success) {
      console.log('Download URL:', response.data.download_url);
      return response.data.download_url;
    } else {
      console.error('Error:', response.data.error);
    }
  } catch (error) {
    console.error('Request failed:', error.message);
  }
}
downloadAudio('https://youtube.com/watch?v={video}');
"""

# The one call of that library that the example makes.
AXIOS = """
exports.post = async (url, data) => {
  const headers = { 'Content-Type': 'application/json' };
  const reply = await fetch(url, { method: 'POST', headers, body: JSON.stringify(data) });
  if (!reply.ok) throw new Error(`Request failed with status code ${reply.status}`);
  return { data: await reply.json() };
};
"""

SEVERAL = """
import requests, json
response = requests.post(
    "{base}/audio_dl/api/auto-download/",
    headers={{"Content-Type": "application/json"}},
    data=json.dumps({{"url": "https://youtube.com/watch?v={video}"}}),
)
if response.json()["success"]:
    print(f"Download available at: {{response.json()['download_url']}}")
else:
    print(f"Error: {{response.json()['error']}}")

from auto_download_client import AutoDownloadClient
client = AutoDownloadClient("{base}", username="user")
result = client.download("https://youtube.com/watch?v={video}", quality="128k")
print("linked to", result["linked_to_user"])
"""


def run(command: list[str], folder: Path, **environment: str) -> str:
    paths = {"PYTHONPATH": str(CLIENTS / "python"), "XDG_CONFIG_HOME": str(folder), "DENO_DIR": str(folder / "deno")}
    done = subprocess.run(
        command,
        cwd=folder,
        env={**os.environ, **paths, **environment},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def filled(text: str, service: LiveService, *, braces: bool = True) -> str:
    if braces:
        return text.format(base=service.base, video=VideoId.LADDER)
    return text.replace("{base}", service.base).replace("{video}", VideoId.LADDER)


def test_the_archive_in_python(service: LiveService, offline_youtube: OfflineYoutube, tmp_path: Path) -> None:
    said = run([sys.executable, "-c", filled(ARCHIVE_PYTHON, service)], tmp_path)
    assert "Progress: 100" in said and "Downloaded: " in said


def javascript_engines() -> list[list[str]]:
    node = shutil.which("node")
    return [[deno.find_deno_bin(), "run", "-A", "--no-prompt"], *([[node]] if node else [])]


@pytest.fixture
def modules(tmp_path: Path) -> Iterator[Path]:
    """A folder whose programs find the client, and the library of one example."""
    (tmp_path / "node_modules").mkdir()
    (tmp_path / "node_modules" / "ytarchive-js").symlink_to(CLIENTS / "javascript")
    (tmp_path / "node_modules" / "axios").mkdir()
    (tmp_path / "node_modules" / "axios" / "index.js").write_text(AXIOS)
    (tmp_path / "node_modules" / "axios" / "package.json").write_text('{"name": "axios", "main": "index.js"}')
    yield tmp_path


@pytest.mark.parametrize("engine", javascript_engines(), ids=lambda command: Path(command[0]).name)
def test_the_documents_in_javascript(
    service: LiveService, offline_youtube: OfflineYoutube, modules: Path, engine: list[str]
) -> None:
    (modules / "archive.cjs").write_text(filled(ARCHIVE_JAVASCRIPT, service, braces=False))
    assert "Download completed!" in run([*engine, "archive.cjs"], modules)
    (modules / "audio.cjs").write_text(filled(AUDIO_JAVASCRIPT, service, braces=False))
    said = run([*engine, "audio.cjs"], modules)
    assert said.startswith(f"Download URL: {service.base}/media/downloads/")


def test_the_clients_own_tests_in_javascript(tmp_path: Path) -> None:
    node = shutil.which("node")
    command = [node, "--test"] if node else [deno.find_deno_bin(), "test", "-A", "--no-prompt", "--no-check"]
    shutil.copytree(CLIENTS / "javascript", tmp_path / "client")
    run([*command, "test/client.test.js"], tmp_path / "client")


def test_auto_download_in_python(
    service: LiveService, user: User, offline_youtube: OfflineYoutube, tmp_path: Path
) -> None:
    said = run([sys.executable, "-c", filled(SEVERAL, service)], tmp_path)
    assert "Download available at: " in said and "linked to user" in said
    address = said.split("Download available at: ")[1].split()[0]
    assert httpx.get(address).content[:3] == b"ID3"
    program = str(CLIENTS / "python" / "auto_download_client.py")
    link = f"https://youtu.be/{VideoId.LADDER}"
    said = run([sys.executable, program, link, "--username", "user", "--server", service.base], tmp_path)
    assert ".mp3" in said and [path.suffix for path in tmp_path.glob("*.mp3")] == [".mp3"]
    listed = user.http.get(f"{service.base}/audio_dl/api/history/", headers=user.private).json()
    assert listed["total"] == 2 and listed["downloads"][0]["status"] == "completed"


CURL = [
    ("/health", None, '"status"'),
    ("/jobs", {"video_id": VideoId.LADDER, "quality": "240p"}, '"job_id"'),
    (f"/metadata/{VideoId.LADDER}", None, '"title"'),
    ("/stats", None, '"status"'),
]


@pytest.mark.parametrize(("path", "body", "answer"), CURL, ids=lambda value: str(value)[:12])
def test_the_documents_with_curl(
    service: LiveService, offline_youtube: OfflineYoutube, tmp_path: Path, path: str, body: Any, answer: str
) -> None:
    command = ["curl", "-sS", "--fail-with-body", f"{service.base}{path}"]
    if body is not None:
        command += ["-X", "POST", "-H", "Content-Type: application/json", "-d", json.dumps(body)]
    assert answer in run(command, tmp_path)


def test_a_body_as_powershell_makes_it(service: LiveService, offline_youtube: OfflineYoutube) -> None:
    text = json.dumps(
        {"url": f"https://youtube.com/watch?v={VideoId.LADDER}", "quality": "best", "format": "mp3"}, indent=4
    )
    reply = httpx.post(
        f"{service.base}/audio_dl/api/auto-download/",
        content=text.replace("\n", "\r\n"),
        headers={"Content-Type": "application/json; charset=utf-8", "User-Agent": "Mozilla/5.0 WindowsPowerShell/5.1"},
        timeout=60,
    )
    assert reply.json()["success"] is True, reply.text


def test_the_command_line(service: LiveService, offline_youtube: OfflineYoutube, tmp_path: Path) -> None:
    command = [sys.executable, "-m", "yt_downloader_client.cli"]
    login = ["login", "shell@example.com", "--password", "SecurePass123!", "--register", "--server", service.base]
    assert "signed in" in run([*command, *login], tmp_path)
    assert (tmp_path / "yt-downloader" / "login.json").stat().st_mode & 0o777 == 0o600
    link = offline_youtube.url(VideoId.LADDER)
    run([*command, "clip", link, "0:03", "0:05", "-o", "out.mp4", "--resolution", "240p"], tmp_path)
    assert decode_errors(tmp_path / "out.mp4") == ""
    assert [frame.number for frame in frame_numbers(tmp_path / "out.mp4")] == list(range(75, 125))
    assert "completed" in run([*command, "status"], tmp_path)
    run([*command, "encode", "out.mp4", "-o", "encoded.mp4", "--quality", "medium"], tmp_path)
    assert len(frame_numbers(tmp_path / "encoded.mp4")) == 50
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
    with connect(f"{service.base.replace('http', 'ws')}/ws") as socket:

        def hear() -> None:
            for message in socket:
                heard.append(json.loads(message))
                if heard[-1].get("job_id") == job_id and heard[-1]["type"] == "ended":
                    return

        body = {"video_id": VideoId.FPS_60, "quality": "240p"}
        job_id = httpx.post(f"{service.base}/jobs", json=body, timeout=30).json()["data"]["job_id"]
        thread = threading.Thread(target=hear)
        thread.start()
        thread.join(60)
        assert not thread.is_alive()
    mine = [each for each in heard if each["job_id"] == job_id]
    assert {each["event"] for each in mine} == {"download_progress"} and mine[-1]["progress"] == 100
    assert httpx.get(f"{service.base}/health").status_code == 200
