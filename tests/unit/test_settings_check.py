"""Every setting: a value that cannot be used is refused in one line that names it, all of them at once."""

from __future__ import annotations

import errno
import os
from pathlib import Path
from types import SimpleNamespace

import pytest

from src.config import Settings, SettingsError
from src.routes import SURFACES as SERVED
from src.services.operations.settings_check import (
    SURFACES,
    disk_warnings,
    machine_problems,
    setting_problems,
    usable_settings,
)

TOO_LARGE = "1" + "0" * 30
# Also numbers with which a date, a timer or a table of processes would fail only later.
OF_WHOLE_NUMBERS = ("many", "1.5", "-1", TOO_LARGE)
OF_NUMBERS = ("many", "-1", "nan", "inf", "1e300")
OF_NAMES = ("other", " ")
OF_SWITCHES = ("maybe", "2")
# ``{}`` is the folder of the test; it has a file ``file``, a file ``cookies.json`` and one that is not text.
OF_FOLDERS = ("/proc/none/x", "{}/file", "{}/file/below")
OF_PROXIES = ("socks5://127.0.0.1:1080", "http://", "http://here:port", "http://no such host:80", "https://a.example")
BAD = {
    "host": ("no such host", "127.0.0.1:5000", "http://127.0.0.1"),
    "surfaces": ("backed", "backend;sessions"),
    "data_dir": OF_FOLDERS,
    "downloads_dir": (*OF_FOLDERS, "{}"),
    "uploads_dir": (*OF_FOLDERS, "{}"),
    "mongodb_uri": ("here", "http://localhost/x", "mongodb://", "mongodb://localhost:port/x"),
    "redis_uri": ("here", "http://localhost", "redis://localhost:port"),
    "admin_emails": ("anna", "anna@example.com;bert@example.com", "@"),
    "jwt_public_secret": ("short",),
    "jwt_private_secret": ("short",),
    "flask_secret_key": ("short",),
    "archive_allowed_networks": ("here", "10.0.0.1/8", "10.0.0.0/33"),
    "archive_allowed_hosts": ("http://nas.example.com", "nas.example.com:5000", "a b"),
    "default_video_format": OF_NAMES,
    "default_video_resolution": ("1080", "000p", "full"),
    "high_resolution_mp4": OF_NAMES,
    "live_latency": ("999", "fast", "-1"),
    "ytdlp_proxy": OF_PROXIES,
    "ytdlp_cookies_file": ("{}/missing", "{}", "{}/cookies.json", "{}/binary"),
    "ytdlp_options": ("[1]", "fast", '{"exec": "true"}', '{"source_address": "eth0"}'),
    "ffmpeg_path": ("{}/missing", "{}", "{}/file"),
    "hardware_encoding": OF_NAMES,
    "stream_resolution": ("1080p", "0x0", "1920x"),
    "stream_proxy": OF_PROXIES,
    "allow_private_networks": ("true", "10.0.0.0/8", "127.0.0.1", "127.0.0.1:0"),
    "cors_origins": ("foo", "https://example.com/", "https://*.example.com", "https://a.example,b.example"),
    "public_url": ("clips.example.com", "ftp://a.example", "https://a.example/?x=1", "https://me@a.example"),
    "x_accel_prefix": ("_files", "https://example.com/_files/", "/a b/"),
    "log_level": OF_NAMES,
    "log_format": OF_NAMES,
    "log_file": ("{}", "{}/file/app.log", "/proc/none/app.log"),
}
BY_TYPE = {"int": OF_WHOLE_NUMBERS, "float": OF_NUMBERS, "bool": OF_SWITCHES, "int | None": OF_WHOLE_NUMBERS}


def bad_values() -> list[tuple[str, str]]:
    rows = []
    for name, field in Settings.model_fields.items():
        kind = getattr(field.annotation, "__name__", "")
        kind = kind if kind in BY_TYPE else str(field.annotation)
        assert name in BAD or kind in BY_TYPE, f"{name}: which values cannot be used?"
        rows += [(name, value) for value in BAD.get(name, BY_TYPE.get(kind, ()))]
    return rows


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "file").write_text("no folder, and no program")
    (tmp_path / "cookies.json").write_text('[{"name": "a"}]')
    (tmp_path / "binary").write_bytes(b"\xff\xfe\x00")
    return tmp_path


@pytest.fixture
def alone(folder: Path, monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    """Without the settings of this machine, in a folder of its own."""
    for name in Settings.model_fields:
        monkeypatch.delenv(name.upper(), raising=False)
    monkeypatch.chdir(folder)
    for name in ("data", "downloads", "uploads"):
        monkeypatch.setenv(f"{name.upper()}_DIR", str(folder / name))
    return monkeypatch


@pytest.mark.parametrize(("name", "value"), bad_values())
def test_a_value_that_cannot_be_used_has_one_line(
    name: str, value: str, folder: Path, alone: pytest.MonkeyPatch
) -> None:
    alone.setenv(name.upper(), value.replace("{}", str(folder)))
    with pytest.raises(SettingsError) as refused:
        usable_settings(complete=False)
    _, *lines = str(refused.value).splitlines()
    assert [line.split(":")[0].strip() for line in lines] == [name.upper()], str(refused.value)
    assert not (folder / "data").exists(), "nothing starts"


def test_all_of_them_are_reported_at_once(folder: Path, alone: pytest.MonkeyPatch) -> None:
    worst = dict(bad_values())
    for name, value in worst.items():
        alone.setenv(name.upper(), value.replace("{}", str(folder)))
    (folder / ".env").write_bytes(b"\xff\xfe")
    (folder / "config.json").write_text("{")
    with pytest.raises(SettingsError) as refused:
        usable_settings()
    _, *lines = str(refused.value).splitlines()
    named = [line.split(":")[0].strip() for line in lines]
    assert set(named) == {*map(str.upper, worst), ".env", "config.json"}


def test_settings_that_can_be_used_have_no_line(folder: Path, alone: pytest.MonkeyPatch) -> None:
    (folder / "cookies.txt").write_text(
        "# Netscape HTTP Cookie File\n#HttpOnly_.a.example\tTRUE\t/\tTRUE\t0\tname\tx\n"
    )
    good = {
        "HOST": "::1",
        "SURFACES": "archive, sessions",
        "ARCHIVE_ALLOWED_NETWORKS": "10.0.0.0/8, 192.168.1.7",
        "ARCHIVE_ALLOWED_HOSTS": "nas.example.com, nas",
        "MONGODB_URI": "mongodb://anna:b%40c@db-1.lan:27017,db-2.lan/clips?replicaSet=rs0",
        "REDIS_URI": "unix:///run/valkey.sock?db=1",
        "ADMIN_EMAILS": "anna@example.com, bert@example.com",
        "YTDLP_PROXY": "http://user:password@squid:3128",
        "STREAM_PROXY": "10.0.0.9:3128",
        "YTDLP_COOKIES_FILE": str(folder / "cookies.txt"),
        "ALLOW_PRIVATE_NETWORKS": "nas:8080, [fd00::1]:80",
        "CORS_ORIGINS": "https://a.example, http://localhost:3000, capacitor://localhost, http://[::1]:80",
        "X_ACCEL_PREFIX": "/_files/",
        "LOG_FILE": "logs/app.log",
    }
    for name, value in good.items():
        alone.setenv(name, value)
    assert setting_problems(Settings.load()) == []


def test_the_names_of_the_surfaces_are_those_that_are_served() -> None:
    groups = {surface.name.partition(".")[0] for surface in SERVED}
    assert set(SURFACES) == {surface.name for surface in SERVED} | groups


def test_a_folder_of_another_user_is_named_with_the_user_and_the_command(
    tmp_path: Path, alone: pytest.MonkeyPatch
) -> None:
    """As seen by someone who is not root, who may write everywhere."""
    alone.setattr(os, "access", lambda path, mode: not str(path).startswith(str(tmp_path)))
    alone.setattr(os, "geteuid", lambda: 4_000_000)
    alone.setattr(os, "getegid", lambda: 4_000_001)
    alone.setenv("LOG_FILE", "")
    _, *lines = setting_problems(Settings.load())
    command = f"sudo chown -R 4000000:4000001 {tmp_path}"
    assert lines == [
        f"{name}: {tmp_path} cannot be read and written by user without a name (uid 4000000): {command}"
        for name in ("DOWNLOADS_DIR", "UPLOADS_DIR")
    ]


def test_a_full_disk_is_a_warning_and_no_reason_not_to_start(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    full, roomy, data = tmp_path / "full", tmp_path / "roomy", tmp_path / "data"
    for folder in (full, roomy, data):
        folder.mkdir()
    free = {str(full): 12_300_000, str(roomy): 10**12, str(data): 10**12}
    monkeypatch.setattr("shutil.disk_usage", lambda place: SimpleNamespace(free=free[str(place)]))
    folders = {"DOWNLOADS_DIR": f"{full}/to/come", "UPLOADS_DIR": str(roomy), "DATA_DIR": str(data)}
    settings = Settings.load({**folders, "MIN_FREE_DISK_MB": "500"}, dotenv=None)
    assert setting_problems(settings) == []
    (line,) = disk_warnings(settings)
    assert line.startswith(
        f"DOWNLOADS_DIR: the disk of {full}/to/come has 12 MB free, less than MIN_FREE_DISK_MB (500)"
    )


def test_a_machine_without_shared_memory_is_named() -> None:
    def refuse() -> None:
        raise OSError(errno.EROFS, os.strerror(errno.EROFS))

    assert machine_problems() == []
    (line,) = machine_problems(refuse)
    assert line.startswith("Shared memory: Read-only file system: ") and "mount" in line


def test_a_machine_without_a_folder_for_temporary_files_is_named() -> None:
    def refuse() -> str:
        raise FileNotFoundError(errno.ENOENT, "No usable temporary directory found")

    (line,) = machine_problems(temporary_folder=refuse)
    assert line.startswith("Temporary files: ") and "mount" in line
