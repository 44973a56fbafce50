"""Prepares systems for arm64 on another processor: what qemu would take hours for is done without it."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

_EMULATOR = Path("/usr/bin/qemu-aarch64-static")
_FORMATS = Path("/proc/sys/fs/binfmt_misc")
# Magic and mask of qemu-user-static's own registration (/usr/lib/binfmt.d). With the flag F the kernel
# keeps the emulator open, and so finds it in every root.
_REGISTRATION = (
    r":qemu-aarch64:M::\x7fELF\x02\x01\x01\x00\x00\x00\x00\x00\x00\x00\x00\x00\x02\x00\xb7\x00"
    r":\xff\xff\xff\xff\xff\xff\xff\x00\xff\xff\xff\xff\xff\xff\xff\xff\xfe\xff\xff\xff"
    rf":{_EMULATOR}:F"
)
_NEWEST_GLIBC = 41  # that of Debian 13; for a foreign platform every tag must be named


def enable() -> None:
    """Let the kernel start programs for arm64 with qemu."""
    if not (_FORMATS / "register").exists():
        subprocess.run(["mount", "-t", "binfmt_misc", "binfmt_misc", str(_FORMATS)], check=True)
    if not (_FORMATS / "qemu-aarch64").exists():
        (_FORMATS / "register").write_text(_REGISTRATION)


def unpack(system: Path) -> None:
    """Finish a system of ``debootstrap --foreign`` without its packages' own scripts."""
    for package in sorted((system / "var/cache/apt/archives").glob("*.deb")):
        subprocess.run(["dpkg-deb", "--extract", str(package), str(system)], check=True)
    for name in ("passwd", "group"):
        shutil.copy(system / f"usr/share/base-passwd/{name}.master", system / "etc" / name)
    shutil.rmtree(system / "debootstrap")


def install(system: Path, project: Path) -> None:
    """Create the project's ``.venv`` with the pinned wheels for the Python of the system, as ``make setup`` would."""
    python = (system / "usr/bin/python3").readlink().name
    version = python.removeprefix("python")
    environment = project / ".venv"
    packages = environment / "lib" / python / "site-packages"
    packages.mkdir(parents=True)
    programs = environment / "bin"
    programs.mkdir()
    for name in ("python3", "python"):
        (programs / name).symlink_to("/usr/bin/python3")
    (environment / "pyvenv.cfg").write_text(
        f"home = /usr/bin\ninclude-system-site-packages = false\nversion = {version}\n"
    )
    tags = ["manylinux2014_aarch64", *(f"manylinux_2_{minor}_aarch64" for minor in range(17, _NEWEST_GLIBC + 1))]
    target = ["--target", str(packages), "--python-version", version, "--implementation", "cp", "--no-compile"]
    abis = [f"cp{version.replace('.', '')}", "abi3", "none"]
    options = [*(f"--platform={tag}" for tag in tags), *(f"--abi={abi}" for abi in abis), "--only-binary=:all:"]
    pip = ["python3", "-m", "pip", "install", "--quiet", "--no-deps", *target, *options]
    for requirements in (["--require-hashes", "-r", "requirements-stores.txt"], ["-r", "requirements.txt"]):
        subprocess.run([*pip, *requirements], cwd=project, stdout=subprocess.DEVNULL, check=True)
    for program in (packages / "bin").iterdir():
        program.rename(programs / program.name)
    (environment / ".ready").touch()


def compile_modules(system: Path, project: Path, native: Path) -> None:
    """Compile the modules of a system and of the project with the same release's Python for this processor.

    Compiled modules fit every processor. Without them, each process would compile under emulation what it imports.
    """
    inside = Path("/mnt")
    python = (system / "usr/bin/python3").readlink().name
    folders = [system / "usr/lib" / python, project / "src", project / ".venv/lib"]
    seen = [str(inside / folder.relative_to(system)) for folder in folders]
    enter = [
        "bwrap",
        "--bind",
        str(native),
        "/",
        "--dev",
        "/dev",
        "--proc",
        "/proc",
        "--bind",
        str(system),
        str(inside),
    ]
    compileall = [python, "-m", "compileall", "-q", "-s", str(inside), "-p", "/", *seen]
    # A wheel may contain modules for other versions of Python; they do not compile, and nothing imports them.
    subprocess.run([*enter, "--", *compileall], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, check=False)
