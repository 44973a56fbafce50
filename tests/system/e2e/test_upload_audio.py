"""Sound of uploads over HTTP, made by a real worker: formats, qualities, tags, cover, loudness, and refusals."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import httpx
import mutagen
import pytest

from src.models.audio import MIME
from tests.engines.encode.recipes import AAC, FAST, SOUND, Row, make, video
from tests.system.e2e.conftest import User
from tests.tools.media_kit import FFMPEG, audio_marks

pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("e2e")]

TAGGED = ("-metadata", "title=Ein Lied: Überblick", "-metadata", "artist=A = B; C", "-metadata", "genre=Blues")
PLACE = ("-metadata", "location=+48.1/+11.5/")
FILM = Row("tagged film", ((*video(), *SOUND, *FAST, *AAC, "-ac", "2", *TAGGED, *PLACE),))
SILENT = Row("film without sound", ((*video(), *FAST),))
QUIET = Row(
    "quiet song with a cover",
    (
        ("<.jpg>", "-f", "lavfi", "-i", "testsrc2=s=320x180:d=0.04", "-frames:v", "1", "-update", "1"),
        (
            *("-f", "lavfi", "-i", "sine=f=400:d=8", "-i", "{s1}", "-map", "0:a", "-map", "1:v", *TAGGED),
            *("-af", "volume=-20dB", "-c:a", "libmp3lame", "-c:v", "copy", "-disposition:v", "attached_pic"),
        ),
    ),
    ".mp3",
)


def upload(user: User, path: Path, kind: str = "video", name: str | None = None) -> httpx.Response:
    where = "/encode/upload" if kind == "video" else "/encode/upload/audio"
    # A refusal may come before the whole file was read, and then ends its connection: each upload has its own.
    headers = {**user.private, "Connection": "close"}
    with path.open("rb") as file:
        return user.http.post(where, files={kind: (name or path.name, file)}, headers=headers)


def uploaded(user: User, path: Path, kind: str = "video", name: str | None = None) -> str:
    reply = upload(user, path, kind, name)
    assert reply.status_code == 201, reply.text
    return str(reply.json()["encode_id"])


def take(user: User, encode_id: str, **choice: Any) -> httpx.Response:
    return user.ask(f"/encode/audio/{encode_id}", choice)


def fetched(user: User, encode_id: str, path: Path) -> httpx.Response:
    reply = user.http.get(f"/encode/download/{encode_id}", headers=user.private)
    assert reply.status_code == 200, reply.text[:300]
    path.write_bytes(reply.content)
    return reply


def texts(path: Path) -> Mapping[str, Any]:
    return mutagen.File(path, easy=path.suffix == ".mp3") or {}


def loudness(path: Path) -> float:
    command = [FFMPEG, "-hide_banner", "-nostdin", "-i", str(path), "-filter:a", "ebur128", "-f", "null", "-"]
    told = subprocess.run(command, capture_output=True, text=True, check=True).stderr
    return float(told.rsplit("I:", 1)[1].split("LUFS")[0])


ASKED = [*(("mp3", quality) for quality in ("best", "worst", "128k", "320k")), ("wav", "best"), ("flac", "best")]


@pytest.mark.parametrize(("form", "quality"), ASKED)
def test_the_sound_of_a_film(user: User, tmp_path: Path, form: str, quality: str) -> None:
    encode_id = uploaded(user, make(FILM), name="Mein Film.mp4")
    reply = take(user, encode_id, format=form, quality=quality)
    assert reply.status_code == 200, reply.text
    told = reply.json()
    assert (told["encode_id"], told["format"], told["quality"]) == (encode_id, form, quality)
    path = tmp_path / f"out.{form}"
    file = fetched(user, encode_id, path)
    assert file.headers["Content-Type"] == MIME[form]  # type: ignore[index]
    assert f'"Mein Film.{form}"' in file.headers["Content-Disposition"]
    assert told["report"]["channels"] == 2 and told["report"]["duration"] == pytest.approx(2.0, abs=0.1)
    if quality[0].isdigit():
        assert len(file.content) * 8 / 2.0 == pytest.approx(int(quality[:-1]) * 1000, rel=0.15)
    if quality != "worst":
        assert all(abs(mark.at - mark.second) < 0.06 for mark in audio_marks(path))
    if form != "wav":
        assert texts(path)["title"] == ["Ein Lied: Überblick"] and texts(path)["genre"] == ["Blues"]
        assert b"48.1" not in file.content, "where it was recorded stays out"
    status = user.http.get(f"/encode/status/{encode_id}", headers=user.private).json()
    assert (status["status"], status["audio_format"], status["video_codec"]) == ("completed", form, None)


@pytest.mark.parametrize("form", ["mp3", "flac"])
def test_an_audio_file_keeps_tags_and_cover_at_an_even_loudness(user: User, tmp_path: Path, form: str) -> None:
    source = make(QUIET)
    reply = upload(user, source, "audio", "leise.mp3")
    assert reply.status_code == 201, reply.text
    metadata = reply.json()["metadata"]
    assert (metadata["codec"], metadata["has_video"], metadata["title"]) == ("mp3", False, "Ein Lied: Überblick")
    encode_id = reply.json()["encode_id"]
    made = take(user, encode_id, format=form, normalize_loudness=True).json()
    assert made["report"]["cover"] is True and made["report"]["loudness_lufs"] == -16.0
    fetched(user, encode_id, path := tmp_path / f"out.{form}")
    assert loudness(source) < -30 and loudness(path) == pytest.approx(-16.0, abs=1.0)
    assert texts(path)["artist"] == ["A = B; C"]


def test_a_film_can_be_both(user: User, tmp_path: Path) -> None:
    encode_id = uploaded(user, make(FILM))
    assert take(user, encode_id, format="wav").status_code == 200
    choice = {"video_codec": "h264", "quality_preset": "medium"}
    assert user.ask(f"/encode/start/{encode_id}", choice).status_code == 200
    assert fetched(user, encode_id, tmp_path / "film.mp4").headers["Content-Type"] == "video/mp4"


def test_what_cannot_be(user: User) -> None:
    def code(reply: httpx.Response) -> tuple[int, str]:
        return reply.status_code, reply.json()["code"]

    silent, song = uploaded(user, make(SILENT)), uploaded(user, make(QUIET), "audio")
    assert code(take(user, silent)) == (400, "MEDIA_INVALID")
    choice = {"video_codec": "h264", "quality_preset": "high"}
    assert code(user.http.post(f"/encode/start/{song}", json=choice, headers=user.private)) == (400, "MEDIA_INVALID")
    for wrong in ({"format": "ogg"}, {"quality": "64k"}, {"normalize_loudness": 1}):
        assert code(take(user, song, **wrong)) == (400, "REQUEST_INVALID")
    assert code(upload(user, make(QUIET), "video", "song.mp3")) == (400, "UPLOAD_TYPE_UNSUPPORTED")
    assert code(upload(user, make(FILM), "audio", "film.mp4")) == (400, "UPLOAD_TYPE_UNSUPPORTED")
    assert code(upload(user, make(SILENT), "audio", "silent.mp3")) == (400, "MEDIA_INVALID")
    assert code(take(user, "65a0000000000000000000ff")) == (404, "ENCODE_NOT_FOUND")


def test_the_contract_names_formats_and_qualities(user: User) -> None:
    document = user.http.get("/../openapi.json").json()
    body = document["paths"]["/api/encode/audio/{encode_id}"]["post"]["requestBody"]["content"]["application/json"]
    fields = document["components"]["schemas"][re.sub(r".*/", "", body["schema"]["$ref"])]["properties"]
    assert fields["format"]["enum"] == ["mp3", "wav", "flac"]
    assert fields["quality"]["enum"] == ["best", "worst", "128k", "192k", "320k"]
    assert fields["normalize_loudness"]["type"] == "boolean"
