"""Brings yt-dlp up to date, together with the yt-dlp-ejs that its release names.

Without options this changes the environment and ``requirements.txt``; with ``--into`` only that folder.
"""

from __future__ import annotations

import argparse
import re
import subprocess
import sys
import tempfile
from pathlib import Path

REQUIREMENTS = Path(__file__).resolve().parents[1] / "requirements.txt"
PACKAGES = ("yt-dlp", "yt-dlp-ejs")
PIP = [sys.executable, "-m", "pip", "--disable-pip-version-check"]


def ask(code: str, folder: Path | None = None) -> str:
    """Return what this line of Python prints in a new process, because this one may have cached old versions.

    ``folder``: where packages are found first.
    """
    prefix = f"import sys; sys.path.insert(0, {str(folder)!r}); " if folder else ""
    return subprocess.run(
        [sys.executable, "-c", prefix + code], check=True, capture_output=True, text=True
    ).stdout.strip()


def installed(package: str, folder: Path | None = None) -> str:
    """Return the version of a package."""
    return ask(f"import importlib.metadata as m; print(m.version({package!r}))", folder)


def wanted_ejs(folder: Path | None = None) -> str:
    """Return the one version of yt-dlp-ejs that the installed yt-dlp works with."""
    needs = ask("import importlib.metadata as m; print(*m.requires('yt-dlp'), sep='\\n')", folder)
    found = re.search(r"^yt-dlp-ejs==([\w.]+)", needs, flags=re.MULTILINE)
    if found is None:
        sys.exit("This yt-dlp names no yt-dlp-ejs: install the version that its release notes name, by hand.")
    return found[1]


def update_environment() -> None:
    """Update the environment and ``requirements.txt``, and print what changed."""
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


def update_folder(folder: Path) -> None:
    """Install the newest versions into a new folder and exchange it for the old one, so that none is half written."""
    folder.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=".yt-dlp-", dir=folder.parent) as work:
        fresh, old = Path(work, "fresh"), Path(work, "old")
        install = [*PIP, "install", "--quiet", "--no-deps", "--no-cache-dir", "--target", str(fresh)]
        subprocess.run([*install, "yt-dlp"], check=True)
        subprocess.run([*install, f"yt-dlp-ejs=={wanted_ejs(fresh)}"], check=True)
        versions = ", ".join(f"{package} {installed(package, fresh)}" for package in PACKAGES)
        if folder.exists():
            folder.rename(old)
        fresh.rename(folder)
    sys.stdout.write(f"{versions} in {folder}: used from the next start on, if newer than the installed version\n")


def main() -> None:
    """Update what the options name."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--into", type=Path, metavar="FOLDER", help="install into this folder instead")
    folder = parser.parse_args().into
    if folder is None:
        update_environment()
    else:
        update_folder(folder.absolute())


if __name__ == "__main__":
    main()
