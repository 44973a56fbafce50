"""The answer of a child that reads untrusted segments is bounded: its code may have been taken over by one."""

from __future__ import annotations

import pytest

from src.errors import StreamUnreadable
from src.models.progress import SilentMonitor
from src.services.streams import child

ECHO = "json.tool"  # of Python: answers with the request


def test_an_answer_that_is_too_long_is_not_read(monkeypatch: pytest.MonkeyPatch) -> None:
    request = ["x" * 2000]
    assert child.run_in_child(ECHO, request, reads=[], monitor=SilentMonitor()) == request
    monkeypatch.setattr(child, "_MOST_ANSWER_BYTES", 1000)
    with pytest.raises(StreamUnreadable):
        child.run_in_child(ECHO, request, reads=[], monitor=SilentMonitor())


def test_an_answer_that_is_no_json_is_an_error_of_the_stream() -> None:
    with pytest.raises(StreamUnreadable):
        child.run_in_child("this", None, reads=[], monitor=SilentMonitor())
