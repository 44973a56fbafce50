"""``from auto_download_client import AutoDownloadClient``, or ``auto_download_client.py URL --username NAME``."""

from __future__ import annotations

import sys

from yt_downloader_client import AutoDownloadClient

__all__ = ["AutoDownloadClient"]

if __name__ == "__main__":
    from yt_downloader_client.cli import main

    sys.exit(main(["audio", *sys.argv[1:]]))
