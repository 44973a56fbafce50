"""The neighbouring surfaces are thin: words of their own on one core, and nothing behind it is touched."""

from __future__ import annotations

import ast
import io
import re
import tokenize
from pathlib import Path

import pytest

ROUTES = Path(__file__).parents[2] / "src" / "routes"
NEIGHBOURS = ("sessions", "archive", "streams", "audio", "media")
ADAPTERS = sorted(
    path
    for folder in (ROUTES, ROUTES / "schemas")
    for path in folder.glob("*.py")
    if path.stem.partition("_")[0] in NEIGHBOURS
)
MOST_LINES = 900
FOREIGN = re.compile(r"pymongo|bson|redis|yt_dlp|av|ffmpeg|imageio_ffmpeg|subprocess|httpx|celery|src\.data\b")


def lines_of_code(source: str) -> int:
    """Lines that hold code: no blank ones, no comments, no docstrings."""
    documented = {
        line
        for node in ast.walk(ast.parse(source))
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef) and ast.get_docstring(node) is not None
        for line in range(node.body[0].lineno, (node.body[0].end_lineno or 0) + 1)
    }
    silent = {tokenize.COMMENT, tokenize.NL, tokenize.NEWLINE, tokenize.INDENT, tokenize.DEDENT, tokenize.ENDMARKER}
    spoken = {
        line
        for token in tokenize.generate_tokens(io.StringIO(source).readline)
        if token.type not in silent
        for line in range(token.start[0], token.end[0] + 1)
    }
    return len(spoken - documented)


def test_the_four_of_them_are_small() -> None:
    sizes = {str(path.relative_to(ROUTES)): lines_of_code(path.read_text()) for path in ADAPTERS}
    assert len(sizes) == len(ADAPTERS) >= 13
    assert sum(sizes.values()) < MOST_LINES, sizes


@pytest.mark.parametrize("path", ADAPTERS, ids=lambda path: str(path.relative_to(ROUTES)))
def test_none_reaches_behind_the_services(path: Path) -> None:
    imported: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            imported |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            imported.add(node.module or "")
    assert [name for name in imported if FOREIGN.match(name)] == []
