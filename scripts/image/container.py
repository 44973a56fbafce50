"""Runs containers of an image with crun, confined as a container daemon would confine them."""

from __future__ import annotations

import json
import platform
import signal
import subprocess
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from scripts.image.storage import Mount

SECCOMP = Path("/usr/share/containers/seccomp.json")
"""The default profile of Podman and buildah, in Docker's format."""
# include/uapi/linux/sched.h: all CLONE_NEW* flags but CLONE_NEWTIME; Docker refuses them without CAP_SYS_ADMIN.
_NAMESPACES = 0x7E020000
_ARCHITECTURES = {"x86_64": ("amd64", "SCMP_ARCH_X86_64"), "aarch64": ("arm64", "SCMP_ARCH_AARCH64")}
_ENOSYS = 38


@dataclass
class Container:
    """One container: files of an image, a user, environment and mounts. Its root is read-only, /tmp is in memory."""

    rootfs: Path
    folder: Path
    environment: Mapping[str, str]
    mounts: Sequence[Mount] = ()
    user: int = 1234
    capabilities: tuple[str, ...] = ()
    name: str = field(default_factory=lambda: f"ytd-{time.monotonic_ns()}")

    def run(self, *command: str, seconds: float = 300) -> subprocess.CompletedProcess[str]:
        """Run a command to its end and return its exit code and output."""
        with self._start(command, subprocess.PIPE) as process:
            try:
                output = process.communicate(timeout=seconds)[0]
            finally:
                if process.poll() is None:
                    self.kill(signal.SIGKILL)
        return subprocess.CompletedProcess(command, process.returncode, output)

    def start(self, output: Path, *command: str) -> subprocess.Popen[str]:
        """Start the command; what it prints is in the file."""
        with output.open("w") as sink:
            return self._start(command, sink)

    def inside(self, *command: str) -> subprocess.CompletedProcess[str]:
        """Run a command in the running container, as a health check does, and return its exit code and output."""
        crun = self._crun("exec", "--user", str(self.user), self.name, *command)
        return subprocess.run(crun, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False)

    def kill(self, number: signal.Signals) -> None:
        """Send a signal to the first process of the container."""
        subprocess.run(self._crun("kill", self.name, str(int(number))), check=False)

    def _start(self, command: Sequence[str], output: Any) -> subprocess.Popen[str]:
        bundle = self.folder / self.name
        bundle.mkdir()
        (bundle / "config.json").write_text(json.dumps(self._configuration(command)))
        crun = self._crun("run", "--bundle", str(bundle), self.name)
        # crun refuses to work next to a mixture of two versions of control groups, which it does not use here.
        script = 'umount /sys/fs/cgroup/unified 2>/dev/null || true; exec "$@"'
        own_mounts = ["unshare", "--mount", "sh", "-c", script, "sh"]
        return subprocess.Popen([*own_mounts, *crun], stdout=output, stderr=subprocess.STDOUT, text=True)

    def _crun(self, *arguments: str) -> list[str]:
        return ["crun", "--cgroup-manager=disabled", f"--root={self.folder / 'crun'}", *arguments]

    def _configuration(self, command: Sequence[str]) -> dict[str, Any]:
        granted = {kind: list(self.capabilities) for kind in ("bounding", "effective", "permitted")}
        hidden = {"options": ["nosuid", "nodev", "noexec", "mode=1777", "size=64m"], "type": "tmpfs", "source": "tmpfs"}
        given = [
            {
                "destination": mount.target,
                "type": "bind",
                "source": str(mount.source),
                "options": ["rbind", "rw" if mount.writable else "ro"],
            }
            for mount in self.mounts
        ]
        return {
            "ociVersion": "1.0.2",
            "root": {"path": str(self.rootfs), "readonly": True},
            "process": {
                "terminal": False,
                "user": {"uid": self.user, "gid": self.user},
                "args": list(command),
                "env": [f"{name}={value}" for name, value in self.environment.items()],
                "cwd": "/opt/yt-downloader",
                "noNewPrivileges": True,
                "capabilities": granted,
            },
            "mounts": [
                {"destination": "/proc", "type": "proc", "source": "proc"},
                {"destination": "/dev", **hidden, "options": ["nosuid", "mode=755", "size=64k"]},
                {"destination": "/dev/shm", **hidden},  # noqa: S108 (inside the container)
                {"destination": "/sys", "type": "bind", "source": "/sys", "options": ["rbind", "ro"]},
                {"destination": "/tmp", **hidden},  # noqa: S108 (inside the container)
                *given,
            ],
            "linux": {
                # The network is that of this machine: its loopback address leads to the offline YouTube.
                "namespaces": [{"type": kind} for kind in ("pid", "ipc", "uts", "mount")],
                "seccomp": seccomp_profile(),
            },
        }


def seccomp_profile() -> dict[str, Any]:
    """Return the default profile for a container without capabilities; like Docker's, it allows no namespaces."""
    machine, native = _ARCHITECTURES[platform.machine()]
    profile = json.loads(SECCOMP.read_text())
    rules = []
    for rule in profile["syscalls"]:
        needed, excluded = rule.get("includes") or {}, rule.get("excludes") or {}
        applies = not needed.get("caps") and machine in needed.get("arches", [machine])
        if not applies or machine in excluded.get("arches", []):
            continue
        names = [name for name in rule["names"] if name not in {"unshare", "setns", "clone", "clone3"}]
        if names:
            kept = {key: rule[key] for key in ("args", "errnoRet") if rule.get(key)}
            rules.append({"names": names, "action": rule["action"], **kept})
    no_new = {"index": 0, "value": _NAMESPACES, "valueTwo": 0, "op": "SCMP_CMP_MASKED_EQ"}
    rules.append({"names": ["clone"], "action": "SCMP_ACT_ALLOW", "args": [no_new]})
    rules.append({"names": ["clone3"], "action": "SCMP_ACT_ERRNO", "errnoRet": _ENOSYS})
    return {
        "defaultAction": "SCMP_ACT_ERRNO",
        "defaultErrnoRet": 1,
        "architectures": [native],
        "syscalls": rules,
    }
