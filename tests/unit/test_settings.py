"""Settings: slips of the pen are told."""

from __future__ import annotations

from pathlib import Path

import pytest

from src.config import Settings, SettingsError, unknown_settings


def test_a_name_that_is_no_setting_is_told_with_the_one_that_is_meant(tmp_path: Path) -> None:
    written = tmp_path / ".env"
    written.write_text("MAX_VIDEO_DURATON=60\nPORT=5001\nCOMPOSE_PROJECT_NAME=clips\n")
    slip, other = sorted(unknown_settings(written), key=len, reverse=True)
    assert "MAX_VIDEO_DURATON" in slip
    assert slip.endswith("did you mean MAX_VIDEO_DURATION?")
    assert "COMPOSE_PROJECT_NAME" in other
    assert unknown_settings(tmp_path / "none") == []


def test_each_setting_that_cannot_be_used_has_one_line() -> None:
    given = {"PORT": "many", "YTDLP_OPTIONS": "[1]", "MAX_VIDEO_DURATION": "-1"}
    with pytest.raises(SettingsError) as refused:
        Settings.load(given, dotenv=None, config_file=None)
    title, *lines = str(refused.value).splitlines()
    assert title == "These settings cannot be used:"
    assert sorted(line.split(":")[0].strip() for line in lines) == sorted(given)


@pytest.mark.parametrize("name", ["DATA_DIR", "DOWNLOADS_DIR", "UPLOADS_DIR"])
@pytest.mark.parametrize("below", ["", "folder"])
def test_a_folder_whose_links_lead_in_a_circle_is_refused_by_name(tmp_path: Path, name: str, below: str) -> None:
    first, second = tmp_path / "first", tmp_path / "second"
    first.symlink_to(second)
    second.symlink_to(first)
    with pytest.raises(SettingsError) as refused:
        Settings.load({name: str(first / below)}, dotenv=None, config_file=None)
    assert str(refused.value).splitlines()[1:] == [f"  {name}: The symbolic links of this path form a loop"]
    first.unlink()
    first.symlink_to(tmp_path / "missing")  # it is made at the start
    assert Settings.load({name: str(first / below)}, dotenv=None, config_file=None)
