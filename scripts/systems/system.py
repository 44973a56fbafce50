"""Creates a bare Debian system with debootstrap, and enters it by pivot_root (bubblewrap)."""

from __future__ import annotations

import os
import platform
import shutil
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from scripts.image.storage import ROOT, Mount
from scripts.systems import emulation

RELEASES = {"12": "bookworm", "13": "trixie", "testing": "testing"}
# What README.md asks for, and certificates for the package index.
_PACKAGES = "ca-certificates,git,make,python3,python3-venv"
_MACHINES = {"x86_64": "amd64", "aarch64": "arm64"}


@dataclass(frozen=True)
class System:
    """A bare system: release, processor, user, and whether the distribution's FFmpeg is installed.

    A system for the tests is one of its own, since their packages are added to it.
    """

    version: str
    architecture: str
    user: int
    ffmpeg: bool
    folder: Path
    tests: bool = False

    def __str__(self) -> str:
        name = "root" if self.user == 0 else "ordinary user"
        ffmpeg = "with FFmpeg" if self.ffmpeg else "without FFmpeg"
        return f"Debian {self.version} {self.architecture}, {name}, {ffmpeg}"

    @property
    def emulated(self) -> bool:
        """Whether another processor has to be emulated."""
        return self.architecture != _native()

    @property
    def root(self) -> Path:
        """The folder that holds the system."""
        suffix = ("-ffmpeg" if self.ffmpeg else "") + ("-tests" if self.tests else "")
        return self.folder / f"debian-{self.version}-{self.architecture}{suffix}"

    @property
    def project(self) -> Path:
        """The project inside the system, as seen from here."""
        return self.root / self.home.lstrip("/") / "yt-downloader"

    @property
    def home(self) -> str:
        """The home folder of the user inside the system."""
        return "/root" if self.user == 0 else "/home/anna"

    def create(self) -> None:
        """Create the system unless it exists, and put the last commit into the home folder of its user."""
        if self.emulated:
            emulation.enable()
        plain = self._plain()
        if not self.root.exists():
            unfinished = self.folder / "unfinished"
            shutil.rmtree(unfinished, ignore_errors=True)
            subprocess.run(["cp", "--archive", str(plain), str(unfinished)], check=True)
            if self.ffmpeg:
                _install(unfinished, "ffmpeg")
            unfinished.rename(self.root)
        self._add_user()
        shutil.rmtree(self.project, ignore_errors=True)
        self.project.mkdir(parents=True)
        archive = subprocess.run(["git", "-C", str(ROOT), "archive", "HEAD"], stdout=subprocess.PIPE, check=True)
        subprocess.run(["tar", "-x", "-C", str(self.project)], input=archive.stdout, check=True)
        if self.emulated:
            emulation.install(self.root, self.project)
            emulation.compile_modules(self.root, self.project, replace(self, architecture=_native())._plain())
        owner = f"{self.user}:{self.user}"
        subprocess.run(["chown", "--recursive", owner, str(self.project.parent)], check=True)

    def _add_user(self) -> None:
        for name, line in (("passwd", "anna:x:1000:1000::/home/anna:/bin/sh"), ("group", "anna:x:1000:")):
            known = self.root / "etc" / name
            if "\nanna:" not in known.read_text():
                with known.open("a") as lines:
                    lines.write(f"{line}\n")

    def install(self, packages: Sequence[str]) -> None:
        """Install packages as root, as a message of ``make test`` asks an ordinary user for."""
        _install(self.root, *packages)

    def _plain(self) -> Path:
        """Return the folder of the bare system, which is created unless it exists."""
        plain = self.folder / f"debian-{self.version}-{self.architecture}"
        if not plain.exists():
            _debootstrap(plain, RELEASES[self.version], self.architecture, foreign=self.emulated)
        return plain

    def entered(self, command: Sequence[str], environment: Mapping[str, str], mounts: Sequence[Mount]) -> list[str]:
        """Return the command line that runs a command inside, in the project's folder, as the user of the system."""
        variables = {"PATH": "/usr/local/bin:/usr/bin:/bin", "HOME": self.home, "LANG": "C.UTF-8", **environment}
        if self.emulated:
            variables["QEMU_CPU"] = "max"
        options = ["bwrap", "--bind", str(self.root), "/", "--dev", "/dev", "--proc", "/proc"]
        for folder in ("/tmp", "/dev/shm"):  # noqa: S108 (inside)
            options += ["--perms", "1777", "--tmpfs", folder]
        options += ["--ro-bind", "/sys", "/sys", "--ro-bind", "/etc/resolv.conf", "/etc/resolv.conf"]
        options += ["--ro-bind", "/etc/hosts", "/etc/hosts", "--die-with-parent", "--cap-add", "ALL"]
        for mount in mounts:
            options += ["--bind" if mount.writable else "--ro-bind", str(mount.source), mount.target]
        options += ["--chdir", f"{self.home}/yt-downloader", "--clearenv"]
        for name, value in variables.items():
            options += ["--setenv", name, value]
        drop = [] if self.user == 0 else ["setpriv", f"--reuid={self.user}", f"--regid={self.user}", "--clear-groups"]
        return [*options, "--", *drop, *command]


def _native() -> str:
    return _MACHINES[platform.machine()]


def _install(root: Path, *packages: str) -> None:
    environment = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    for command in (["update"], ["install", "--yes", "--no-install-recommends", *packages]):
        apt = ["chroot", str(root), "apt-get", "-qq", *command]
        subprocess.run(apt, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, check=True)


def _debootstrap(root: Path, release: str, architecture: str, *, foreign: bool) -> None:
    unfinished = root.with_name("unfinished")
    shutil.rmtree(unfinished, ignore_errors=True)
    options = ["--variant=minbase", f"--arch={architecture}", f"--include={_PACKAGES}"]
    if foreign:
        options.append("--foreign")
    # What debootstrap mounts ends with this namespace, and a later removal of the folder meets no foreign files.
    own_mounts = ["unshare", "--mount", "--"]
    first = [*own_mounts, "debootstrap", *options, release, str(unfinished)]
    subprocess.run(first, stdout=subprocess.DEVNULL, check=True)
    if foreign:
        emulation.unpack(unfinished)
    unfinished.rename(root)
