"""Counts the units and levels of ``src/services`` and the hops of a clip: ``python -m scripts.count_layers``.

The layers are those of the import linter in ``pyproject.toml``; docs/architecture.md contains the result.
"""

from __future__ import annotations

import functools
import tomllib
from pathlib import Path

import grimp

ROOT = Path(__file__).parents[1]
SERVICES = "src.services"
# The files that a request for a clip passes in the worker, in this order; ``=>`` is the border of a process.
CLIP_PATH = (
    "src/tasks.py",
    "src/services/jobs/runner.py",
    "src/services/clips/kind.py",
    "src/services/jobs/results.py",
    "src/services/video_service.py",
    "src/services/cutting/cutter.py",
    "src/services/cutting/sandbox.py",
    "=>",
    "src/services/cutting/sandbox_child.py",
    "src/services/cutting/engine/engine.py",
    "src/services/cutting/engine/session.py",
    "src/services/cutting/engine/attempt.py",
)
# What else a reader opens to follow the clip: its parameters, the choice of formats, the order, the verification.
CLIP_ALSO = (
    "src/models/params.py",
    "src/services/youtube/selection.py",
    "src/services/cutting/engine/model.py",
    "src/services/cutting/acceptance.py",
)


def clip_files() -> list[str]:
    """The files of the path of a clip, without the border."""
    return [name for name in CLIP_PATH if name != "=>"]


def layers() -> list[list[str]]:
    """The declared layers of ``src/services``, from top to bottom, with the units of each."""
    config = tomllib.loads((ROOT / "pyproject.toml").read_text())
    contracts = config["tool"]["importlinter"]["contracts"]
    found = next(one for one in contracts if one.get("containers") == [SERVICES])
    return [layer.replace(":", "|").replace(" ", "").split("|") for layer in found["layers"]]


def longest_chain() -> int:
    """The number of units in the longest chain of imports, units of the same layer included."""
    graph = grimp.build_graph("src", cache_dir=None)
    units = graph.find_children(SERVICES)

    def unit_of(module: str) -> str | None:
        return next((unit for unit in units if module == unit or module.startswith(f"{unit}.")), None)

    imports: dict[str, set[str]] = {unit: set() for unit in units}
    for module in graph.modules:
        importer = unit_of(module)
        for imported in graph.find_modules_directly_imported_by(module):
            target = unit_of(imported)
            if importer is not None and target is not None and importer != target:
                imports[importer].add(target)

    @functools.cache
    def height(unit: str) -> int:
        return 1 + max((height(below) for below in imports[unit]), default=0)

    return max(map(height, units))


def summary() -> str:
    """The figures in one line, as docs/architecture.md contains them."""
    declared, path = layers(), clip_files()
    return (
        f"{sum(map(len, declared))} units of `src/services` on {len(declared)} levels "
        f"(the longest chain of imports has {longest_chain()} units); a clip takes {len(path) - 1} hops in the worker, "
        f"and {len(path) + len(CLIP_ALSO)} files follow it from the message to the frame."
    )


if __name__ == "__main__":
    print(summary())  # noqa: T201 (output of a command)
