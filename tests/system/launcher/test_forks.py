"""Forks of the launcher: they get what a new program would get, and nothing of the launcher's connections and locks."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path
from textwrap import dedent

import pytest

from src.config import SettingsError
from src.launcher.forks import call_in_fork
from tests.tools.live_service import ROOT

pytestmark = pytest.mark.slow


def program(text: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    """What a program says that forks, with a mark in its environment."""
    command = [sys.executable, "-c", dedent(text), *arguments]
    env = {**os.environ, "MARK": "of the launcher"}
    return subprocess.run(command, cwd=ROOT, env=env, capture_output=True, text=True, timeout=60, check=False)


def test_a_fork_has_its_own_group_title_and_descriptors() -> None:
    said = program(
        """
        import os, signal, sys
        from pathlib import Path
        from src.launcher.forks import fork

        secret, passed = open("README.md"), os.open("README.md", os.O_RDONLY)
        signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGTERM})

        def entry():
            print(os.getpgrp() == os.getpid(), signal.pthread_sigmask(signal.SIG_BLOCK, ()), os.environ["ADDED"])
            print(os.readlink(f"/proc/self/fd/{secret.fileno()}"), Path(os.readlink(f"/proc/self/fd/{passed}")).name)
            print(os.readlink("/proc/self/fd/0"), Path("/proc/self/cmdline").read_text().strip(chr(0)))
            print("MARK=of the launcher" in Path("/proc/self/environ").read_text(), flush=True)
            secret.close()
            sys.exit(7)

        process = fork(entry, title="a worker", env={"ADDED": "yes"}, pass_fds=(passed,), output=1)
        assert process.wait() == 7 and process.poll() == 7
        """
    )
    assert said.returncode == 0, said.stderr
    assert said.stdout.splitlines() == [
        "True set() yes",
        "/dev/null README.md",
        "/dev/null a worker",
        "True",
    ]


@pytest.mark.parametrize(("ends", "code"), [("", 0), ("sys.exit('no licence')", 1), ("1 / 0", 1), ("os.abort()", -6)])
def test_a_fork_ends_with_the_code_of_a_program_and_runs_none_of_its_parent(ends: str, code: int) -> None:
    said = program(
        f"""
        import atexit, os, sys
        from src.launcher.forks import fork

        def entry():
            atexit.register(lambda: os.write(1, b"ended\\n"))
            {ends or "pass"}

        try:
            process = fork(entry, title="", env={{}}, output=1)
        finally:
            os.write(1, b"parent\\n")  # in one piece, beside the fork
        print(process.wait(), flush=True)
        """
    )
    ended = [] if code < 0 else ["ended"]
    assert sorted(line for line in said.stdout.splitlines() if line in ("ended", "parent")) == [*ended, "parent"]
    assert said.stdout.splitlines()[-1] == str(code), said.stdout + said.stderr


def test_a_fork_ends_with_its_launcher() -> None:
    read_end, write_end = os.pipe()
    launcher = subprocess.Popen(
        [
            sys.executable,
            "-c",
            "import signal, sys\nfrom src.launcher.forks import fork\n"
            f"fork(signal.pause, title='', env={{}}, pass_fds=({write_end},), output=1)\n"
            "print(flush=True)\nsignal.pause()",
        ],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        pass_fds=(write_end,),
    )
    os.close(write_end)
    assert launcher.stdout is not None
    launcher.stdout.readline()
    launcher.send_signal(signal.SIGKILL)
    launcher.wait()
    with os.fdopen(read_end, "rb") as channel:
        assert channel.read() == b"", "the pipe ends when nobody has its other end any more"
    launcher.stdout.close()


def test_loading_the_code_opens_nothing_that_a_fork_would_share() -> None:
    said = program(
        """
        import os, sys, threading
        before = set(os.listdir("/proc/self/fd"))
        from src.launcher.preload import preload
        preload()
        print(threading.active_count(), len(os.listdir("/proc/self/task")))
        print(sorted(set(os.listdir("/proc/self/fd")) - before))
        unused = ("src.tasks", "celery_worker", "yt_dlp", "rich", "pygments", "cryptography", "cffi", "numpy")
        print([name for name in unused if sys.modules.get(name)])
        print("cffi" in sys.modules)
        """
    )
    assert said.stdout.splitlines() == ["1 1", "[]", "[]", "False"], said.stdout + said.stderr


def test_the_template_loads_the_engine_and_nothing_of_the_service() -> None:
    said = program(
        """
        import sys
        from src.services.cutting import sandbox_child, template
        sandbox_child.load()
        unused = ("yt_dlp", "flask", "celery", "pymongo", "redis", "dotenv", "src.config", "src.bootstrap", "src.data")
        unused += ("cffi", "click", "rich", "pygments", "cryptography", "numpy")
        print([name for name in unused if sys.modules.get(name)])
        """
    )
    assert said.stdout == "[]\n", said.stdout + said.stderr


def test_nothing_is_forked_beside_threads() -> None:
    said = program(
        """
        import threading
        from src.launcher.forks import fork
        threading.Thread(target=threading.Event().wait, daemon=True).start()
        fork(print, title="", env={}, output=1)
        """
    )
    assert "RuntimeError: not forked, because of the threads" in said.stderr


def test_what_a_call_in_a_fork_raises_is_raised_here(tmp_path: Path) -> None:
    def refuse() -> None:
        (tmp_path / "called").touch()
        raise SettingsError("PORT: it is in use")

    with pytest.raises(SettingsError, match="PORT: it is in use"):
        call_in_fork(refuse)
    assert (tmp_path / "called").exists()
    call_in_fork(lambda: None)
    with pytest.raises(RuntimeError, match="exit code -9"):
        call_in_fork(lambda: os.kill(os.getpid(), signal.SIGKILL))
