"""The container image's files: the entry point's decisions, and what the compose files promise."""

from __future__ import annotations

import re
from importlib.machinery import SourceFileLoader
from importlib.util import module_from_spec, spec_from_loader
from pathlib import Path
from typing import Any

import pytest
import yaml  # type: ignore[import-untyped]

from src.config import Settings
from src.launcher.processes import ChildSpec

ROOT = Path(__file__).parents[3]
NOT_SETTINGS = {"PATH", "PYTHONDONTWRITEBYTECODE", "HOME", "PUID", "PGID"}


@pytest.fixture(scope="module")
def entry() -> Any:
    """The program ``as-service``."""
    loader = SourceFileLoader("as_service", str(ROOT / "deploy/docker/as-service"))
    spec = spec_from_loader("as_service", loader)
    assert spec is not None
    module = module_from_spec(spec)
    loader.exec_module(module)
    return module


def test_an_unwritable_folder_is_one_line_with_a_remedy(entry: Any, tmp_path: Path) -> None:
    assert entry.unwritable(tmp_path) == ""
    assert list(tmp_path.iterdir()) == []
    missing = entry.unwritable(tmp_path / "data")
    assert re.fullmatch(r"uid \d+, gid \d+ cannot write to /.*/data \(No such .*\); mount a folder there, .*", missing)
    mounted = entry.unwritable(Path("/proc"))
    assert re.fullmatch(r"uid (\d+), gid (\d+) cannot write to /proc \(.*\); .*sudo chown -R \1:\2 ./proc .*", mounted)


def test_only_a_newer_yt_dlp_is_used(entry: Any, tmp_path: Path) -> None:
    for name, version in (("own", "2026.10.26"), ("newer", "2026.11.02.1"), ("older", "2026.9.30")):
        (tmp_path / name / "yt_dlp").mkdir(parents=True)
        (tmp_path / name / "yt_dlp/version.py").write_text(f"# a comment\n__version__ = '{version}'\n")
    others = [tmp_path / "nothing", tmp_path / "own"]
    assert entry.is_newer(tmp_path / "newer", others)
    assert not entry.is_newer(tmp_path / "older", others)
    assert not entry.is_newer(tmp_path / "own", others), "the same version"
    assert not entry.is_newer(tmp_path / "nothing", others)


def test_ids_of_users_are_numbers(entry: Any) -> None:
    assert entry._is_id("0") and entry._is_id("1000")
    assert not any(map(entry._is_id, ("", "-1", "anna", "1000:1000", "4294967295", "１")))


def _compose(name: str) -> dict[str, Any]:
    parsed = yaml.safe_load((ROOT / name).read_text())
    return dict(parsed["services"])


@pytest.mark.parametrize("name", ["compose.yaml", "compose.scale.yaml"])
def test_services_are_confined_and_have_time_to_stop(name: str) -> None:
    services = _compose(name)
    ours = {key: service for key, service in services.items() if service["image"] == "yt-downloader"}
    assert ours
    for service in ours.values():
        assert service["read_only"] and service["cap_drop"] == ["ALL"] and service["tmpfs"] == ["/tmp"]
        assert [volume.partition(":")[2] for volume in service["volumes"]] == ["/data", "/downloads"]
        grace = int(service["stop_grace_period"].removesuffix("s"))
        # The API, then workers, then the stores: src/launcher/service.py and stores.py.
        assert grace > ChildSpec.stop_seconds + 15 + 20
        unknown = set(service["environment"]) - NOT_SETTINGS - {field.upper() for field in Settings.model_fields}
        assert unknown == set()


def test_one_service_one_port() -> None:
    (service,) = _compose("compose.yaml").values()
    assert len(service["ports"]) == 1 and len(service["volumes"]) == 2


def test_nginx_gets_the_example_with_the_names_of_the_containers() -> None:
    nginx = _compose("compose.scale.yaml")["nginx"]
    script = nginx["command"][2]
    text = (ROOT / "deploy/nginx.conf.example").read_text()
    for _mark, pattern, replacement in re.findall(r"-e 's(.)(.*?)\1(.*?)\1'", script):
        changed = re.sub(pattern, replacement, text)
        assert changed != text, pattern
        text = changed
    assert "server api:5000;" in text and "server_name _;" in text and "access_log /dev/stdout" in text
    folder = re.search(r"alias (.*)/;", text)
    assert folder is not None
    assert f"./downloads:{folder[1]}:ro" in nginx["volumes"], "where the example looks for finished files"


def test_the_image_sets_only_settings_that_exist() -> None:
    text = (ROOT / "Dockerfile").read_text().rpartition("\nENV ")[2].partition("\nEXPOSE")[0]
    names = set(re.findall(r"(\w+)=", text.replace("\\\n", " ")))
    assert {"HOST", "DATA_DIR", "DOWNLOADS_DIR", "UPLOADS_DIR", "LOG_FILE"} <= names
    assert names - NOT_SETTINGS <= {field.upper() for field in Settings.model_fields}


def test_what_is_sent_to_the_build_exists_and_is_no_secret() -> None:
    lines = (ROOT / ".dockerignore").read_text().splitlines()
    assert "*" in lines, "nothing is sent unless it is named"
    sent = [line.removeprefix("!") for line in lines if line.startswith("!")]
    assert [name for name in sent if not (ROOT / name).exists()] == []
    assert not {".env", "secrets.env", "data", "downloads", "uploads", "logs", ".venv"} & set(sent)
