"""Starts the template process: one for all processes of the launcher, or one for a worker or an API without it."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

from src.launcher.processes import ChildSpec, Stage
from src.utils.process import dying_with
from src.utils.template import PROGRAM, template_environment, use_template

SOCKET_VARIABLE = "TEMPLATE_SOCKET"
"""How the launcher tells its children the number of their descriptor: not a setting."""
_ROOT = Path(__file__).parents[2]
_started: list[subprocess.Popen[bytes]] = []


@contextmanager
def with_template(children: Sequence[ChildSpec]) -> Iterator[list[ChildSpec]]:
    """Yield the children and the template that those share which run jobs or take uploads.

    This process keeps both ends of their socket, so that a template that is started again gets the requests which the
    one before it did not take.
    """
    if not _usable():
        yield list(children)
        return
    theirs, requests = _sockets()
    with theirs, requests:
        yield [template_child(requests), *(_knowing(child, theirs.fileno()) for child in children)]


def template_child(requests: socket.socket) -> ChildSpec:
    """The template as a child of the launcher. It starts by exec, because the launcher's memory holds secrets."""
    number = requests.fileno()
    return ChildSpec(
        name="template",
        argv=(sys.executable, "-m", PROGRAM, str(number)),
        stage=Stage.TEMPLATE,
        env=template_environment(),
        only_env=True,
        pass_fds=(number,),
        optional=True,
    )


def _knowing(child: ChildSpec, number: int) -> ChildSpec:
    if child.stage not in (Stage.WORKERS, Stage.API):
        return child
    return replace(child, env={**child.env, SOCKET_VARIABLE: str(number)}, pass_fds=(*child.pass_fds, number))


def ensure_template() -> None:
    """Use the launcher's template in this process and its forks, or start one that ends with this process.

    Call it in the main thread, before the forks.
    """
    given = os.environ.get(SOCKET_VARIABLE)
    if given is not None:
        use_template(int(given) if given.isdecimal() else None)
    elif not _started and _usable():
        _start_own()


def _start_own() -> None:
    theirs, requests = _sockets()
    with theirs, requests:
        _started.append(  # so that nobody takes it for lost
            subprocess.Popen(
                [sys.executable, "-m", PROGRAM, str(requests.fileno())],
                cwd=_ROOT,
                env=template_environment(),
                stdin=subprocess.DEVNULL,
                pass_fds=(requests.fileno(),),
                process_group=0,
                preexec_fn=dying_with(os.getpid()),
            )
        )
        use_template(theirs.fileno())


def _usable() -> bool:
    """Whether this system can name a process by a descriptor, as the template does (Linux 5.3)."""
    if sys.platform != "linux":
        return False
    try:
        os.close(os.pidfd_open(os.getpid()))
    except OSError:  # the kernel lacks it, or a system call filter forbids it
        return False
    return True


def _sockets() -> tuple[socket.socket, socket.socket]:
    """The end of the requesters and that of the template."""
    return socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
