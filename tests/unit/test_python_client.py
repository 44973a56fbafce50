"""The Python client and the command line where the service or its user lets them down."""

from __future__ import annotations

import json
import stat
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.system.e2e.programs import CLIENTS

sys.path.insert(0, str(CLIENTS / "python"))

from yt_downloader_client import cli, words
from yt_downloader_client.blocking import audio, client
from yt_downloader_client.errors import ServiceError

SERVER = "http://service.test"
Answer = Callable[[httpx.Request], httpx.Response]


@pytest.fixture
def answers(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> dict[str, Any]:
    """What the service answers, by path: replies in turn (the last one stays), or errors."""
    told: dict[str, Any] = {}

    def answer(request: httpx.Request) -> httpx.Response:
        found = told[request.url.path]
        now = found.pop(0) if isinstance(found, list) and len(found) > 1 else found
        now = now[0] if isinstance(now, list) else now
        if isinstance(now, BaseException):
            raise now
        if isinstance(now, httpx.Response):
            return now
        return httpx.Response(200, json=now)

    real = httpx.Client

    def client_of_service(**options: Any) -> httpx.Client:
        return real(**options, transport=httpx.MockTransport(answer))

    monkeypatch.setattr(httpx, "Client", client_of_service)
    monkeypatch.setattr(client, "POLL_SECONDS", 0.001)
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    monkeypatch.delenv("YT_DOWNLOADER_URL", raising=False)
    return told


def broken_off() -> httpx.Response:
    def pieces() -> Any:
        yield b"half a film"
        raise httpx.ReadError("gone")

    return httpx.Response(200, content=pieces())


def test_a_file_is_written_whole_or_not_at_all(answers: dict[str, Any], tmp_path: Path) -> None:
    output = tmp_path / "clip.mp4"
    output.write_bytes(b"of yesterday")
    answers["/file"] = [broken_off(), httpx.Response(202, json={"status": "processing"})]
    with client.Client(SERVER) as service:
        with pytest.raises(httpx.ReadError):
            service.fetch("/file", output)
        with pytest.raises(ServiceError, match="not ready"):
            service.fetch("/file", output)
    result: Any = {"download_url": f"{SERVER}/sound/song.mp3", "format": "mp3"}
    answers["/sound/song.mp3"] = [broken_off(), httpx.Response(200, content=b"song")]
    sounds = audio.AutoDownloadClient(SERVER)
    with pytest.raises(httpx.ReadError):
        sounds.save(result, tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["clip.mp4"] and output.read_bytes() == b"of yesterday"
    assert sounds.save(result, tmp_path).read_bytes() == b"song"


def test_a_service_that_is_started_anew_is_waited_for(answers: dict[str, Any]) -> None:
    answers["/api/video/status/7"] = [
        httpx.ConnectError("refused"),
        httpx.Response(503, json={"error": "starting", "code": "STORE_UNAVAILABLE"}),
        {"video_id": "7", "status": "processing"},
        {"video_id": "7", "status": "completed"},
    ]
    with client.Client(SERVER) as service:
        assert service.wait("7").status == "completed"
        answers["/api/video/status/8"] = httpx.Response(404, json={"error": "no such video", "code": "VIDEO_NOT_FOUND"})
        with pytest.raises(ServiceError, match="no such video"):
            service.wait("8")
        answers["/api/video/status/9"] = httpx.ConnectError("refused")
        with pytest.raises(httpx.ConnectError):
            service.wait("9")


def signed_in(tmp_path: Path) -> Path:
    remembered = tmp_path / "config" / "yt-downloader" / "login.json"
    remembered.parent.mkdir(parents=True)
    remembered.write_text(json.dumps({"server": SERVER, "token": "secret"}))
    return remembered


def test_exit_codes(answers: dict[str, Any], tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    remembered = signed_in(tmp_path)
    answers["/api/video/list"] = [
        {"videos": []},
        KeyboardInterrupt(),
        httpx.Response(200, text="<html>another server</html>"),
        httpx.ConnectError("refused"),
    ]
    assert [cli.main(["status"]) for _ in range(4)] == [0, 130, 1, 1]
    assert cli.main(["status", "--server", "http://[not-an-address"]) == 1
    clip = ["clip", "https://youtu.be/dQw4w9WgXcQ", "1:00", "2:00", "-o"]
    assert cli.main([*clip, str(tmp_path / "no such folder" / "clip.mp4")]) == 1
    assert cli.main([*clip, str(tmp_path)]) == 1
    assert cli.main(["encode", str(tmp_path / "none.mp4"), "-o", str(tmp_path / "out.mp4")]) == 1
    remembered.write_text('{"server": "http')
    assert cli.main(["status", "--server", SERVER]) == 1
    told = capsys.readouterr().err
    assert "no such folder" in told and "none.mp4" in told and "sign in first" in told and "Traceback" not in told


def test_a_login_is_nobody_elses_to_read(answers: dict[str, Any], tmp_path: Path) -> None:
    remembered = signed_in(tmp_path)
    remembered.chmod(0o644)
    answers["/api/auth/login"] = {"token": "fresh"}
    assert cli.main(["login", "anna@example.com", "--password", "x", "--server", SERVER]) == 0
    assert stat.S_IMODE(remembered.stat().st_mode) == 0o600 and "fresh" in remembered.read_text()


def test_gaps_and_notes_of_the_file_are_shown(capsys: pytest.CaptureFixture[str]) -> None:
    told = {
        "video_id": "1",
        "status": "completed",
        "complete": False,
        "gaps": [{"start": 4, "end": 6.5}],
        "notes": [{"code": "segments_missing", "text": "A part is missing"}],
    }
    status = words.status_of(told)
    assert (status.complete, len(status.gaps), status.notes[0]["code"]) == (False, 1, "segments_missing")
    cli._bar(status)
    assert capsys.readouterr().err.splitlines()[-2:] == ["missing: 4 to 6.5 s", "note: A part is missing"]
