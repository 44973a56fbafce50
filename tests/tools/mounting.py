"""Lets the tests mount a small disk, which is gone with the program that mounts it."""

from __future__ import annotations

import subprocess

import pytest


def mounting() -> list[str]:
    """How a program may mount a disk of its own here: as root, or as the root of its own user namespace."""
    for command in (["unshare", "--mount"], ["unshare", "--user", "--map-root-user", "--mount"]):
        if subprocess.run([*command, "mount", "-t", "tmpfs", "none", "/mnt"], capture_output=True).returncode == 0:
            return command
    pytest.skip("this machine lets nobody mount a small disk")
