"""What the archive services tell."""

from __future__ import annotations

from typing import Any


class Record:
    """What a service told, field by field as attributes; ``data`` has all of it."""

    def __init__(self, data: dict[str, Any]) -> None:
        self.data = data

    def __getattr__(self, name: str) -> Any:
        try:
            return self.data[name]
        except KeyError:
            raise AttributeError(name) from None

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.data!r})"


class Job(Record):
    """A download job."""

    @property
    def progress(self) -> float:
        """Percent; 0 for one that was just created."""
        return float(self.data.get("progress") or 0)
