"""The documents' own examples against the whole running service: only host and ids are others."""

from __future__ import annotations

import json
import re
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path

import deno
import httpx
import pytest

from tests.system.e2e.conftest import User
from tests.system.e2e.programs import CLIENTS, PATIENCE_SECONDS, run
from tests.system.e2e.written import (
    ARCHIVE_BLOCKING,
    ARCHIVE_JAVASCRIPT,
    ARCHIVE_PYTHON,
    ARCHIVE_SOCKET,
    AUDIO_JAVASCRIPT,
    AXIOS,
    BACKEND_JAVASCRIPT,
    CURL,
    PAGE,
    SEVERAL,
    SHELL,
    USE,
)
from tests.tools.live_service import LiveService
from tests.tools.offline_youtube.faults import Fault
from tests.tools.offline_youtube.site import OfflineYoutube
from tests.tools.offline_youtube.situations import VideoId

pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("e2e")]


def filled(text: str, service: LiveService, *, braces: bool = True) -> str:
    if braces:
        return text.format(base=service.base, video=VideoId.LADDER)
    socket = service.base.replace("http", "ws", 1)
    return text.replace("{base}", service.base).replace("{socket}", socket).replace("{video}", VideoId.LADDER)


def test_the_archive_in_python(service: LiveService, offline_youtube: OfflineYoutube, tmp_path: Path) -> None:
    said = run([sys.executable, "-c", filled(ARCHIVE_PYTHON, service)], tmp_path)
    assert "Progress: 100" in said and "Downloaded: " in said


def test_the_archive_without_await(service: LiveService, offline_youtube: OfflineYoutube, tmp_path: Path) -> None:
    said = run([sys.executable, "-c", filled(ARCHIVE_BLOCKING, service)], tmp_path)
    assert said.startswith("Downloaded: ") and "healthy" in said


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


def test_events_on_a_websocket_in_javascript(
    service: LiveService, offline_youtube: OfflineYoutube, tmp_path: Path
) -> None:
    (tmp_path / "socket.cjs").write_text(filled(ARCHIVE_SOCKET, service, braces=False))
    deno_alone = javascript_engines()[0]  # Node has WebSocket from 22 on
    assert "Progress: 100%" in run([*deno_alone, "socket.cjs"], tmp_path)


@pytest.mark.parametrize("engine", javascript_engines(), ids=lambda command: Path(command[0]).name)
def test_the_backends_page(
    service: LiveService, user: User, offline_youtube: OfflineYoutube, tmp_path: Path, engine: list[str]
) -> None:
    (tmp_path / "page.cjs").write_text(PAGE + BACKEND_JAVASCRIPT + USE)
    offline_youtube.fault(VideoId.LADDER, Fault(bytes_per_second=40_000))
    start = 4.04 if "deno" in engine[0] else 12.04  # of what one has fetched, the other could use what it needs, too
    video_id = user.save(offline_youtube.url(VideoId.LADDER), start, start + 3.96)
    token = user.private["Authorization"].removeprefix("Bearer ")
    said = run([*engine, "page.cjs", service.base, token, video_id], tmp_path)
    assert "Phase: downloading" in said and re.search(r"Progress: \d", said)
    size = user.status(video_id)["file_size_bytes"]
    assert said.rstrip().endswith(f"<a> blob:1 video_{video_id}.mp4 {size} bytes")


def test_auto_download_in_python(
    service: LiveService, user: User, offline_youtube: OfflineYoutube, tmp_path: Path
) -> None:
    said = run([sys.executable, "-c", filled(SEVERAL, service)], tmp_path)
    assert "Download available at: " in said and "linked to user" in said
    address = said.split("Download available at: ")[1].split()[0]
    assert httpx.get(address, timeout=PATIENCE_SECONDS).content[:3] == b"ID3"
    program = str(CLIENTS / "python" / "auto_download_client.py")
    link = f"https://youtu.be/{VideoId.LADDER}"
    said = run([sys.executable, program, link, "--username", "user", "--server", service.base], tmp_path)
    assert ".mp3" in said and [path.suffix for path in tmp_path.glob("*.mp3")] == [".mp3"]
    listed = user.http.get(f"{service.base}/audio_dl/api/history/", headers=user.private).json()
    assert listed["total"] >= 2 and listed["downloads"][0]["status"] == "completed"


LAST_WORDS = {
    "sessions and jobs": f"watch?v={VideoId.LADDER}",
    "archive services": VideoId.LADDER,
    "auto download": "user",
}


@pytest.mark.parametrize("document", CURL)
def test_the_documents_with_curl(
    service: LiveService, user: User, offline_youtube: OfflineYoutube, tmp_path: Path, document: str
) -> None:
    script = SHELL.format(python=sys.executable) + filled(CURL[document], service)
    assert run(["bash", "-eu", "-c", script], tmp_path).rstrip().endswith(LAST_WORDS[document])


def test_bodies_as_powershell_makes_them(service: LiveService, user: User, offline_youtube: OfflineYoutube) -> None:
    sent = {"url": f"https://youtube.com/watch?v={VideoId.LADDER}", "quality": "best", "format": "mp3"}
    for body in (sent, {**sent, "username": "user"}):
        reply = httpx.post(
            f"{service.base}/audio_dl/api/auto-download/",
            content=json.dumps(body, indent=4).replace("\n", "\r\n"),
            headers={
                "Content-Type": "application/json; charset=utf-8",
                "User-Agent": "Mozilla/5.0 (Windows NT; Windows NT 10.0; en-US) WindowsPowerShell/5.1.22621.4391",
            },
            timeout=PATIENCE_SECONDS,
        )
        assert reply.json()["success"] is True, reply.text
        assert reply.json().get("linked_to_user") == body.get("username")
