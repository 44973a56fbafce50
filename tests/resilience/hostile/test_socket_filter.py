"""Nothing in a sandbox reaches a Unix socket by its path, such as those of the embedded stores."""

from __future__ import annotations

import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from src.utils import socket_filter
from src.utils.sandbox import SandboxRules, available, lock_in, locked_into

pytestmark = pytest.mark.skipif(socket_filter._FILTER is None, reason="the filter has no numbers for this machine")

ATTACKS = """
import asyncio, ctypes, socket, sys
path = sys.argv[1]
def tried(name, action):
    try:
        action()
    except OSError as error:
        print(name, type(error).__name__)
    else:
        print(name, "done")
def pair(kind):
    one, _ = socket.socketpair(socket.AF_UNIX, kind)
    one.connect(path)
def ring():
    if ctypes.CDLL(None, use_errno=True).syscall(425, 8, ctypes.create_string_buffer(120)) < 0:
        raise OSError(ctypes.get_errno(), "io_uring_setup")
tried("stream", lambda: socket.socket(socket.AF_UNIX).connect(path))
tried("datagram", lambda: socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM).connect(path))
tried("flags", lambda: socket.socket(socket.AF_UNIX, socket.SOCK_STREAM | socket.SOCK_NONBLOCK).connect(path))
tried("stream pair", lambda: pair(socket.SOCK_STREAM))
tried("datagram pair", lambda: pair(socket.SOCK_DGRAM))
tried("packet pair", lambda: pair(socket.SOCK_SEQPACKET))
tried("virtual machine", lambda: socket.socket(40, socket.SOCK_STREAM))
tried("ring", ring)
tried("internet", lambda: socket.socket().close())
tried("loop", lambda: asyncio.new_event_loop().close())
"""
WORK = {"internet", "loop"}


def attacks(path: Path) -> list[str]:
    return [sys.executable, "-I", "-c", ATTACKS, str(path)]


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Path]:
    path = tmp_path / "s"
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(path))
        listener.listen()
        # Without the sandbox the attack is real.
        with socket.socket(socket.AF_UNIX) as known:
            known.connect(str(path))
        yield path


def rules() -> SandboxRules:
    python = Path(sys.executable)
    reads = (Path(sys.prefix), Path(sys.base_prefix, "lib"))
    return SandboxRules(reads=reads, programs=(python, python.resolve()))


def told(output: str) -> dict[str, str]:
    found = dict(line.rsplit(" ", 1) for line in output.splitlines())
    assert len(found) == 10, output
    return found


def test_a_program_in_a_sandbox_reaches_no_socket_by_its_path(store: Path) -> None:
    with locked_into(rules()) as enter:
        done = subprocess.run(attacks(store), preexec_fn=enter, capture_output=True, text=True, check=True)
    answers = told(done.stdout)
    assert {name for name, answer in answers.items() if answer == "done"} == WORK, answers


def test_a_process_that_locks_itself_in_reaches_none_either(store: Path) -> None:
    kind = available()

    def enter() -> None:
        lock_in(rules(), kind)

    done = subprocess.run(attacks(store), preexec_fn=enter, capture_output=True, text=True, check=True)
    answers = told(done.stdout)
    assert {name for name, answer in answers.items() if answer == "done"} == WORK, answers
