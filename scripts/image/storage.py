"""Builds images with buildah, in a storage of its own."""

from __future__ import annotations

import shlex
import shutil
import subprocess
import tempfile
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[2]
BASE = "docker.io/library/debian:trixie-slim"
"""What the ``FROM`` of the Dockerfile names; a system that debootstrap creates takes its place."""
TAG = "localhost/yt-downloader:proof"
CERTIFICATES = "/etc/pip-certificates.pem"
"""Where a build or a system finds the certificates that pip's settings name, if they name any."""


@dataclass(frozen=True)
class Mount:
    """A file or folder of this machine inside a container."""

    source: Path
    target: str
    writable: bool = False


@dataclass(frozen=True)
class Storage:
    """The images below a folder."""

    folder: Path

    def buildah(self, *arguments: str) -> str:
        """Run buildah and return what it prints.

        Raises:
            subprocess.CalledProcessError: it failed; its messages are on standard error.
        """
        own = ["--storage-driver", "vfs", "--root", str(self.folder / "images"), "--runroot", str(self.folder / "run")]
        done = subprocess.run(["buildah", *own, *arguments], stdout=subprocess.PIPE, text=True, check=True)
        return done.stdout.strip()

    def has(self, image: str) -> bool:
        """Return whether the image exists."""
        names = self.buildah("images", "--format", "{{.Name}}:{{.Tag}}").splitlines()
        return image in names

    def create_base(self) -> None:
        """Create Debian 13 with debootstrap and tag it as the base image, unless it exists."""
        if self.has(BASE):
            return
        system = self.folder / "debian"
        include = "--include=ca-certificates"
        # What debootstrap mounts ends with this namespace.
        create = ["unshare", "--mount", "--", "debootstrap", "--variant=minbase", include, "trixie", str(system)]
        subprocess.run(create, check=True)
        for package in (system / "var/cache/apt/archives").glob("*.deb"):
            package.unlink()
        container = self.buildah("from", "scratch")
        self.buildah("copy", "--quiet", container, str(system), "/")
        self.buildah("commit", "--quiet", "--rm", container, BASE)
        shutil.rmtree(system)

    def build(self, mounts: list[Mount]) -> None:
        """Build the image from a clean tree: what the last commit contains, nothing else."""
        with tempfile.TemporaryDirectory(dir=self.folder) as tree:
            archive = subprocess.run(["git", "-C", str(ROOT), "archive", "HEAD"], stdout=subprocess.PIPE, check=True)
            subprocess.run(["tar", "-x", "-C", tree], input=archive.stdout, check=True)
            volumes = [f"--volume={mount.source}:{mount.target}:ro" for mount in mounts]
            options = ("--isolation", "chroot", "--pull-never", "--layers", "--format", "docker", "--tag", TAG)
            self.buildah("bud", *options, *volumes, tree)

    def mounted(self) -> Path:
        """Return the files of a new container of the image; ``buildah rm --all`` removes it."""
        return Path(self.buildah("mount", self.buildah("from", "--pull-never", TAG)))

    def size(self) -> str:
        """Return the size of the unpacked image, its base included, such as ``983 MB``."""
        return self.buildah("images", "--format", "{{.Size}}", TAG)


def package_settings(folder: Path) -> list[Mount]:
    """Return what a build needs to reach the package servers of this machine: pip's and apt's own settings."""
    settings = _pip_settings()
    mounts = []
    if certificates := settings.pop("cert", ""):
        mounts.append(Mount(Path(certificates), CERTIFICATES))
        settings["cert"] = CERTIFICATES
    lines = [f"{name} = {value}" for name, value in settings.items()]
    written = folder / "pip.conf"
    written.write_text("\n".join(["[global]", *lines, ""]))
    mounts.append(Mount(written, "/etc/pip.conf"))
    for file in Path("/etc/apt/apt.conf.d").glob("*"):
        if "Acquire::" in file.read_text():
            mounts.append(Mount(file, f"/etc/apt/apt.conf.d/{file.name}"))
    return mounts


def _pip_settings() -> dict[str, str]:
    listed = subprocess.run(["python3", "-m", "pip", "config", "list"], capture_output=True, text=True, check=True)
    found = {}
    for line in listed.stdout.splitlines():
        name, _, value = line.partition("=")
        key = name.split(".")[-1]
        text = "".join(shlex.split(value))
        if key in {"index-url", "extra-index-url", "trusted-host", "cert", "timeout"} and "file:" not in text:
            found[key] = text
    return found
