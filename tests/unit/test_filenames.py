"""Sent file names become harmless without losing what people wrote."""

from __future__ import annotations

import pytest

from src.utils.filenames import content_disposition, display_name, name_after

ROWS = [
    ("film.avi", "film.avi"),
    ("видео.mp4", "видео.mp4"),
    ("/etc/passwd.mp4", "passwd.mp4"),
    ("..\\..\\windows\\x.mp4", "x.mp4"),
    ("a\r\nSet-Cookie: x=1.mp4", "aSet-Cookie x=1.mp4"),
    ("nul\x00l.mkv", "null.mkv"),
    ("\u202egpj.mp4", "gpj.mp4"),
    ("\udcff.mp4", "video.mp4"),
    ("...", "video"),
    ("", "video"),
    (".mp4", "video.mp4"),
    ("   .mp4", "video.mp4"),
    ('qu"ote.mp4', "quote.mp4"),
    ("x" * 300 + ".webm", "x" * 145 + ".webm"),
    ("長" * 300 + ".webm", "長" * 65 + ".webm"),
    ("\N{FILM FRAMES}" * 300, "\N{FILM FRAMES}" * 50),
    ("." + "長" * 10, "video." + "長" * 10),
]


@pytest.mark.parametrize(("sent", "shown"), ROWS)
def test_display_name(sent: str, shown: str) -> None:
    assert display_name(sent) == shown


@pytest.mark.parametrize("sent", [row[0] for row in ROWS])
def test_a_header_made_of_any_name_is_one_plain_line(sent: str) -> None:
    header = content_disposition(display_name(sent))
    header.encode("ascii")
    assert header.isprintable()
    assert header.startswith('attachment; filename="')


def test_other_scripts_travel_beside_a_plain_name() -> None:
    assert content_disposition("видео.mp4") == (
        "attachment; filename=\"_____.mp4\"; filename*=UTF-8''%D0%B2%D0%B8%D0%B4%D0%B5%D0%BE.mp4"
    )


@pytest.mark.parametrize(
    ("title", "name"),
    [
        ("AC/DC live", "AC_DC live [id].mp4"),
        ("9\\11: what happened", "9_11 what happened [id].mp4"),
        ("../../etc/passwd", "_.._etc_passwd [id].mp4"),
        ("", "[id].mp4"),
    ],
)
def test_a_title_is_kept_whole(title: str, name: str) -> None:
    assert name_after(title, " [id].mp4") == name
