"""The Makefile's choice of a Python: each version has an environment of its own, and is named first."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]


def _make(*arguments: str, folder: Path) -> subprocess.CompletedProcess[str]:
    """What make would do in a folder that holds only the files that decide about it."""
    for name in ("requirements.txt", "requirements-stores.txt", "requirements-dev.txt", "scripts/setup.sh", "Makefile"):
        (folder / name).parent.mkdir(exist_ok=True)
        shutil.copy(ROOT / name, folder / name)
    clean = {name: value for name, value in os.environ.items() if name not in ("MAKEFLAGS", "PYTHON")}
    command = ["make", "--no-print-directory", "--dry-run", *arguments]
    return subprocess.run(command, cwd=folder, env=clean, capture_output=True, text=True, check=False, timeout=60)


@pytest.fixture
def python(tmp_path: Path) -> Path:
    """A Python that only knows its version."""
    program = tmp_path / "python-of-my-own"
    program.write_text("#!/bin/sh\necho 3.13\n")
    program.chmod(0o755)
    return program


@pytest.mark.parametrize("target", ["check", "test", "matrix"])
def test_each_python_has_an_environment_of_its_own(target: str, tmp_path: Path, python: Path) -> None:
    # An environment of another version that is ready must not be used.
    (tmp_path / ".venv").mkdir()
    for mark in (".ready", ".ready-dev"):
        (tmp_path / ".venv" / mark).touch()
    lines = _make(target, f"PYTHON={python}", folder=tmp_path).stdout.splitlines()
    installs = [line for line in lines if "scripts/setup.sh" in line]
    assert installs == [
        f'PYTHON="{python}" scripts/setup.sh requirements.txt .venv-3.13',
        f'PYTHON="{python}" scripts/setup.sh requirements-dev.txt .venv-3.13',
    ]
    rest = lines[lines.index("touch .venv-3.13/.ready-dev") + 1 :]
    assert rest[0] == 'echo "$(.venv-3.13/bin/python --version) in .venv-3.13"', "first of all"
    assert not any(".venv/" in line for line in lines)


def test_without_a_choice_there_is_one_environment(tmp_path: Path) -> None:
    lines = _make("check", folder=tmp_path).stdout.splitlines()
    assert 'PYTHON="" scripts/setup.sh requirements.txt .venv' in lines
    assert not any(".venv-" in line for line in lines)


def test_a_python_that_does_not_run_is_refused(tmp_path: Path) -> None:
    done = _make("run", f"PYTHON={tmp_path}/nothing", folder=tmp_path)
    assert done.returncode != 0
    assert f"PYTHON={tmp_path}/nothing is no Python that runs" in done.stderr


def test_a_chosen_python_that_is_too_old_is_not_replaced_by_another(tmp_path: Path) -> None:
    (tmp_path / "scripts").mkdir()
    shutil.copy(ROOT / "scripts/setup.sh", tmp_path / "scripts")
    old = tmp_path / "old"
    old.write_text('#!/bin/sh\n[ "$1" = -c ] && exit 1\necho Python 3.9.2\n')
    old.chmod(0o755)
    done = subprocess.run(
        ["bash", tmp_path / "scripts/setup.sh", "requirements.txt", ".venv-3.9"],
        env={**os.environ, "PYTHON": str(old)},
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert (done.returncode, done.stderr) == (1, f"PYTHON={old} is older than Python 3.11\n")
    assert not (tmp_path / ".venv-3.9").exists()
