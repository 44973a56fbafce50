"""Writes the blocking clients (``clients/python``) from those that await: ``python -m scripts.generate.client_docs``.

One text for both, so that neither lacks what the other has. Only words are exchanged.
"""

from __future__ import annotations

import re
from pathlib import Path

PACKAGE = Path(__file__).resolve().parents[2] / "clients" / "python" / "yt_downloader_client"
WRITTEN = ("client.py", "archive.py", "audio.py")
_NOTE = "# Written by 'make docs' from aio/{name}: change it there.\n\n"
_WORDS = {
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
_WORD = re.compile(r"\b(?:async |await |" + "|".join(_WORDS) + r")(?:(?<= )|\b)")


def blocking(name: str) -> str:
    """Return the text of a blocking client."""
    source = (PACKAGE / "aio" / name).read_text(encoding="utf-8")
    return _NOTE.format(name=name) + _WORD.sub(lambda found: _WORDS.get(found[0], ""), source)


def main() -> None:
    """Write all of them anew."""
    for name in WRITTEN:
        (PACKAGE / "blocking" / name).write_text(blocking(name), encoding="utf-8")


if __name__ == "__main__":
    main()
