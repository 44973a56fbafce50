"""Captions: what the site sends becomes cues that do not repeat each other, and cues become files."""

from __future__ import annotations

import json
from typing import Any

import pytest

from src.errors import CaptionsUnavailable
from src.models.captions import Captions, Cue
from src.services.youtube.caption_reader import DEFAULT_MS, read_json3, read_vtt
from src.services.youtube.caption_writer import write_captions
from src.services.youtube.captions import choose_track

# As the site's speech recognition sends it: each line is shown twice, first growing word by word, then above the next.
ROLLING = """WEBVTT
Kind: captions
Language: en

00:00:00.160 --> 00:00:02.070 align:start position:0%
~
we<00:00:00.400><c> are</c><00:00:00.640><c> no</c>

00:00:02.070 --> 00:00:02.080 align:start position:0%
we are no
~

00:00:02.080 --> 00:00:04.230 align:start position:0%
we are no
strangers<00:00:02.800><c> &amp;</c><00:00:03.040><c> friends</c>

00:00:04.230 --> 00:00:04.240 align:start position:0%
strangers &amp; friends
~

00:00:04.240 --> 00:00:06.000 align:start position:0%
strangers &amp; friends
we<00:00:05.000><c> are</c><00:00:05.200><c> no</c>
""".replace("~", " ")
LINES = (Cue(160, 2080, "we are no"), Cue(2080, 4240, "strangers & friends"), Cue(4240, 6000, "we are no"))


def event(start: int, length: int | None, *texts: str, **more: Any) -> dict[str, Any]:
    timed = {"tStartMs": start, "segs": [{"utf8": text} for text in texts], **more}
    return timed if length is None else {**timed, "dDurationMs": length}


@pytest.mark.parametrize(
    ("events", "automatic", "cues"),
    [
        pytest.param(
            [event(0, 2000, "one"), event(2000, 1500, "two", " three")],
            False,
            (Cue(0, 2000, "one"), Cue(2000, 3500, "two three")),
            id="written",
        ),
        pytest.param(
            [
                {"tStartMs": 0, "dDurationMs": 9000, "id": 1, "wpWinPosId": 1},
                event(160, 4070, "we", " are", " no"),
                event(2070, 2160, "\n", aAppend=1),
                event(2080, 3920, "strangers", " &", " friends"),
            ],
            True,
            (Cue(160, 2080, "we are no"), Cue(2080, 6000, "strangers & friends")),
            id="automatic ones end where the next begins",
        ),
        pytest.param(
            [event(0, 4000, "- Who is there?"), event(1000, 2000, "- Me.")],
            False,
            (Cue(0, 4000, "- Who is there?"), Cue(1000, 3000, "- Me.")),
            id="two people may speak at once in written ones",
        ),
        pytest.param([event(500, None, "alone")], False, (Cue(500, 500 + DEFAULT_MS, "alone"),), id="no length"),
        pytest.param(
            [event(2000, 500, "later"), event(0, None, "  first \n\n line ")],
            False,
            (Cue(0, 2000, "first\nline"), Cue(2000, 2500, "later")),
            id="out of order, spaces, no length",
        ),
        pytest.param([{"tStartMs": "x", "segs": [{}]}, {"segs": None}, 7, event(0, 5, "\n")], True, (), id="nonsense"),
    ],
)
def test_json3(events: list[Any], automatic: bool, cues: tuple[Cue, ...]) -> None:
    assert read_json3(json.dumps({"events": events}), automatic=automatic) == cues


def test_rolling_webvtt_says_every_line_once() -> None:
    assert read_vtt(ROLLING, automatic=True) == LINES


@pytest.mark.parametrize(
    ("text", "cues"),
    [
        (
            "WEBVTT\n\nNOTE a note\n\n1\n01:00.000 --> 01:02.500 line:0\n<v Anna>Hello\n<i>you</i>\n",
            (Cue(60_000, 62_500, "Hello\nyou"),),
        ),
        ("\ufeffWEBVTT\r\n\r\n100:00:00.000 --> 100:00:01.000\r\nlate\r\n", (Cue(360_000_000, 360_001_000, "late"),)),
        ("WEBVTT\n", ()),
    ],
)
def test_written_webvtt(text: str, cues: tuple[Cue, ...]) -> None:
    assert read_vtt(text, automatic=False) == cues


@pytest.mark.parametrize("text", ["", "1\n00:00:01,000 --> 00:00:02,000\nsubrip", "[]", '{"events": 1}', "{"])
def test_what_is_no_caption_is_refused(text: str) -> None:
    with pytest.raises(ValueError):
        read_json3(text, automatic=False)
    with pytest.raises(ValueError):
        read_vtt(text, automatic=False)


CAPTIONS = Captions("dQw4w9WgXcQ", "A film", "en", True, (*LINES[:2], Cue(3_599_999, 3_600_001, "a < b\nstrangers")))


@pytest.mark.parametrize(
    ("wanted", "text"),
    [
        (
            "vtt",
            "WEBVTT\nKind: captions\nLanguage: en\n\n00:00:00.160 --> 00:00:02.080\nwe are no\n\n"
            "00:00:02.080 --> 00:00:04.240\nstrangers &amp; friends\n\n"
            "00:59:59.999 --> 01:00:00.001\na &lt; b\nstrangers\n",
        ),
        (
            "srt",
            "1\n00:00:00,160 --> 00:00:02,080\nwe are no\n\n2\n00:00:02,080 --> 00:00:04,240\nstrangers & friends\n\n"
            "3\n00:59:59,999 --> 01:00:00,001\na < b\nstrangers\n",
        ),
        ("txt", "we are no\nstrangers & friends\na < b\nstrangers\n"),
    ],
)
def test_files(wanted: Any, text: str) -> None:
    assert write_captions(CAPTIONS, wanted) == text


def test_a_file_of_webvtt_is_read_back_as_it_was() -> None:
    assert read_vtt(write_captions(CAPTIONS, "vtt"), automatic=False) == CAPTIONS.cues


def test_json_tells_seconds() -> None:
    told = json.loads(write_captions(CAPTIONS, "json"))
    assert told["cues"][0] == {"start": 0.16, "end": 2.08, "text": "we are no"}
    assert (told["language"], told["automatic"], told["video_id"]) == ("en", True, "dQw4w9WgXcQ")


def tracks(*codes: str) -> dict[str, list[dict[str, str]]]:
    return {code: [{"ext": ext, "url": f"https://{code}/{ext}"} for ext in ("srv1", "vtt", "json3")] for code in codes}


@pytest.mark.parametrize(
    ("language", "source", "written", "automatic", "found"),
    [
        (None, "any", ("de", "en"), ("en-orig", "en"), ("en", False)),
        (None, "any", ("ja",), (), ("ja", False)),
        (None, "any", (), ("en", "fr", "de-orig", "de"), ("de", True)),
        (None, "automatic", ("en",), ("en-orig", "en"), ("en", True)),
        ("en", "any", ("en-GB",), ("en",), ("en-GB", False)),
        ("fr", "any", ("en",), ("fr",), ("fr", True)),
        ("pt-BR", "manual", ("pt",), (), ("pt", False)),
        ("en", "manual", (), ("en",), None),
        (None, "manual", ("live_chat",), (), None),
    ],
)
def test_the_track_that_fits_best(
    language: str | None, source: Any, written: Any, automatic: Any, found: tuple[str, bool] | None
) -> None:
    raw = {"subtitles": tracks(*written), "automatic_captions": tracks(*automatic)}
    if found is None:
        with pytest.raises(CaptionsUnavailable):
            choose_track(raw, language=language, source=source)
    else:
        code, is_automatic, address, kind = choose_track(raw, language=language, source=source)
        assert (code, is_automatic, kind) == (*found, "json3")
        assert address.endswith("/json3")


def test_captions_that_are_nested_without_end_cannot_be_read() -> None:
    with pytest.raises(ValueError):
        read_json3("[" * 200_000, automatic=False)
