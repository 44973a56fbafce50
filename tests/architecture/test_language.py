"""The code and its pages use the terms of the field, not invented ones, and statements stay simple enough to read."""

from __future__ import annotations

import ast
import io
import re
import tokenize
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
SOURCES = sorted((ROOT / "src").rglob("*.py"))
OLD_NAMES = ROOT / "docs" / "adr" / "README.md"
PAGES = [*sorted(ROOT.glob("*.md")), *sorted({*(ROOT / "docs").rglob("*.md")} - {OLD_NAMES})]
SCRIPTS = sorted((ROOT / "src" / "pages" / "static").glob("*.js"))

# Each of these was a private word of this project; docs/architecture.md has the glossary that replaces them.
INVENTED = re.compile(
    r"(?<![a-z])(caged?|cages|talks?|talking|(door)?bells?|tapes?|crews?|workshops?|comebacks?|anew|to be had"
    r"|strangers?|somebody)(?![a-z])"
)
# Names that are stored on disks of installations, or that others gave: (file, text, reason).
STORED = (("src/services/streams/recorded_track.py", "tape.json", "the name of a file in .work"),)


def words_of(name: str) -> str:
    """An identifier as lower-case words: ``HelpBell`` and ``help_bell`` are both ``help bell``."""
    return re.sub(r"(?<=[a-z0-9])(?=[A-Z])|_", " ", re.sub("ComeBack|come_back", "comeback", name)).lower()


def texts_of(path: Path) -> Iterator[tuple[int, str]]:
    """(line, text) of every name, comment and string of a module, and of its own name."""
    yield 0, words_of(path.stem)
    for token in tokenize.generate_tokens(io.StringIO(path.read_text()).readline):
        if token.type == tokenize.NAME or token.type in (tokenize.COMMENT, tokenize.STRING):
            yield token.start[0], words_of(token.string)


def lines_of(path: Path) -> Iterator[tuple[int, str]]:
    """(line, text) of a page or a script."""
    for number, line in enumerate(path.read_text().splitlines(), 1):
        yield number, words_of(line)


def found_in(path: Path, texts: Iterator[tuple[int, str]]) -> list[str]:
    name = str(path.relative_to(ROOT))
    found = []
    for number, text in texts:
        for file, stored, _ in STORED:
            text = text.replace(words_of(stored), "") if file == name else text
        found += [f"{name}:{number}: {match[0]}" for match in INVENTED.finditer(text)]
    return found


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: str(path.relative_to(ROOT)))
def test_a_module_uses_the_terms_of_the_field(path: Path) -> None:
    assert found_in(path, texts_of(path)) == []


@pytest.mark.parametrize("path", [*PAGES, *SCRIPTS], ids=lambda path: str(path.relative_to(ROOT)))
def test_a_page_uses_the_terms_of_the_field(path: Path) -> None:
    assert found_in(path, lines_of(path)) == []


def test_stored_names_are_still_there() -> None:
    for file, text, _ in STORED:
        assert text in (ROOT / file).read_text(), f"{file}: remove the exception"


def test_invented_terms_are_recognised() -> None:
    for text in ("EngineCage", "help_bell", "_tapes", "to be had", "a stranger's file", "ComeBack", "Doorbell"):
        assert INVENTED.search(words_of(text)), text
    for text in ("label", "labelled", "stage", "package", "tapestry", "screw", "come", "back"):
        assert not INVENTED.search(words_of(text)), text


# --- density ------------------------------------------------------------------------------------------------------

COMPREHENSIONS = (ast.ListComp, ast.SetComp, ast.DictComp, ast.GeneratorExp)


def own_nodes(statement: ast.AST) -> Iterator[ast.AST]:
    """The nodes of a statement without those of the statements in it."""
    for child in ast.iter_child_nodes(statement):
        if not isinstance(child, ast.stmt):
            yield child
            yield from own_nodes(child)


def dense_lines(text: str) -> list[int]:
    """The lines of statements with two conditional expressions, or with one inside a comprehension."""
    lines = text.splitlines()
    found = []
    for statement in ast.walk(ast.parse(text)):
        if not isinstance(statement, ast.stmt):
            continue
        nodes = list(own_nodes(statement))
        conditional = [node for node in nodes if isinstance(node, ast.IfExp)]
        inside = [
            inner
            for node in nodes
            if isinstance(node, COMPREHENSIONS)
            for inner in ast.walk(node)
            if isinstance(inner, ast.IfExp)
        ]
        if len(conditional) < 2 and not inside:
            continue
        first, last = conditional[0].lineno, max(node.end_lineno or 0 for node in conditional)
        allowed = any(re.search(r"# dense: \w.*\w", line) for line in lines[statement.lineno - 1 : last])
        if not allowed:
            found.append(first)
    return sorted(found)


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: str(path.relative_to(ROOT)))
def test_a_statement_has_one_conditional_expression_at_most(path: Path) -> None:
    assert dense_lines(path.read_text()) == []


def test_dense_statements_are_recognised() -> None:
    assert dense_lines("a = 1 if b else 2\n") == []
    assert dense_lines("a = 1 if b else 2 if c else 3\n") == [1]
    assert dense_lines("if a:\n    b = [1 if c else 2 for c in d]\n") == [2]
    assert dense_lines("def f():\n    a = 1 if b else 2\n    return 1 if b else 2\n") == []
    assert dense_lines("a = 1 if b else 2 if c else 3  # dense: a table of three\n") == []
