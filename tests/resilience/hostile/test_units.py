"""The sandbox under the systemd units as they are shipped: their system call filter and namespace mask, for real."""

from __future__ import annotations

import json
import logging
import shutil
import subprocess
import sys
from ctypes.util import find_library
from pathlib import Path
from typing import Any

import pytest

from src.utils import sandbox_kind
from src.utils.sandbox_kind import available
from tests.resilience.hostile.under_unit import LANDLOCK, NAMESPACES, values
from tests.tools.live_service import ROOT

UNITS = ("yt-downloader.service", "yt-downloader-worker.service")
needs_filters = pytest.mark.skipif(
    find_library("seccomp") is None or shutil.which("systemd-analyze") is None or available().files == "none",
    reason="needs libseccomp, systemd-analyze and Landlock",
)


def under(unit: str, folder: Path, *options: str) -> dict[str, Any]:
    """What a process finds that is restricted as this unit restricts."""
    done = subprocess.run(
        [sys.executable, "-m", "tests.resilience.hostile.under_unit", str(ROOT / unit), str(folder), *options],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    return dict(json.loads(done.stdout.splitlines()[-1]))


@needs_filters
@pytest.mark.slow
@pytest.mark.parametrize("unit", UNITS)
def test_a_unit_leaves_the_whole_sandbox(unit: str, tmp_path: Path) -> None:
    found = under(unit, tmp_path)
    assert (found["files"], found["network"], found["reasons"]) == ("landlock", "namespace", [])
    assert (found["sandbox"], found["encode"]) == (None, None)
    # By its rules for TCP or, where the kernel has none, because nobody listens on a loopback of its own.
    assert found["connects"].startswith(("PermissionError", "ConnectionRefusedError"))


@needs_filters
@pytest.mark.slow
def test_where_namespaces_are_denied_the_rules_for_tcp_take_over(tmp_path: Path) -> None:
    found = under(UNITS[1], tmp_path, "--no-namespaces")
    assert found["files"] == "landlock" and (found["sandbox"], found["encode"]) == (None, None)
    if sandbox_kind.landlock_version() >= sandbox_kind.ABI_NET:
        assert found["network"] == "landlock" and "PermissionError" in found["connects"]
    assert len(found["reasons"]) >= 1 and "RestrictNamespaces" in found["reasons"][0]


@needs_filters
@pytest.mark.slow
def test_a_filter_without_landlock_is_named_and_the_kernel_is_not_blamed(tmp_path: Path) -> None:
    found = under(UNITS[1], tmp_path, "--as-in-1.0")
    assert (found["files"], found["network"]) == ("none", "none")
    assert "SystemCallFilter" in found["reasons"][0] and "landlock_create_ruleset" in found["reasons"][0]
    assert "SystemCallFilter" in found["sandbox"] and "kernel has no Landlock" not in found["sandbox"]


@pytest.mark.parametrize("unit", UNITS)
def test_units_name_what_the_sandbox_needs_and_no_more(unit: str) -> None:
    assert set(LANDLOCK) <= set(values(ROOT / unit, "SystemCallFilter"))
    needed = 0
    for name in values(ROOT / unit, "RestrictNamespaces"):
        needed |= NAMESPACES[name]
    assert needed == sandbox_kind._NEW_USER | sandbox_kind._NEW_NET | sandbox_kind._NEW_IPC
    assert values(ROOT / unit, "AppArmorProfile") == ["-yt-downloader"]
    profile = (ROOT / "deploy" / "apparmor" / "yt-downloader").read_text()
    assert "profile yt-downloader " in profile and "\n  userns,\n" in profile


def test_the_log_tells_which_sandbox_is_in_force_and_why(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    sandbox_kind.log_kind()
    (record,) = caplog.records
    assert str(available()) in record.getMessage()
    assert (record.levelno == logging.WARNING) == bool(available().reasons)
    assert all(reason in record.getMessage() for reason in available().reasons)
