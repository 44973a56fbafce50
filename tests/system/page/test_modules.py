"""The modules of the page keep to their types, and what needs no browser is tested without one."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path

import pytest

from src.errors import Remedy, catalogue
from src.models.outcome import NoteCode
from tests.tools.live_service import ROOT

pytestmark = [pytest.mark.slow]

HERE = Path(__file__).parent
STATIC = ROOT / "src/pages/static"
# Sentences of the service that say what it is about: a language, a format, a time.
WITH_FIGURES = {
    "CAPTIONS_UNAVAILABLE",
    "CHANNEL_NOT_LIVE",
    "CODEC_NOT_REMUXABLE",
    "FORMAT_NOT_AVAILABLE",
    "SEGMENT_MISSING",
}
KEY = re.compile(r"^  '([\w.-]+)': ", re.MULTILINE)


def run(*command: str) -> str:
    """Run a program in the folder of these tests; fail with what it printed."""
    done = subprocess.run(command, cwd=HERE, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def node() -> str:
    """Node; ``make test`` installs it."""
    found = shutil.which("node")
    assert found is not None, "the tests of the page need Node: run scripts/test-packages.sh"
    return found


def test_the_types_of_the_modules_hold() -> None:
    compiler = HERE / "node_modules/typescript/bin/tsc"
    assert compiler.exists(), "the tests of the page need TypeScript: run scripts/test-packages.sh"
    run(node(), str(compiler), "--project", str(ROOT / "src/pages/tsconfig.json"))


def test_the_modules_without_a_browser(tmp_path: Path) -> None:
    # Node takes files for modules where a package.json says so (Node 18 only there); the page's own folder needs none.
    (tmp_path / "package.json").write_text('{"type": "module"}')
    for folder in (STATIC, HERE / "modules"):
        shutil.copytree(folder, tmp_path / folder.relative_to(ROOT))
    tests = sorted((tmp_path / HERE.relative_to(ROOT)).glob("modules/*.test.js"))
    assert "# fail 0" in run(node(), "--test", "--test-reporter=tap", *map(str, tests))


def test_every_language_has_every_text() -> None:
    english = set(KEY.findall((STATIC / "texts.en.js").read_text()))
    german = set(KEY.findall((STATIC / "texts.de.js").read_text()))
    assert english - german == set()
    # English sentences about errors come from the service; other languages have their own.
    assert {key for key in german - english if not key.startswith(("error.", "note."))} == set()


def test_texts_about_errors_are_for_users_and_not_of_the_site() -> None:
    classes = (error for error in catalogue().values() if error.__module__.endswith(".sources"))
    with_words_of_the_site = {error.code for error in classes if error.remedy in (Remedy.OPERATOR, Remedy.USER)}
    for language in ("en", "de"):
        table = (STATIC / f"texts.{language}.js").read_text()
        own = {key.removeprefix("error.") for key in KEY.findall(table) if key.startswith("error.")}
        assert with_words_of_the_site - own <= WITH_FIGURES, language
        assert re.findall(r"YTDLP_\w+|make update\S*", table) == [], "settings are for operators"


def test_every_note_about_a_file_has_a_german_sentence() -> None:
    german = set(KEY.findall((STATIC / "texts.de.js").read_text()))
    assert {f"note.{code}" for code in NoteCode} - german == set()


def test_every_text_that_is_used_exists() -> None:
    english = set(KEY.findall((STATIC / "texts.en.js").read_text()))
    used = {key for path in STATIC.glob("*.js") for key in re.findall(r"\bt\('([\w.-]+)'", path.read_text())}
    assert used - english == set()
