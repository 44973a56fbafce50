"""What yt-dlp is run with, and what an operator may not set."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from src.config import Settings, SettingsError
from src.errors import CookiesInvalid
from src.services.youtube.options import SiteOptions, build_options, find_deno, why_refused

ROOT = Path(__file__).parents[2]


def options_of(**env: str) -> dict[str, object]:
    return build_options(SiteOptions.of(Settings.load(env, dotenv=None)), object())


@pytest.mark.parametrize(
    "name",
    [
        "exec_cmd", "exec_before_dl_cmd", "netrc_cmd", "usenetrc", "netrc_location", "external_downloader",
        "external_downloader_args", "postprocessors", "postprocessor_args", "post_hooks", "progress_hooks",
        "ffmpeg_location", "enable_file_urls", "cookiefile", "cookiesfrombrowser", "cachedir", "paths", "outtmpl",
        "print_to_file", "writesubtitles", "writedesktoplink", "writeinfojson", "download_archive",
        "load_info_filename", "plugin_dirs", "remote_components", "proxy", "nocheckcertificate", "logger",
        "allowed_extractors", "force_generic_extractor", "default_search", "format", "simulate", "ignoreerrors",
        "wait_for_video", "match_filter", "debug_printtraffic", "verbose", "listformats", "forceprint", "EXEC_CMD",
        "config_locations", "_warnings",
    ],
)  # fmt: skip
def test_options_that_would_do_harm_are_refused(name: str) -> None:
    assert why_refused(name)
    with pytest.raises(SettingsError, match=f"YTDLP_OPTIONS: {name} is not allowed"):
        options_of(YTDLP_OPTIONS=f'{{"{name}": "x"}}')


def test_arguments_of_extractors_are_extended_by_ours() -> None:
    """Segments by number are always listed; what the operator gives stays."""
    ours = {"formats": ["incomplete"], "skip": ["dash"]}
    assert options_of()["extractor_args"] == {"youtube": ours}
    given = '{"youtube": {"player_client": ["web"], "skip": "hls,dash"}, "other": {"a": ["b"]}}'
    merged = {"player_client": ["web"], "formats": ["incomplete"], "skip": ["hls", "dash"]}
    found = options_of(YTDLP_OPTIONS=f'{{"extractor_args": {given}}}')["extractor_args"]
    assert found == {"youtube": merged, "other": {"a": ["b"]}}


@pytest.mark.parametrize(
    "name",
    [
        "extractor_retries", "socket_timeout", "source_address", "sleep_interval_requests",
        "http_headers", "geo_bypass", "geo_bypass_country", "geo_verification_proxy", "js_runtimes", "impersonate",
        "username", "password", "age_limit", "legacyserverconnect",
    ],
)  # fmt: skip
def test_options_that_operators_need_are_taken(name: str) -> None:
    assert why_refused(name) is None
    assert options_of(YTDLP_OPTIONS=f'{{"{name}": "x"}}')[name] == "x"


def test_all_refused_options_are_told_at_once() -> None:
    with pytest.raises(SettingsError) as told:
        options_of(YTDLP_OPTIONS='{"exec_cmd": "id", "socket_timeout": 5, "paths": {}}')
    assert "exec_cmd" in str(told.value)
    assert "paths" in str(told.value)
    assert "socket_timeout" not in str(told.value)


def test_our_own_options_stay() -> None:
    options = options_of(YTDLP_VERIFY_TLS="false", YTDLP_OPTIONS='{"socket_timeout": 5}')
    assert options["nocheckcertificate"] is True
    assert options["socket_timeout"] == 5
    assert options["allowed_extractors"] == ["^youtube$"]


def test_certificates_are_checked_and_no_proxy_is_set_by_default() -> None:
    options = options_of()
    assert options["nocheckcertificate"] is False
    assert "proxy" not in options
    assert "cookiefile" not in options


def test_files_are_kept_in_the_data_folder_only(tmp_path: Path) -> None:
    assert options_of(DATA_DIR=str(tmp_path))["cachedir"] == str(tmp_path / "yt-dlp")


def test_cookies_are_a_copy(tmp_path: Path) -> None:
    cookies = tmp_path / "cookies.txt"
    cookies.write_text("# Netscape HTTP Cookie File\n")
    stream = options_of(YTDLP_COOKIES_FILE=str(cookies))["cookiefile"]
    assert not isinstance(stream, str | Path)
    assert stream.read() == cookies.read_text()  # type: ignore[attr-defined]


def test_cookies_that_cannot_be_read_are_told(tmp_path: Path) -> None:
    with pytest.raises(CookiesInvalid):
        options_of(YTDLP_COOKIES_FILE=str(tmp_path / "missing.txt"))


def test_the_javascript_runtime_is_found_without_the_path(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "/nowhere")
    found = find_deno()
    assert found is not None
    assert os.access(found, os.X_OK)


def test_yt_dlp_is_loaded_only_by_those_who_look_videos_up() -> None:
    program = "import sys; import src.services.youtube_service; sys.exit('yt_dlp' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", program], cwd=ROOT, timeout=60).returncode == 0
