"""Runs ``make run`` on fresh bare systems up to a first clip: ``python -m scripts.systems``.

Needs root, debootstrap, bubblewrap and, for ``--architecture arm64`` on another processor, qemu-user-static. Prints one
row of a table per system for docs/tested-systems.md; exit code 1 if one failed.
"""

from __future__ import annotations

import argparse
import itertools
import os
import platform
import shlex
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

import httpx

from scripts.image.storage import CERTIFICATES, ROOT, Mount, package_settings
from scripts.image.story import NotAsExpected, Story
from scripts.systems.system import RELEASES, System
from tests.tools.live_service import descendants, free_port
from tests.tools.offline_youtube.site import OfflineYoutube

# Emulation is twenty times slower, and more than that for what is compiled while it runs.
_PATIENCE_SECONDS = {False: 900.0, True: 5400.0}
# One process of each kind, since each takes a minute to start.
_SMALL = {"API_PROCESSES": "1", "DOWNLOAD_WORKERS": "1", "PASSWORD_HASH_COST": "4"}
_MAKE_HELP = """also run this: check, test, 'test TEST_OPTIONS=tests/engines' and the like;
the folder that TEST_MEDIA_CACHE names, which the user must be able to write to, saves the making of the tests' films"""
_FILMS = "/mnt/films"
# What "make test" tells an ordinary user without the tests' packages.
_ADVICE = "Run once: sudo apt-get install "


@dataclass
class Trial:
    """One system and what is needed to try it."""

    system: System
    site: OfflineYoutube
    mounts: list[Mount]
    folder: Path

    def run(self, also: list[str]) -> str:
        """Run ``make run`` up to a first clip, then the other targets; return a row of the table.

        Raises:
            NotAsExpected: something failed; the message has the end of the output.
        """
        self.system.create()
        port = free_port()
        output = self.folder / "output.log"
        environment = {**self.site.environment(), "PORT": str(port)}
        if self.system.emulated:
            environment |= _SMALL
        command = self.system.entered(["make", "run"], environment, self.mounts)
        started = time.monotonic()
        with output.open("w") as sink:
            process = subprocess.Popen(command, stdout=sink, stderr=subprocess.STDOUT)
        try:
            ready = self._await_ready(process, output, started)
            clip = self._clip(port)
        except (NotAsExpected, httpx.HTTPError) as error:
            raise NotAsExpected(f"{error}\n{output.read_text()[-6000:]}") from None
        finally:
            _stop(process)
        sandbox = _between(output.read_text(), "the sandbox around media is ", "\n").split(";")[0]
        cells = [str(self.system), self._python(), f"{ready:.0f} s", f"{clip:.0f} s", sandbox]
        cells += [f"{target} {self._make(target)}" for target in also]
        return "| " + " | ".join(cells) + " |"

    def _await_ready(self, process: subprocess.Popen[bytes], output: Path, started: float) -> float:
        patience = _PATIENCE_SECONDS[self.system.emulated]
        while "yt-downloader is ready" not in output.read_text():
            waited = time.monotonic() - started
            if process.poll() is not None:
                raise NotAsExpected(f"make run ended with {process.returncode} after {waited:.0f} s")
            if waited > patience:
                raise NotAsExpected(f"make run was not ready after {waited:.0f} s")
            time.sleep(0.2)
        return time.monotonic() - started

    def _clip(self, port: int) -> float:
        started = time.monotonic()
        patience = _PATIENCE_SECONDS[self.system.emulated]
        downloads = self.system.project / "downloads"
        Story(f"http://127.0.0.1:{port}", self.site, downloads, self.folder, _say, patience).clip()
        return time.monotonic() - started

    def _python(self) -> str:
        show = self.system.entered([".venv/bin/python", "--version"], {}, self.mounts)
        return subprocess.run(show, capture_output=True, text=True, check=True).stdout.removeprefix("Python ").strip()

    def _make(self, target: str) -> str:
        """Run another target, with its options, and follow its advice; return how long it took."""
        report = self.system.root.with_name(f"{self.system.root.name}-{target.split()[0]}.log")
        started = time.monotonic()
        code = self._run_target(target, report)
        if code != 0 and (packages := _between(report.read_text(), _ADVICE, "\n")):
            self.system.install(packages.split())
            started = time.monotonic()
            code = self._run_target(target, report)
        if code != 0:
            raise NotAsExpected(f"make {target} failed, see {report}:\n{report.read_text()[-6000:]}")
        return f"{time.monotonic() - started:.0f} s"

    def _run_target(self, target: str, report: Path) -> int:
        mounts = list(self.mounts)
        variables = {}
        if any(mount.target == CERTIFICATES for mount in mounts):
            variables["NODE_EXTRA_CA_CERTS"] = CERTIFICATES  # npm's
        if films := os.environ.get("TEST_MEDIA_CACHE"):
            mounts.append(Mount(Path(films), _FILMS, writable=True))
            variables["TEST_MEDIA_CACHE"] = _FILMS
        command = self.system.entered(["make", *shlex.split(target)], variables, mounts)
        with report.open("w") as sink:
            return subprocess.run(command, stdout=sink, stderr=subprocess.STDOUT, check=False).returncode


def main() -> int:
    """Try every system that the options name."""
    parser = argparse.ArgumentParser(prog="python -m scripts.systems", description=__doc__)
    parser.add_argument("--folder", type=Path, default=ROOT / ".cache" / "systems")
    parser.add_argument("--architecture", choices=("amd64", "arm64"))
    parser.add_argument("--debian", choices=tuple(RELEASES), action="append")
    parser.add_argument("--user", choices=("root", "ordinary"), action="append")
    parser.add_argument("--ffmpeg", choices=("with", "without"), action="append")
    parser.add_argument("--make", action="append", default=[], metavar="TARGET", help=_MAKE_HELP)
    options = parser.parse_args()
    if missing := [name for name in ("debootstrap", "bwrap") if shutil.which(name) is None]:
        sys.exit(f"Missing {' and '.join(missing)}: sudo apt-get install debootstrap bubblewrap")
    if os.getuid() != 0:
        sys.exit("Only root can create systems")
    architecture = options.architecture or {"x86_64": "amd64", "aarch64": "arm64"}[platform.machine()]
    options.folder.mkdir(parents=True, exist_ok=True)
    kinds = itertools.product(
        options.debian or ["12", "13"], options.user or ["ordinary", "root"], options.ffmpeg or ["without", "with"]
    )
    failed = 0
    with OfflineYoutube() as site:
        for version, user, ffmpeg in kinds:
            uid = 0 if user == "root" else 1000
            tests = any(target.startswith("test") for target in options.make)
            system = System(version, architecture, uid, ffmpeg == "with", options.folder, tests=tests)
            with tempfile.TemporaryDirectory(prefix="trial-") as name:
                folder = Path(name)
                folder.chmod(0o755)
                try:
                    _say(Trial(system, site, package_settings(folder), folder).run(options.make))
                except NotAsExpected as error:
                    failed += 1
                    _say(f"| {system} | FAILED: {error}")
    return min(failed, 1)


def _stop(process: subprocess.Popen[bytes]) -> None:
    """Stop the launcher; Ctrl-C would be ignored where this script runs in the background."""
    for pid in descendants(process.pid):
        if b"start_server.py" in Path(f"/proc/{pid}/cmdline").read_bytes():
            os.kill(pid, signal.SIGTERM)
            break
    try:
        process.wait(180)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait(30)


def _between(text: str, start: str, end: str) -> str:
    return text.partition(start)[2].partition(end)[0]


def _say(line: str) -> None:
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())
