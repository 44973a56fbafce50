"""What every test may use."""

from __future__ import annotations

import hypothesis
import pytest

from src.utils.process import give_up_real_time

pytest_plugins = ["tests.tools.stores"]

# How long an example may take says more about the machine than about the code.
hypothesis.settings.register_profile("project", deadline=None)
hypothesis.settings.load_profile("project")

# Films are encoded in this process, too.
give_up_real_time()


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Groups first: each keeps one process busy for minutes; the many short tests fill up what the other has left."""
    items.sort(key=lambda item: item.get_closest_marker("xdist_group") is None)
