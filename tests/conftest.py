"""What every test may use."""

from __future__ import annotations

from collections import Counter

import hypothesis
import pytest

from src.utils.process import give_up_real_time

pytest_plugins = ["tests.tools.stores"]

# How long an example may take says more about the machine than about the code.
hypothesis.settings.register_profile("project", deadline=None)
hypothesis.settings.load_profile("project")

# Films are encoded in this process, too.
give_up_real_time()


def pytest_addoption(parser: pytest.Parser) -> None:
    """``--matrix``: run every row of the large tables, not only the representatives."""
    parser.addoption("--matrix", action="store_true", help="run every row of the tables marked matrix(every)")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Keep the representatives of large tables, and run groups first: each keeps one process busy for minutes, and the
    many short tests fill up what the other has left."""
    if not config.getoption("matrix"):
        _leave_representatives(config, items)
    items.sort(key=lambda item: item.get_closest_marker("xdist_group") is None)


def _leave_representatives(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Deselect all but every n-th row of each table marked ``matrix(n)``, and all for 0.

    A test that is asked for by its id runs.
    """
    asked = [argument for argument in config.args if "[" in argument]
    rows: Counter[str] = Counter()
    left: list[pytest.Item] = []
    others: list[pytest.Item] = []
    for item in items:
        marker = item.get_closest_marker("matrix")
        place = 0
        if marker is not None and not asked:
            table = item.nodeid.split("[", 1)[0]
            place = rows[table] % marker.args[0] if marker.args[0] else 1
            rows[table] += 1
        (others if place else left).append(item)
    if others:
        config.hook.pytest_deselected(items=others)
        items[:] = left


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Report how long each folder took, the sum over all processes."""
    seconds: Counter[str] = Counter()
    for reports in terminalreporter.stats.values():
        for report in reports:
            if isinstance(report, pytest.TestReport):
                folder = "/".join(report.nodeid.split("/")[:2])
                seconds[folder] += report.duration  # type: ignore[assignment]
    terminalreporter.write_line(", ".join(f"{folder} {spent:.0f} s" for folder, spent in seconds.most_common()))
