"""What an operator takes from here works: units, nginx, gunicorn, make, generated pages, pins."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import quote

import httpx
import pytest

from scripts.generate import settings_docs
from src.config import SECRET_NAMES
from src.launcher.python_version import require_python
from tests.system.launcher.nginx import nginx
from tests.tools.live_service import ROOT
from tests.tools.mounting import mounting

UNITS = ("yt-downloader.service", "yt-downloader-worker.service", "yt-downloader-scheduler.service")
# Of files: what has a meaning of its own somewhere between here and the disk.
NAMES = ("my clip.mp4", "100% ?a=1&b #2.mp4", "für Élise $1 %2F.mp4", "a+b;c'd\"e.mp4")
TOKEN = "eyJhbGciOi.a-public.token"
SESSION = "550e8400-e29b-41d4-a716-446655440000"


def run(*argv: str | Path, env: dict[str, str] | None = None) -> str:
    done = subprocess.run(argv, capture_output=True, text=True, cwd=ROOT, check=False, timeout=60, env=env)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout + done.stderr


def test_the_generated_pages_are_fresh() -> None:
    for path, text in settings_docs.documents().items():
        assert (ROOT / path).read_text(encoding="utf-8") == text, f"{path}: run 'make docs'"


def test_make_lists_its_targets() -> None:
    listed = set(re.findall(r"^  make ([a-z-]+) ", run("make", "--no-print-directory"), re.MULTILINE))
    promised = {"help", "setup", "run", "demo", "check", "test", "docs", "update-ytdlp", "clean"}
    assert promised <= listed


def test_the_checked_servers_are_the_required_ones() -> None:
    required = set((ROOT / "requirements.txt").read_text().splitlines())
    checked = re.sub(r" \\\n[^\n]*--hash=\S+", "", (ROOT / "requirements-stores.txt").read_text()).splitlines()
    pins = [line for line in checked if line and not line.startswith("#")]
    assert len(pins) == 2
    assert set(pins) <= required


def test_no_requirement_is_left_open() -> None:
    for name in ("requirements.txt", "requirements-dev.txt"):
        for line in (ROOT / name).read_text().splitlines():
            assert re.fullmatch(r"|#.*|-r .*|[\w.\[\]-]+==[\w.]+( ; .*)?", line), f"{name}: {line}"


@pytest.mark.slow
def test_the_documented_gunicorn_command_loads_the_application(tmp_path: Path, mongo_uri: str, redis_uri: str) -> None:
    secrets = {name: f"{name}-0123456789-0123456789-0123456789" for name in map(str.upper, SECRET_NAMES)}
    folders = {"DATA_DIR": str(tmp_path), "DOWNLOADS_DIR": str(tmp_path / "d"), "UPLOADS_DIR": str(tmp_path / "u")}
    stores = {"MONGODB_URI": mongo_uri, "REDIS_URI": redis_uri, "LOG_FILE": ""}
    options = ("-c", "gunicorn_config.py", "--check-config", "start_server:create_application()")
    run(sys.executable, "-m", "gunicorn", *options, env={**os.environ, **secrets, **folders, **stores})


# Each way to start: the launcher, and what units and other supervisors start.
STARTS = {
    "launcher": ("start_server.py",),
    "development": ("run.py",),
    "gunicorn": ("-m", "gunicorn", "-c", "gunicorn_config.py", "start_server:create_application()"),
    "celery": ("-m", "celery", "-A", "celery_worker", "worker", "-Q", "metadata"),
    "scheduler": ("-m", "src.scheduler"),
}
UNUSABLE = {
    "PORT": "many",
    "SURFACES": "backed",
    "ADMIN_EMAILS": "nobody",
    "ARCHIVE_ALLOWED_NETWORKS": "here",
    "YTDLP_COOKIES_FILE": "/missing",
    "ALLOW_PRIVATE_NETWORKS": "true",
    "CORS_ORIGINS": "foo",
}


@pytest.mark.slow
@pytest.mark.parametrize("name", STARTS)
def test_however_it_is_started_all_unusable_settings_are_reported_at_once(name: str, tmp_path: Path) -> None:
    secrets = {name: f"{name}-0123456789-0123456789-0123456789" for name in map(str.upper, SECRET_NAMES)}
    stores = {"MONGODB_URI": "mongodb://127.0.0.1:9/x", "REDIS_URI": "redis://127.0.0.1:9", "LOG_FILE": ""}
    folders = {name: str(tmp_path / name) for name in ("DATA_DIR", "DOWNLOADS_DIR", "UPLOADS_DIR")}
    ended = subprocess.run(
        [sys.executable, *STARTS[name]],
        cwd=ROOT,
        env={**os.environ, **secrets, **stores, **folders, **UNUSABLE},
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    said = ended.stdout + ended.stderr
    title, *lines = said.splitlines()
    assert title == "These settings cannot be used:"
    assert [line.split(":")[0].strip() for line in lines] == list(UNUSABLE), said
    assert ended.returncode == 2, "with which units do not start it again"
    assert list(tmp_path.iterdir()) == []


def test_an_old_python_is_told_in_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        require_python((3, 9))
    said = capsys.readouterr().err
    assert ended.value.code == 2
    assert said.count("\n") == 1 and "Python 3.9, and 3.11 is needed" in said


@pytest.mark.parametrize(
    ("python", "told"),
    [
        ("exit 1", "Python 3.11 or newer was not found: sudo apt-get install"),
        ('[ "$1" = -c ] && exit 0; echo "ensurepip is not available"; exit 1', "sudo apt-get install python3-venv"),
    ],
)
def test_setup_says_in_one_line_what_a_system_lacks(tmp_path: Path, python: str, told: str) -> None:
    """With the only Python on the PATH: too old, and without the module that makes environments."""
    for folder in ("bin", "scripts"):
        (tmp_path / folder).mkdir()
    shutil.copy(ROOT / "scripts/setup.sh", tmp_path / "scripts")
    for name in ("python3", "python3.14", "python3.13", "python3.12", "python3.11"):
        (tmp_path / "bin" / name).write_text(f"#!/bin/sh\n{python}\n")
        (tmp_path / "bin" / name).chmod(0o755)
    path = f"{tmp_path / 'bin'}:{os.environ['PATH']}"
    ended = subprocess.run(
        ["bash", tmp_path / "scripts/setup.sh", "requirements.txt"],
        env={"PATH": path},
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert ended.returncode != 0
    assert told in ended.stderr and ended.stderr.count("\n") == 1, ended.stderr


def test_units_do_not_start_again_what_cannot_use_its_settings() -> None:
    for name in UNITS:
        assert "\nRestartPreventExitStatus=2\n" in (ROOT / name).read_text()


@pytest.mark.slow
def test_systemd_accepts_the_units(tmp_path: Path) -> None:
    for name in UNITS:
        text = (ROOT / name).read_text()
        assert "/opt/yt-downloader/.venv/bin/python" in text
        program = text.replace("/opt/yt-downloader/.venv/bin/python", sys.executable)
        (tmp_path / name).write_text(program.replace("/opt/yt-downloader", str(ROOT)))
    command: list[str | Path] = ["systemd-analyze", "verify", *(tmp_path / name for name in UNITS)]
    if not Path("/run/systemd").is_dir():  # systemd does not run, and only root may create what the command needs
        command = [*mounting(), "sh", "-c", 'mount -t tmpfs none /run && exec "$@"', "sh", *command]
    assert run(*command) == ""


POLICY = "default-src 'none'; sandbox"


class _Upstream(BaseHTTPRequestHandler):
    """Stands where the API stands: remembers what arrives, and has nginx send a file."""

    seen: list[dict[str, str]] = []
    away = threading.Event()

    def do_GET(self) -> None:
        if self.away.is_set():  # the connection ends without a word, as that of a killed API does
            self.close_connection = True
            return
        self.seen.append(dict(self.headers.items()))
        self.send_response(200)
        if self.path.startswith("/api/video/download/"):
            number = int(self.path.rsplit("/", 1)[1])
            self.send_header("X-Accel-Redirect", "/_files/" + quote(NAMES[number]))
            self.send_header("Content-Type", "video/mp4")
            self.send_header("Content-Security-Policy", POLICY)
        self.send_header("Content-Length", "0")
        self.end_headers()

    do_POST = do_HEAD = do_GET  # noqa: N815 (names of the standard library)

    def log_message(self, format: str, *args: object) -> None:
        return


@pytest.fixture
def proxy(tmp_path: Path) -> Iterator[str]:
    """nginx in front of the upstream, with a file to send."""
    upstream = ThreadingHTTPServer(("127.0.0.1", 0), _Upstream)
    threading.Thread(target=upstream.serve_forever, daemon=True).start()
    _Upstream.seen.clear()
    try:
        with nginx(tmp_path, upstream.server_port) as port:
            for name in NAMES:
                (tmp_path / "files" / name).write_bytes(b"0123456789")
            yield f"http://127.0.0.1:{port}"
    finally:
        upstream.shutdown()
        upstream.server_close()


@pytest.mark.slow
def test_nginx_tells_the_truth_about_the_client_sends_files_and_logs_no_token(proxy: str, tmp_path: Path) -> None:
    lies = {"X-Forwarded-For": "203.0.113.9", "X-Forwarded-Proto": "https", "Forwarded": "for=203.0.113.9"}
    httpx.get(f"{proxy}/api/video/save/stream/{TOKEN}/dQw4w9WgXcQ?user_id=1&token={TOKEN}", headers=lies, timeout=60)
    (seen,) = _Upstream.seen
    assert seen["X-Forwarded-For"] == "127.0.0.1"
    assert seen["X-Forwarded-Proto"] == "http"
    assert "Forwarded" not in seen

    part = httpx.get(f"{proxy}/api/video/download/0", headers={"Range": "bytes=2-4"}, timeout=60)
    assert (part.status_code, part.content, part.headers["Content-Type"]) == (206, b"234", "video/mp4")
    assert part.headers["X-Content-Type-Options"] == "nosniff" and part.headers["Content-Security-Policy"] == POLICY
    assert httpx.get(f"{proxy}/_files/my%20clip.mp4", timeout=60).status_code == 404, "only the API may hand out files"

    for path in (f"/c/{TOKEN}", f"/c/{TOKEN}/livestream", f"/s/{TOKEN}/poster.jpg", f"/api/sessions/{SESSION}"):
        httpx.get(proxy + path, timeout=60)
    log = (tmp_path / "yt-downloader.access.log").read_text()
    assert "/api/video/save/stream/[token]/dQw4w9WgXcQ" in log
    assert 'GET /c/[token]" ' in log and "/c/[token]/livestream" in log and "/s/[token]/poster.jpg" in log
    assert '/api/sessions/[session]" ' in log
    assert TOKEN not in log and SESSION not in log


@pytest.mark.slow
@pytest.mark.parametrize("number", range(len(NAMES)))
def test_only_a_get_gets_a_part_of_a_file(proxy: str, number: int) -> None:
    """RFC 9110, 14.2: for another method a range has no meaning."""
    address, ranged = f"{proxy}/api/video/download/{number}", {"Range": "bytes=2-4"}
    part = httpx.get(address, headers=ranged, timeout=60)
    assert (part.status_code, part.content) == (206, b"234")
    for range_ in (ranged, {"Range": "bytes=0-1,4-5"}, {"Range": "bytes=99-"}, {}):
        whole = httpx.post(address, headers=range_, timeout=60)
        assert (whole.status_code, whole.content) == (200, b"0123456789")
        assert "Content-Range" not in whole.headers
    head = httpx.head(address, headers=ranged, timeout=60)
    assert (head.status_code, head.headers["Content-Length"]) == (200, "10")
    assert httpx.get(f"{proxy}/_whole_files/{quote(NAMES[number])}", timeout=60).status_code == 404


@pytest.mark.slow
def test_nginx_writes_no_token_into_its_error_log_while_the_api_is_away(proxy: str, tmp_path: Path) -> None:
    _Upstream.away.set()
    try:
        for path in (
            f"/c/{TOKEN}",
            f"/c/{TOKEN}/livestream?format=text",
            f"//c/{TOKEN}",
            f"/%63/{TOKEN}",
            f"/s/{TOKEN}",
            f"/s/{TOKEN}/poster.jpg",
            f"/api/video/save/stream/{TOKEN}/dQw4w9WgXcQ?user_id=1",
            f"/api/sessions/{SESSION}",
            f"/media/downloads/video/1/a.mp4?expires=1&signature={TOKEN}",
            f"/media/inline/1/a.mp4?expires=1&signature={TOKEN}",
            f"/media/posters/1.jpg?expires=1&signature={TOKEN}",
            f"/api/video/preview/{TOKEN}",
        ):
            assert httpx.get(proxy + path, timeout=60).status_code == 502, path
        assert httpx.get(f"{proxy}/api/video/list", timeout=60).status_code == 502
    finally:
        _Upstream.away.clear()
    errors = "".join(path.read_text() for path in tmp_path.glob("*error.log"))
    assert "/api/video/list" in errors, "what holds no token is still told"
    assert TOKEN not in errors and SESSION not in errors


@pytest.mark.slow
def test_nginx_lets_one_address_become_a_web_socket(proxy: str) -> None:
    upgrade = {"Upgrade": "websocket", "Connection": "Upgrade"}
    for path in ("/ws", "/api/jobs/"):
        httpx.get(proxy + path, headers=upgrade, timeout=60)
    socket, other = _Upstream.seen
    assert (socket["Upgrade"], socket["Connection"]) == ("websocket", "upgrade")
    assert "Upgrade" not in other and "Connection" not in other
