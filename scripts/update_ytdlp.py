"""Brings yt-dlp up to date, with the yt-dlp-ejs its release names, and writes both versions to requirements.txt."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

REQUIREMENTS = Path(__file__).resolve().parents[1] / "requirements.txt"
PACKAGES = ("yt-dlp", "yt-dlp-ejs")
PIP = [sys.executable, "-m", "pip", "--disable-pip-version-check"]


def ask(code: str) -> str:
    """What this line of Python prints in a fresh process: this one may remember old versions."""
    return subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True).stdout.strip()


def installed(package: str) -> str:
    """The version of a package."""
    return ask(f"import importlib.metadata as m; print(m.version({package!r}))")


def wanted_ejs() -> str:
    """The one version of yt-dlp-ejs that the installed yt-dlp works with."""
    needs = ask("import importlib.metadata as m; print(*m.requires('yt-dlp'), sep='\\n')")
    found = re.search(r"^yt-dlp-ejs==([\w.]+)", needs, flags=re.MULTILINE)
    if found is None:
        sys.exit("This yt-dlp names no yt-dlp-ejs: install the one its release notes name, by hand.")
    return found[1]


def main() -> None:
    """Update, and say what changed."""
    before = {package: installed(package) for package in PACKAGES}
    subprocess.run([*PIP, "install", "--quiet", "--no-deps", "--upgrade", "yt-dlp"], check=True)
    subprocess.run([*PIP, "install", "--quiet", "--no-deps", f"yt-dlp-ejs=={wanted_ejs()}"], check=True)
    text = REQUIREMENTS.read_text()
    for package in PACKAGES:
        now = installed(package)
        text = re.sub(rf"^{re.escape(package)}==.*$", f"{package}=={now}", text, flags=re.MULTILINE)
        news = "is the newest" if now == before[package] else f"-> {now}"
        sys.stdout.write(f"{package} {before[package]} {news}\n")
    REQUIREMENTS.write_text(text)


if __name__ == "__main__":
    main()
