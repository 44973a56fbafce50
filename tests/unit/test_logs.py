"""Nothing secret reaches a log, and a stranger's line break is no line of ours."""

from __future__ import annotations

import logging
from pathlib import Path

import pytest

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


def test_the_file_holds_one_line_an_event_with_its_context(tmp_path: Path) -> None:
    root = logging.getLogger()
    before, level = root.handlers[:], root.level
    try:
        logs.configure("INFO", str(tmp_path / "logs" / "app.log"))
        logs.context_id.set("req-1")
        logging.getLogger("src.test").info("hello %s", "one\r\n2026-01-01 ERROR forged \udcff")
        line = (tmp_path / "logs" / "app.log").read_text()
    finally:
        for handler in root.handlers[:]:
            root.removeHandler(handler)
            handler.close()
        for handler in before:
            root.addHandler(handler)
        root.setLevel(level)
        logs.context_id.set("-")
    assert line.count("\n") == 1 and "[req-1]" in line and "hello one\\r\\n2026" in line
