"""Generates the blocking clients (``clients/python``) from the async ones: ``python -m scripts.generate.client_docs``.

Both have one source, so that they never differ; only names are replaced.
"""

from __future__ import annotations

import re
from pathlib import Path

PACKAGE = Path(__file__).resolve().parents[2] / "clients" / "python" / "yt_downloader_client"
WRITTEN = ("client.py", "archive.py", "audio.py")
_NOTE = "# Written by 'make docs' from aio/{name}: change it there.\n\n"
_NAMES = {
    "AsyncClient": "Client",
    "AsyncAutoDownloadClient": "AutoDownloadClient",
    "YTArchiveClient": "YTArchiveSyncClient",
    "asyncio": "time",
    "__aenter__": "__enter__",
    "__aexit__": "__exit__",
    "aclose": "close",
    "aread": "read",
    "aiter_bytes": "iter_bytes",
}
_NAME = re.compile(r"\b(?:async |await |" + "|".join(_NAMES) + r")(?:(?<= )|\b)")


def blocking(name: str) -> str:
    """Return the source of a blocking client."""
    source = (PACKAGE / "aio" / name).read_text(encoding="utf-8")
    return _NOTE.format(name=name) + _NAME.sub(lambda found: _NAMES.get(found[0], ""), source)


def main() -> None:
    """Write all blocking clients."""
    for name in WRITTEN:
        (PACKAGE / "blocking" / name).write_text(blocking(name), encoding="utf-8")


if __name__ == "__main__":
    main()
