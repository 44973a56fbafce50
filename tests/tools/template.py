"""A template process of a test's own, for this process and its children."""

from __future__ import annotations

import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from src.utils import template as requests
from src.utils.template import PROGRAM, template_environment
from tests.tools.live_service import ROOT
from tests.tools.waiting import HANG_SECONDS


@contextmanager
def running_template(program: str = PROGRAM, **added: str) -> Iterator[subprocess.Popen[bytes]]:
    """Start ``program`` as the template of this process until the end of the block. ``added`` variables are its own."""
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    with ours, theirs:
        template = subprocess.Popen(
            [sys.executable, "-m", program, str(theirs.fileno())],
            cwd=ROOT,
            env={**template_environment(), **added},
            stdin=subprocess.DEVNULL,
            pass_fds=(theirs.fileno(),),
            process_group=0,
        )
        theirs.close()
        before = list(requests._used)
        requests.use_template(ours.fileno())
        try:
            _await(template)
            yield template
        finally:
            requests._used[:] = before
            template.kill()
            template.wait()


def _await(template: subprocess.Popen[bytes]) -> None:
    """Wait until it answers; requests themselves do not wait so long."""
    with pytest.MonkeyPatch.context() as patient:
        patient.setattr(requests, "_ANSWER_SECONDS", HANG_SECONDS)
        assert requests.fork_child("no such program") is None
    assert template.poll() is None
