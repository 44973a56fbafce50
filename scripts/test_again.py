"""Runs the tests that failed in the last run again, one after the other, if they are few: ``make test-again``.

A test that fails among thousands and passes alone is unsteady: it, or what it tests, depends on the order of events.
That is a fault to be found, but not one of the latest change. More than a few failures are never explained like this.
"""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

MOST = 3
LAST_FAILED = Path(".pytest_cache/v/cache/lastfailed")  # pytest writes it: id -> true


def last_failed(path: Path = LAST_FAILED) -> list[str]:
    """Return the ids of the tests that failed in the last run; none if it did not get so far as to record them."""
    try:
        return sorted(json.loads(path.read_text(encoding="utf-8")))
    except (OSError, ValueError):
        return []


def main() -> int:
    """Return 0 if there were few failures and all of these tests pass now."""
    failed = last_failed()
    if not 0 < len(failed) <= MOST:
        print(f"{len(failed)} failures are recorded: nothing is run again (1 to {MOST} would be)", flush=True)
        return 1
    code = subprocess.run([sys.executable, "-m", "pytest", "-q", *failed], check=False).returncode
    if code == 0:
        print("UNSTEADY (failed in the whole run, passed alone):", *failed, sep="\n  ", flush=True)
    return code


if __name__ == "__main__":
    sys.exit(main())
