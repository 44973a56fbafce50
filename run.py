"""Development entry: everything that ``start_server.py`` starts, begun again whenever a source file changes."""

from __future__ import annotations

import sys

from src.launcher.__main__ import main

if __name__ == "__main__":
    sys.exit(main(["--dev", *sys.argv[1:]]))
