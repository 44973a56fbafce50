"""Nothing secret reaches a log, and a stranger's line break is no line of ours."""

from __future__ import annotations

import json
import logging
import unicodedata
from collections.abc import Callable, Iterator
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
from flask import Flask, Response
from gunicorn.config import Config

from src.config import Settings
from src.launcher.api_log import ApiLog
from src.middleware.chat import in_time
from src.utils import logs

JWT = "eyJhbGciOiJIUzI1NiJ9.eyJ1c2VyX2lkIjoiMSJ9.c2lnbmF0dXJl"

ROWS = [
    f"token {JWT} was refused",
    "GET /api/video/save/stream/c2VjcmV0LXRva2Vu/dQw4w9WgXcQ 201",
    "GET /c/chan-c2VjcmV0LXRva2Vu?user=x",
    "GET /s/c2VjcmV0LXRva2Vu/poster.jpg",
    "GET /api/video/preview/65a0000000000000000000ffc2VjcmV0LXRva2Vu 200",
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


# Every C0 and C1 control, separators, and marks that turn or hide text.
UNSHOWN = [chr(code) for code in (*range(0x20), *range(0x7F, 0xA0), 0xAD, 0x61C, *range(0x200B, 0x2010))]
UNSHOWN += [chr(code) for code in (*range(0x2028, 0x202F), *range(0x2060, 0x2070), 0xFEFF, 0xFFF9, 0xE0041, 0xDCFF)]


def test_no_untrusted_character_acts_on_a_terminal(logged: Any) -> None:
    def say() -> None:
        for character in UNSHOWN:
            logging.getLogger("src.test").info("before%safter", character)

    lines = logged("text", say).split("\n")
    assert len(lines) == len(UNSHOWN) + 1
    for character, line in zip(UNSHOWN, lines, strict=False):
        assert f"before{character.encode('unicode_escape').decode()}after" in line and line.isprintable(), line


def test_every_control_and_format_character_is_written_out() -> None:
    # The list of the pattern is written by hand; newer Unicode than this Python's may have more.
    for code in range(0x110000):
        if unicodedata.category(chr(code)) in ("Cc", "Cf", "Cs", "Zl", "Zp"):
            assert logs.visible(chr(code)).isascii(), hex(code)


def test_letters_of_all_scripts_and_backslashes_stay() -> None:
    text = "видео 日本語 عربى \U0001f4a9 C:\\name"
    assert logs.visible(text) == text


def test_the_message_of_an_error_makes_no_line_that_looks_like_one_of_ours(logged: Any) -> None:
    def fail() -> None:
        try:
            raise RuntimeError("one\n2026-01-01 ERROR forged \x1b[31m\x85")
        except RuntimeError:
            logging.getLogger("src.test").exception("it went wrong with %s", "a\n2026-01-01 forged")

    first, *trace = logged("text", fail).removesuffix("\n").split("\n")
    assert "a\\n2026-01-01 forged" in first
    assert len(trace) >= 3 and all(line.startswith("  ") and line.isprintable() for line in trace)
    assert trace[-1] == "  2026-01-01 ERROR forged \\x1b[31m\\x85"


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


def test_what_gunicorn_quotes_of_a_broken_request_is_written_as_our_own_lines(tmp_path: Path) -> None:
    config = Config()
    config.set("errorlog", str(tmp_path / "gunicorn.log"))
    log = ApiLog(config)
    before = log.error_log.handlers[:]
    try:
        log.error("Invalid request from ip=%s: %s", "203.0.113.9", "GET /c/c2VjcmV0LXRva2Vu HTTP/9.9\n\x1b[2J")
    finally:
        for handler in before:
            handler.close()
        log.error_log.handlers.clear()
    line = (tmp_path / "gunicorn.log").read_text()
    assert line.endswith("GET /c/[token] HTTP/9.9\\n\\x1b[2J\n") and line.count("\n") == 1
    assert 'logger_class = "src.launcher.api_log.ApiLog"' in Path("gunicorn_config.py").read_text()
