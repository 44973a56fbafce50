"""The security page names tests as its evidence: each of them exists."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "docs" / "security.md"
NAMED = sorted(set(re.findall(r"`((?:tests/[\w/*.]+|test_[\w*]+\.py)(?:::\w+)?)`", PAGE.read_text(encoding="utf-8"))))


def files_of(name: str) -> list[Path]:
    """The files that a name, a pattern or a folder of the page stands for; a bare name is of any folder."""
    if not name.startswith("tests/"):
        return sorted((ROOT / "tests").rglob(name))
    found = ROOT / name
    return sorted(found.glob("test_*.py")) if found.is_dir() else sorted(ROOT.glob(name))


@pytest.mark.parametrize("name", NAMED)
def test_a_test_that_the_page_names_exists(name: str) -> None:
    path, _, function = name.partition("::")
    files = files_of(path)
    assert files, f"docs/security.md names {path}"
    if function:
        functions = {
            node.name
            for file in files
            for node in ast.walk(ast.parse(file.read_text(encoding="utf-8")))
            if isinstance(node, ast.FunctionDef)
        }
        assert function in functions, f"docs/security.md names {name}"


def test_every_risk_and_chapter_has_its_evidence() -> None:
    text = PAGE.read_text(encoding="utf-8")
    risks = re.findall(r"^\| (\d+) .*$", text, re.MULTILINE)
    assert [int(number) for number in risks] == list(range(1, 11))
    rows = [line for line in text.splitlines() if re.match(r"\| (\d+|V\d+)[ ,]", line)]
    without = [row[:40] for row in rows if not re.search(r"`(tests/|test_|bandit|requirements|make )", row)]
    assert [row for row in without if "See API" not in row] == []
    assert len(NAMED) > 40
