"""The shape of the project holds: layers, contracts, documents that are not stale, nothing half done."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from pathlib import Path

import pytest

from scripts.generate import error_docs
from src.bootstrap.kinds import KINDS, ROWS
from src.errors import AppError, catalogue
from src.models.params import JobParams

ROOT = Path(__file__).parents[2]
SOURCES = sorted((ROOT / "src").rglob("*.py"))


def test_imports_go_one_way() -> None:
    done = subprocess.run(
        [str(Path(sys.executable).parent / "lint-imports"), "--no-cache"], cwd=ROOT, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: str(path.relative_to(ROOT)))
def test_every_file_says_first_what_it_is_for(path: Path) -> None:
    text = path.read_text()
    if text.strip():
        assert ast.get_docstring(ast.parse(text)), "the first line of a file says what it is for"
    if path.parts[-2] != "errors" and path.name != "config.py":  # catalogues
        assert len(text.splitlines()) <= 430, "a file of this length has more than one reason to exist"


def test_only_the_settings_read_the_environment() -> None:
    reading = re.compile(r"os\.environ(?!\.setdefault)|os\.getenv")
    readers = [path.relative_to(ROOT) for path in SOURCES if reading.search(path.read_text())]
    assert [str(path) for path in readers if path.parts[1] != "launcher"] == ["src/config.py"]


def test_messages_of_ffmpeg_are_never_passed_to_python() -> None:
    """PyAV's callback takes the interpreter's lock for each error, and a decoder's threads report errors: whoever drops
    the decoder holds that lock and waits for them. Without a callback, PyAV is silent and this cannot happen."""
    assert not [path for path in SOURCES if "av.logging" in path.read_text()]


def test_the_page_of_errors_is_fresh() -> None:
    assert (ROOT / error_docs.PATH).read_text() == error_docs.page(), "run 'make docs'"


def test_error_codes_are_unique_and_have_a_sentence() -> None:
    for code, error in catalogue().items():
        assert re.fullmatch(r"[A-Z]+(_[A-Z]+)*", code), code
        assert (error.__doc__ or "").strip().endswith("."), code


def test_no_error_is_raised_that_the_page_leaves_out() -> None:
    """The page tells the particular ones; of the general ones beside it nobody knows what they mean."""
    known: list[type[AppError]] = [AppError, *catalogue().values()]
    general = {error.__name__ for error in known if any(child.code != error.code for child in error.__subclasses__())}
    for path in SOURCES:
        for node in ast.walk(ast.parse(path.read_text())):
            raised = node.exc.func if isinstance(node, ast.Raise) and isinstance(node.exc, ast.Call) else None
            assert not (isinstance(raised, ast.Name) and raised.id in general), f"{path}:{getattr(node, 'lineno', 0)}"


def test_every_kind_of_job_has_one_row() -> None:
    assert sorted(row.kind.name for row in ROWS) == sorted(KINDS.names()) == sorted(JobParams.kinds())


def test_nothing_is_left_for_later() -> None:
    words = re.compile("|".join(("TO" + "DO", "FIX" + "ME", "XX" + "X", "NotImplemented" + "Error")))
    trees = [ROOT / name for name in ("src", "tests", "benchmarks", "clients") if (ROOT / name).is_dir()]
    found = [
        f"{path.relative_to(ROOT)}:{number}"
        for tree in trees
        for path in tree.rglob("*.py")
        for number, line in enumerate(path.read_text().splitlines(), 1)
        if words.search(line)
    ]
    assert found == []


def test_every_part_that_reads_records_knows_the_folders() -> None:
    """Records hold names relative to folders: a part without them would take a name for a path."""
    readers = {"VideoData", "ClaimData", "ExpiryData", "ArchiveData"}
    for path in SOURCES:
        for node in ast.walk(ast.parse(path.read_text())):
            built = node.func.id if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) else None
            assert built not in readers or (isinstance(node, ast.Call) and len(node.args) > 1), f"{path}: {built}"
