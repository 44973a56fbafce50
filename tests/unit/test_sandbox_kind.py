"""A machine that is short of time or of processes is not taken for one without a sandbox."""

from __future__ import annotations

import errno
import os
import subprocess
from typing import Any

import pytest

from src.utils import sandbox_kind


def refuse() -> None:
    raise OSError(errno.EPERM, "the kernel refused")


def failing(monkeypatch: pytest.MonkeyPatch, error: Exception) -> None:
    def fail(*_: Any, **__: Any) -> Any:
        raise error

    monkeypatch.setattr(subprocess, "run", fail)


def test_what_the_kernel_says_is_the_answer() -> None:
    assert sandbox_kind._probe(lambda: None) == 0
    assert sandbox_kind._probe(refuse) == errno.EPERM


def test_a_program_that_started_and_took_too_long_was_allowed_to_start(monkeypatch: pytest.MonkeyPatch) -> None:
    failing(monkeypatch, subprocess.TimeoutExpired("python", 30))
    assert sandbox_kind._probe(lambda: None) == 0


@pytest.mark.parametrize("number", [errno.EAGAIN, errno.ENOMEM])
def test_no_room_for_a_process_is_no_answer_and_is_not_remembered(monkeypatch: pytest.MonkeyPatch, number: int) -> None:
    sandbox_kind.available.cache_clear()
    with monkeypatch.context() as full:
        failing(full, OSError(number, os.strerror(number)))
        with pytest.raises(OSError, match=os.strerror(number)):
            sandbox_kind.available()
    assert sandbox_kind.available() == sandbox_kind.available.__wrapped__()


def test_a_program_that_may_not_be_started_is_an_answer(monkeypatch: pytest.MonkeyPatch) -> None:
    failing(monkeypatch, PermissionError(errno.EACCES, "no"))
    assert sandbox_kind._probe(lambda: None) != 0
