"""Is the template process: it has loaded the engine and the probe, and forks a child for each job that needs one.

``python -m src.services.cutting.template SOCKET``: the descriptor of a socket on which requests arrive. It starts by
exec with an empty environment, so that nothing of the service is in its memory. It has one thread, opens no file, reads
no media, and takes no data of a job: a fork gets its task on its own standard input, after it has left the template.
"""

from __future__ import annotations

import gc
import json
import os
import selectors
import signal
import socket
import sys
import threading
import traceback
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import NoReturn

from src.services.cutting import sandbox_child
from src.services.media import forked_probe
from src.utils.process import adopt_orphans, die_with_parent, die_with_peer, end_orphans, stand_back
from src.utils.template import MOST_DESCRIPTORS, REFUSED, STARTED

Program = Callable[[Sequence[str]], int | None]
"""What a fork does with its arguments; returns its exit code, None for 0."""

PROGRAMS: Mapping[str, Program] = {
    "src.services.cutting.sandbox_child": sandbox_child.main,
    "src.services.media.forked_probe": forked_probe.main,
}
_LONGEST_REQUEST = 4096
_STANDARD = 3  # input and two outputs


class _Fork:
    """A running fork, until its requester has noticed its end and it can be forgotten."""

    def __init__(self, pid: int, answers: socket.socket) -> None:
        self.pid, self.answers = pid, answers
        self.pidfd = os.pidfd_open(pid)
        self.ended = self.forgotten = False

    def tell_start(self) -> None:
        """Send the process id with a descriptor of the process."""
        with suppress(OSError):  # the requester has ended: its own socket tells that too
            socket.send_fds(self.answers, [STARTED.pack(self.pid)], [self.pidfd])

    def tell_end(self) -> None:
        """Send the exit code. The process stays a zombie, so that its id belongs to it while the requester uses it."""
        self.ended = True
        found = os.waitid(os.P_PID, self.pid, os.WEXITED | os.WNOWAIT)
        assert found is not None
        code = found.si_status if found.si_code == os.CLD_EXITED else -found.si_status
        with suppress(OSError):
            self.answers.send(STARTED.pack(code))

    def forget(self) -> None:
        """Kill what is left of its group: the requester has ended, or needs it no more."""
        self.forgotten = True
        self.answers.close()
        with suppress(ProcessLookupError):
            os.killpg(self.pid, signal.SIGKILL)


class Template:
    """The loop of the process."""

    def __init__(self, requests: socket.socket, programs: Mapping[str, Program]) -> None:
        self._requests, self._programs = requests, programs
        self._selector = selectors.DefaultSelector()

    def serve(self) -> None:
        """Fork for each request until nobody can send any more."""
        self._selector.register(self._requests, selectors.EVENT_READ)
        while True:
            for key, _ in self._selector.select():
                fork = key.data
                if fork is None:
                    if not self._take_request():
                        return
                    continue
                self._selector.unregister(key.fileobj)
                if key.fd == fork.pidfd:
                    fork.tell_end()
                else:
                    fork.forget()
                if fork.ended and fork.forgotten:
                    os.waitpid(fork.pid, 0)
                    os.close(fork.pidfd)
                    # Who left the group of its fork became a child of the template when the fork ended.
                    end_orphans({each.data.pid for each in self._selector.get_map().values() if each.data is not None})

    def _take_request(self) -> bool:
        """Fork for the next request. Returns whether there was one."""
        message, descriptors, _, _ = socket.recv_fds(
            self._requests, _LONGEST_REQUEST, MOST_DESCRIPTORS, socket.MSG_CMSG_CLOEXEC
        )
        if not message:
            return False
        try:
            name, arguments, background = json.loads(message)
            answers = socket.socket(fileno=os.dup(descriptors[0]))
            if name in self._programs:
                self._watch(_Fork(self._fork(name, arguments, background, descriptors[1:]), answers))
            else:
                answers.send(STARTED.pack(REFUSED))
                answers.close()
        except (ValueError, OSError, IndexError):  # whoever sent it is told nothing and starts a program instead
            traceback.print_exc()
        finally:
            for number in descriptors:
                os.close(number)
        return True

    def _watch(self, fork: _Fork) -> None:
        fork.tell_start()
        self._selector.register(fork.pidfd, selectors.EVENT_READ, fork)
        self._selector.register(fork.answers, selectors.EVENT_READ, fork)

    def _fork(self, name: str, arguments: Sequence[str], background: bool, descriptors: Sequence[int]) -> int:
        if threading.active_count() > 1:
            raise OSError("the template has a second thread, whose locks a fork would keep for ever")
        template = os.getpid()
        pid = os.fork()
        if not pid:
            _become(template, name, self._programs[name], arguments, background, descriptors)
        with suppress(OSError):  # whoever is first: the fork does it as well
            os.setpgid(pid, pid)
        return pid


def _become(
    template: int, name: str, program: Program, arguments: Sequence[str], background: bool, descriptors: Sequence[int]
) -> NoReturn:
    """Run in the fork, and end it."""
    code = 1
    try:
        os.setpgid(0, 0)
        die_with_parent(template)
        life, *standard_and_lent = descriptors
        die_with_peer(life)
        lent = standard_and_lent[_STANDARD:]
        for number, given in enumerate(standard_and_lent[:_STANDARD]):
            os.dup2(given, number)
        _close_all_but({*range(_STANDARD), life, *lent})
        if background:
            stand_back()
        sys.argv = [name, *map(str, lent), *arguments]
        code = program(sys.argv[1:]) or 0
    except SystemExit as ended:
        code = ended.code if isinstance(ended.code, int) else 1
    except BaseException:
        traceback.print_exc()
    finally:
        for stream in (sys.stdout, sys.stderr):
            with suppress(OSError, ValueError):
                stream.flush()
        os._exit(code)


def _close_all_but(kept: set[int]) -> None:
    """Close what belongs to the template and to other forks. Its objects are never deleted: a fork ends by _exit."""
    for each in list(Path("/proc/self/fd").iterdir()):
        number = int(each.name)
        if number not in kept:
            with suppress(OSError):  # that of the listing itself is closed
                os.close(number)


def main(arguments: Sequence[str], programs: Mapping[str, Program] = PROGRAMS) -> None:
    """Load the code and serve. ``programs`` replaces those of the service in tests of the sandbox."""
    requests = socket.socket(fileno=int(arguments[0]))
    adopt_orphans()
    sandbox_child.load()
    gc.collect()
    gc.freeze()  # the collector would copy the memory that the forks share
    Template(requests, programs).serve()


if __name__ == "__main__":
    main(sys.argv[1:])
