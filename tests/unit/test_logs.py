"""Nothing secret reaches a log, and a stranger's line break is no line of ours."""

from __future__ import annotations

import json
import logging
from collections.abc import Callable, Iterator
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
from flask import Flask, Response

from src.config import Settings
from src.middleware.chat import in_time
from src.utils import logs

JWT = "eyJhbGciOiJIUzI1NiJ9.eyJ1c2VyX2lkIjoiMSJ9.c2lnbmF0dXJl"

ROWS = [
    f"token {JWT} was refused",
    "GET /api/video/save/stream/c2VjcmV0LXRva2Vu/dQw4w9WgXcQ 201",
    "GET /c/chan-c2VjcmV0LXRva2Vu?user=x",
    "Authorization: Bearer c2VjcmV0LXRva2Vu",
    "https://rr1.googlevideo.com/videoplayback?expire=1&sig=c2VjcmV0LXRva2Vu&n=c2VjcmV0LXRva2Vu",
    '{"email": "a@b.c", "password": "c2VjcmV0LXRva2Vu"}',
    "mongodb://anna:c2VjcmV0LXRva2Vu@host/db",
    "redis://:c2VjcmV0LXRva2Vu@host/0",
]


@pytest.mark.parametrize("text", ROWS)
def test_secrets_are_taken_out(text: str) -> None:
    shown = logs.redact(text)
    assert "c2VjcmV0LXRva2Vu" not in shown and JWT not in shown


def test_plain_text_stays() -> None:
    assert logs.redact("job 65a0 is completed after 2.3 s") == "job 65a0 is completed after 2.3 s"


@pytest.fixture
def logged(tmp_path: Path) -> Iterator[Callable[[logs.LogFormat, Callable[[], None]], str]]:
    """What the log file holds after something was done with logging in this form."""
    root = logging.getLogger()
    before, level = root.handlers[:], root.level

    def run(log_format: logs.LogFormat, action: Callable[[], None]) -> str:
        logs.configure("INFO", str(tmp_path / "logs" / "app.log"), log_format)
        logs.context_id.set("req-1")
        action()
        return (tmp_path / "logs" / "app.log").read_text()

    yield run
    for handler in root.handlers[:]:
        root.removeHandler(handler)
        handler.close()
    for handler in before:
        root.addHandler(handler)
    root.setLevel(level)
    logs.context_id.set("-")


def test_a_chat_that_is_answered_in_another_thread_is_logged_as_its_request() -> None:
    with Flask(__name__).test_request_context():
        token = logs.context_id.set("request-7")
        try:
            assert in_time(lambda: Response(logs.context_id.get()), 10).get_data(as_text=True) == "request-7"
        finally:
            logs.context_id.reset(token)


def say_something_hostile() -> None:
    logging.getLogger("src.test").info("hello %s", "one\r\n2026-01-01 ERROR forged \udcff")


def fail_with_a_secret() -> None:
    try:
        raise RuntimeError(ROWS[6])
    except RuntimeError:
        logging.getLogger("src.test").exception("it went wrong with %s", ROWS[3])


def test_the_file_holds_one_line_an_event_with_its_context(logged: Any) -> None:
    line = logged("text", say_something_hostile)
    assert line.count("\n") == 1 and "[req-1]" in line and "hello one\\r\\n2026" in line


def test_errors_stand_in_a_file_of_their_own_too(logged: Any, tmp_path: Path) -> None:
    def both() -> None:
        say_something_hostile()
        fail_with_a_secret()

    everything, errors = logged("text", both), (tmp_path / "logs" / "error.log").read_text()
    assert "hello one" in everything and everything.endswith(errors)
    assert errors.startswith("2") and "ERROR" in errors.splitlines()[0] and "hello one" not in errors


def test_without_a_name_there_is_no_file() -> None:
    assert Settings.load({"LOG_FILE": ""}, None, None).log_file == ""
    assert Settings.load({"LOG_LEVEL": ""}, None, None).log_level == "INFO"


def test_as_json_an_event_is_one_object_on_one_line(logged: Any) -> None:
    line = logged("json", say_something_hostile)
    assert line.count("\n") == 1
    told = json.loads(line)
    assert told["message"].startswith("hello one\r\n2026-01-01 ERROR forged")
    assert (told["context"], told["level"], told["logger"]) == ("req-1", "INFO", "src.test")
    assert datetime.fromisoformat(told["time"]).tzinfo is not None


def test_as_json_secrets_are_taken_out_of_messages_and_traces_too(logged: Any) -> None:
    line = logged("json", fail_with_a_secret)
    told = json.loads(line)
    assert line.count("\n") == 1 and "RuntimeError" in told["trace"]
    assert "c2VjcmV0LXRva2Vu" not in line and JWT not in line


@pytest.mark.parametrize("text", ROWS)
def test_both_forms_redact_the_same(logged: Any, text: str) -> None:
    line = json.loads(logged("json", lambda: logging.getLogger("src.test").info(text)))
    assert line["message"] == logs.redact(text)
