"""What pages of the project name exists: files, links, tests, and the figures of the layers."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from scripts.count_layers import clip_files, layers, summary

ROOT = Path(__file__).parents[2]
PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").glob("*.md"))]
# ADRs record their time; docs/adr/README.md translates the names of files in them.
LINKING = [*PAGES, *sorted((ROOT / "docs/adr").glob("*.md"))]
EXAMPLES = {"src/services/downloads/note_kind.py"}  # the file that the example of CONTRIBUTING.md creates


def anchors(page: Path) -> set[str]:
    """The anchors of the headings of a page."""
    titles = re.findall(r"^#+ (.+)$", page.read_text(), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", title.lower()).replace(" ", "-") for title in titles}


def exists(name: str) -> bool:
    """Whether a file, a folder or at least one file of a pattern is there."""
    return bool(list(ROOT.glob(name))) if "*" in name else (ROOT / name).exists()


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_files_that_a_page_names_exist(page: Path) -> None:
    named = set(re.findall(r"(?<![\w/.])(?:src|tests|scripts|docs)/[\w./*-]*[\w/]", page.read_text()))
    assert [name for name in sorted(named - EXAMPLES) if not exists(name)] == []


@pytest.mark.parametrize("page", LINKING, ids=lambda page: page.name)
def test_links_of_a_page_lead_somewhere(page: Path) -> None:
    dead = []
    for link in re.findall(r"\]\(([^)\s]+)\)", page.read_text()):
        name, _, anchor = link.partition("#")
        target = (page.parent / name).resolve() if name else page
        if "://" in link:
            continue
        if not target.exists() or (anchor and anchor not in anchors(target)):
            dead.append(link)
    assert dead == []


def test_every_decision_is_in_the_index() -> None:
    index = (ROOT / "docs/adr/README.md").read_text()
    assert [page.name for page in (ROOT / "docs/adr").glob("0*.md") if f"({page.name})" not in index] == []


def test_every_package_is_in_the_tree() -> None:
    text = (ROOT / "docs/architecture.md").read_text()
    units = [unit for layer in layers() for unit in layer]
    assert [unit for unit in units if f"src/services/{unit}" not in text] == []
    assert [name for name in clip_files() if Path(name).name not in text] == []


def test_the_figures_of_the_layers_are_fresh() -> None:
    assert f"> {summary()}" in (ROOT / "docs/architecture.md").read_text(), "run python -m scripts.count_layers"
