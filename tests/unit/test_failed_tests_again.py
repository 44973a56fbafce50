"""``scripts/test_again.py``: a few failures get a second try, many or unknown ones do not."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PASSES, FAILS = "def test_it() -> None:\n    pass\n", "def test_it() -> None:\n    raise AssertionError\n"


@pytest.mark.parametrize(
    ("failed", "body", "code"),
    [(["one"], FAILS, 1), (["one", "two", "three"], PASSES, 0), (list("abcd"), PASSES, 1)],
)
def test_a_few_failures_are_run_again(tmp_path: Path, failed: list[str], body: str, code: int) -> None:
    for name in failed:
        (tmp_path / f"test_{name}.py").write_text(body)
    store = tmp_path / ".pytest_cache/v/cache/lastfailed"
    store.parent.mkdir(parents=True)
    store.write_text(json.dumps({f"test_{name}.py::test_it": True for name in failed}))
    done = _run(tmp_path)
    assert done.returncode == code
    assert ("UNSTEADY" in done.stdout) == (code == 0)


def test_a_run_that_recorded_no_failure_is_not_excused(tmp_path: Path) -> None:
    assert _run(tmp_path).returncode == 1


def _run(folder: Path) -> subprocess.CompletedProcess[str]:
    (folder / "pytest.ini").write_text("[pytest]\n")
    command = [sys.executable, str(ROOT / "scripts/test_again.py")]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
