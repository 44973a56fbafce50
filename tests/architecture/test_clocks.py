"""Tests do not depend on the speed of the machine: no sleeps and no measured durations outside a list with reasons."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
FILES = sorted((ROOT / "tests").rglob("*.py"))
CLOCKS = {
    f"time.{name}{unit}" for name in ("monotonic", "time", "perf_counter", "process_time") for unit in ("", "_ns")
}
FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef)
ADVICE = "use eventually or within (tests/tools/waiting.py), an event or a clock of the test, or add it with its reason"

# Who may sleep or compare times, and why: a function, a class, a file or a folder.
ALLOWED = {
    "tests/tools/waiting.py": "polls, and guards against waiting for ever: what all tests use instead of a clock",
    "tests/tools/chat_bots.py::Bot.says": "has the patience of a chat bot, which gives up after some seconds",
    "tests/tools/offline_youtube/server.py::_Connection._wait": "imitates a slow site, until it ends or is left",
    "tests/engines/clip/origin.py::Origin": "imitates a slow network",
    "tests/resilience/faults/proxy.py::FaultProxy": "imitates a network that is slow or stands still",
    "tests/resilience/faults/test_proxy.py::test_a_slow_one_keeps_its_rate": "at least so long, on any machine",
    "tests/engines/media/test_offline_youtube.py::test_slow_answer": "at least so long, on any machine",
    "tests/engines/media/test_offline_youtube_media.py::test_stall_and_crawl": "at least so long, on any machine",
    "tests/engines/media/test_offline_youtube_media.py::test_speed_and_distance": "at least so long, on any machine",
    "tests/engines/clip/test_faults.py::test_a_rate_limit_holds_for_all_connections_together": (
        "at least so long, on any machine: a limit is no rate that must be reached"
    ),
    "tests/services/test_account_service.py::test_a_taken_address_is_told_only_after_the_work_of_a_hash": (
        "compares two times of the processor, one of them the unit of the other"
    ),
    "tests/resilience/storm": "strikes a running service for minutes of real time, and measures how it recovers",
    "tests/system/demo.py": "shows the service to a person; it is no test",
}


def full_names(tree: ast.AST) -> dict[str, str]:
    """What names of ``time`` and ``asyncio`` are called in this module: ``{"pause": "time.sleep"}``."""
    found: dict[str, str] = {}
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            found |= {each.asname or each.name: each.name for each in node.names if each.name in ("time", "asyncio")}
        elif isinstance(node, ast.ImportFrom) and node.module in ("time", "asyncio"):
            found |= {each.asname or each.name: f"{node.module}.{each.name}" for each in node.names}
    return found


def full_name(node: ast.AST, names: dict[str, str]) -> str:
    """``time.sleep`` for each way to write it, otherwise an empty text."""
    if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id in names:
        return f"{names[node.value.id]}.{node.attr}"
    return names.get(node.id, "") if isinstance(node, ast.Name) else ""


def is_clock(node: ast.AST, names: dict[str, str], times: set[str]) -> bool:
    """Whether an expression contains a reading of a clock, or a name that holds one."""
    return any(full_name(each, names) in CLOCKS or name_of(each) in times for each in ast.walk(node))


def is_identity(node: ast.Compare) -> bool:
    """Whether it asks only if there is a time: ``began is None``."""
    return all(isinstance(each, ast.Is | ast.IsNot) for each in node.ops)


def name_of(node: ast.AST) -> str:
    """The name of a variable, with a point before that of an attribute."""
    if isinstance(node, ast.Attribute):
        return f".{node.attr}"
    return node.id if isinstance(node, ast.Name) else ""


def assignments(scope: ast.AST) -> Iterator[tuple[list[ast.expr], ast.expr]]:
    """(what is assigned to, the value) of every assignment; appending to a list is one, too."""
    for node in ast.walk(scope):
        if isinstance(node, ast.Assign):
            target = node.targets[0]
            if isinstance(target, ast.Tuple) and isinstance(node.value, ast.Tuple):
                yield from (([one], value) for one, value in zip(target.elts, node.value.elts, strict=False))
            else:
                yield node.targets, node.value
        elif isinstance(node, ast.AnnAssign | ast.NamedExpr | ast.AugAssign) and node.value is not None:
            yield [node.target], node.value
        elif isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr == "append":
            yield [node.func.value], node.args[0]


def times_in(scope: ast.AST, names: dict[str, str], known: set[str]) -> set[str]:
    """The names that hold a time or a duration of a real clock; a name that is made of them is one of them."""
    found = set(known)
    while True:
        more = {
            name_of(each)
            for targets, value in assignments(scope)
            if is_clock(value, names, found)
            for target in targets
            for each in ast.walk(target)
            if isinstance(each, ast.Name | ast.Attribute)
        } - {"", "self"}
        if more <= found:
            return found
        found |= more


def breaches_of(text: str) -> list[tuple[str, int, str]]:
    """(function, line, what it does) of every sleep and every comparison of measured times in a module."""
    tree = ast.parse(text)
    names = full_names(tree)
    attributes = {name for name in times_in(tree, names, set()) if name.startswith(".")}
    found: list[tuple[str, int, str]] = []

    def visit(node: ast.AST, place: str, times: set[str]) -> None:
        if isinstance(node, (*FUNCTIONS, ast.ClassDef)):
            if isinstance(node, FUNCTIONS):
                times = times_in(node, names, times)
            place = f"{place}.{node.name}".lstrip(".")
        if isinstance(node, ast.Call) and full_name(node.func, names) == "asyncio.sleep":
            if ast.unparse(node.args[0]) != "0":
                found.append((place, node.lineno, "asyncio.sleep"))
        elif full_name(node, names) == "time.sleep":
            found.append((place, getattr(node, "lineno", 0), "time.sleep"))
        elif isinstance(node, ast.Compare) and not is_identity(node) and is_clock(node, names, times):
            found.append((place, node.lineno, "compares times"))
        for child in ast.iter_child_nodes(node):
            visit(child, place, times)

    visit(tree, "", attributes)
    return found


def allowed_by(path: str, function: str) -> set[str]:
    """The entries of the list that allow a place: its folder, its file, its class, or itself."""
    parts = function.split(".")
    places = {
        path,
        str(Path(path).parent),
        *(f"{path}::{'.'.join(parts[:count])}" for count in range(1, len(parts) + 1)),
    }
    return places & set(ALLOWED)


def test_no_test_depends_on_the_speed_of_the_machine() -> None:
    used: set[str] = set()
    found: list[str] = []
    for path in FILES:
        name = str(path.relative_to(ROOT))
        for function, line, what in breaches_of(path.read_text()):
            allowed = allowed_by(name, function)
            used |= allowed
            if not allowed:
                found.append(f"{name}:{line}: {what} ({function})")
    assert found == [], ADVICE
    assert set(ALLOWED) - used == set(), "remove these entries: nothing there sleeps or measures any more"


def test_every_exception_has_a_reason() -> None:
    assert all(len(reason.split()) > 3 for reason in ALLOWED.values())


@pytest.mark.parametrize(
    "text",
    [
        "import time\ntime.sleep(1)",
        "import time as clock\nclock.sleep(0)",
        "from time import sleep as pause\npause(0.1)",
        "import time\nslow = time.sleep",
        "import asyncio\nasync def f():\n    await asyncio.sleep(0.1)",
        "from asyncio import sleep\nasync def f(n):\n    await sleep(n)",
        "import time\ndef f():\n    began = time.monotonic()\n    assert time.monotonic() - began < 2",
        "import time\ndef f():\n    began = time.time()\n    took = time.time() - began\n    assert 1 < took",
        "from time import perf_counter\ndef f():\n    began = perf_counter()\n    assert perf_counter() - began < 2",
        "import time\ndef f(g):\n    rate, began = 5, time.monotonic()\n    g()\n    assert rate < began",
        "import time\ndef f():\n    until = time.monotonic() + 5\n    while time.monotonic() < until:\n        pass",
        "import time\ndef f(g):\n    took = []\n    took.append(time.monotonic())\n    g()\n    assert max(took) < 2",
        "import time\nclass A:\n    def f(self):\n        self.at = time.time()\ndef g(a):\n    assert a.at < 5",
    ],
)
def test_clocks_are_found(text: str) -> None:
    assert breaches_of(text)


@pytest.mark.parametrize(
    "text",
    [
        "import asyncio\nasync def f():\n    await asyncio.sleep(0)",
        "import time\ndef f(g):\n    g(f'user{time.monotonic_ns()}', claimed_at=time.monotonic())",
        "def f(clock):\n    began = clock.monotonic()\n    clock.sleep(5)\n    assert clock.monotonic() - began == 5",
        "import time\ndef f(path, utime):\n    long_ago = time.time() - 7200\n    utime(path, long_ago)",
        "import time\ndef f():\n    began = time.time()\n    print(began)\ndef g(began):\n    assert began < 5",
        "code = 'import time; time.sleep(1)'",
    ],
)
def test_what_measures_nothing_is_left_alone(text: str) -> None:
    assert not breaches_of(text)
