"""Writes ``.env.example`` and ``docs/settings.md`` from ``Settings``: ``python -m scripts.generate.settings_docs``."""

from __future__ import annotations

import inspect
import json
import re
from collections.abc import Iterator
from pathlib import Path

from pydantic.fields import FieldInfo

from src.config import CONFIG_FILE_KEYS, HOW_TO_CREATE_A_SECRET, SECRET_NAMES, UNUSED_CONFIG_KEYS, Settings

PROJECT = Path(__file__).resolve().parents[2]

_CONFIG_FILE = (
    "## config.json",
    "",
    "A file `config.json` in the project's folder is read, too; environment and `.env` win over it.",
    f"{' and '.join(f'`{key}`' for key in sorted(UNUSED_CONFIG_KEYS))} may stand in it and do nothing; it may have",
    "these keys and no others:",
    "",
    "| key | stands for |",
    "|---|---|",
)
_HEADING = re.compile(r"    # (?P<title>.+)\.$")
_ROW = re.compile(r"    (?P<name>[a-z0-9_]+): .*= row\(")


def documents() -> dict[Path, str]:
    """Return the generated files by their path in the project."""
    return {Path(".env.example"): _env_example(), Path("docs/settings.md"): _page()}


def _sections() -> Iterator[tuple[str, list[tuple[str, FieldInfo]]]]:
    """The rows under the comment that stands above them in ``Settings``."""
    title, rows = "General", list[tuple[str, FieldInfo]]()
    for line in inspect.getsource(Settings).splitlines():
        if heading := _HEADING.match(line):
            if rows:
                yield title, rows
            title, rows = heading["title"], []
        elif row := _ROW.match(line):
            rows.append((row["name"], Settings.model_fields[row["name"]]))
    yield title, rows


def _default(field: FieldInfo) -> str:
    value = field.default
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    return json.dumps(value) if isinstance(value, dict) else str(value)


def _env_example() -> str:
    lines = [
        "# Copy to .env and change what you need; each line shows the default.",
        "# With nothing set, embedded stores are started and the secrets are made once, in DATA_DIR.",
        "# Written by 'make docs' from src/config.py.",
    ]
    for title, rows in _sections():
        lines += ["", f"# --- {title} ---"]
        for name, field in rows:
            lines += ["", f"# {field.description}", f"#{name.upper()}={_default(field)}"]
            if name in SECRET_NAMES:
                lines.insert(-1, f"# Create one: {HOW_TO_CREATE_A_SECRET}")
    return "\n".join(lines) + "\n"


def _page() -> str:
    lines = [
        "# Settings",
        "",
        "Environment variables, or lines of a file `.env` in the project's folder (the environment wins). Relative",
        "paths start at the project's folder. Written by `make docs` from `src/config.py`.",
    ]
    for title, rows in _sections():
        lines += ["", f"## {title}", "", "| variable | default | meaning |", "|---|---|---|"]
        for name, field in rows:
            default = _default(field)
            meaning = str(field.description).replace("|", "\\|")
            lines.append(f"| `{name.upper()}` | {f'`{default}`' if default else ''} | {meaning} |")
    lines += ["", *_CONFIG_FILE, *(f"| `{key}` | `{name}` |" for key, name in CONFIG_FILE_KEYS.items())]
    return "\n".join(lines) + "\n"


def main() -> None:
    """Write the files."""
    for path, text in documents().items():
        target = PROJECT / path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
