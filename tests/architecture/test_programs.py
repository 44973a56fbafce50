"""Every program that ``src`` starts ends with its parent: what a killed worker had started must not go on alone."""

from __future__ import annotations

import ast
from pathlib import Path

ROOT = Path(__file__).parents[2]
_STARTS = {"run", "Popen", "check_output", "check_call", "call"}


def starts() -> list[tuple[str, ast.Call]]:
    """Each call in ``src`` that starts a program, with its file."""
    found = []
    for path in sorted((ROOT / "src").rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text())):
            if not isinstance(node, ast.Call) or not isinstance(node.func, ast.Attribute):
                continue
            owner = node.func.value
            if isinstance(owner, ast.Name) and owner.id == "subprocess" and node.func.attr in _STARTS:
                found.append((str(path.relative_to(ROOT / "src")), node))
    return found


def test_every_program_ends_with_its_parent() -> None:
    found = starts()
    assert len(found) > 5
    alone = [
        f"{path}:{call.lineno}" for path, call in found if not any(given.arg == "preexec_fn" for given in call.keywords)
    ]
    assert alone == []
