"""A link that shows a clip to whoever has it, until it ends; and clips whose times are moved."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from fractions import Fraction
from pathlib import Path
from typing import Any

import pytest

from src.app import create_app
from src.models.params import LiveClipParams
from src.services.live.cutter import LiveReport
from tests.api.actors import Api, Person
from tests.tools.media_kit import Film, cached_film

pytestmark = pytest.mark.slow

TITLE = 'A <b>goal</b> & "more" \'$page'


@pytest.fixture
def shared(api: Api, anna: Person) -> tuple[str, dict[str, Any]]:
    """(video id, the link) of a finished clip."""
    film = Film(size=(320, 180), seconds=Fraction(2), crf=40)
    api.engine.content = cached_film(film, ".mp4").read_bytes()
    video_id = anna.save(additional_message=TITLE)
    assert anna.post(f"/api/video/download/{video_id}").status_code == 200
    reply = anna.post(f"/api/video/share/{video_id}")
    assert reply.status_code == 201 and reply.json is not None, reply.text
    return video_id, dict(reply.json)


def test_the_page_shows_the_clip_and_runs_nothing(api: Api, shared: tuple[str, dict[str, Any]]) -> None:
    _, link = shared
    page = api.call("GET", f"/s/{link['token']}")
    assert page.status_code == 200 and page.mimetype == "text/html"
    assert "<b>goal" not in page.text and "A &lt;b&gt;goal&lt;/b&gt; &amp; &quot;more&quot; &#x27;$page" in page.text
    assert "<script" not in page.text and "javascript:" not in page.text
    policy = page.headers["Content-Security-Policy"]
    assert policy.startswith("default-src 'none'") and "unsafe" not in policy and "script-src" not in policy
    tags = dict(re.findall(r'<meta (?:property|name)="([^"]+)" content="([^"]*)">', page.text))
    for name in ("og:image", "og:video", "twitter:image"):
        assert tags[name].startswith(f"http://localhost/s/{link['token']}/")
        reply = api.call("GET", tags[name].removeprefix("http://localhost"))
        assert reply.status_code == 200 and len(reply.data) > 500
    assert tags["twitter:card"] == "summary_large_image", "a card with a player would frame the page"
    assert (tags["og:type"], tags["og:video:type"], tags["og:image:type"]) == ("video.other", "video/mp4", "image/jpeg")
    assert all(tags[f"og:{kind}:{side}"].isdigit() for kind in ("video", "image") for side in ("width", "height"))
    assert tags["og:url"] == f"http://localhost/s/{link['token']}" and tags["og:title"] and tags["og:description"]
    for address in re.findall(r'(?:src|href|poster)="([^"]+)"', page.text):
        assert address.startswith(f"/s/{link['token']}/"), "nothing comes from elsewhere"


@pytest.mark.parametrize(("proxies", "base"), [(1, "https://clips.example.com"), (0, "http://localhost")])
def test_links_are_those_of_the_proxy_in_front(
    api: Api, shared: tuple[str, dict[str, Any]], anna: Person, proxies: int, base: str
) -> None:
    """And only of one that the operator has told of: anybody can send these headers."""
    app = create_app(api.services.settings.model_copy(update={"trusted_proxies": proxies}), api.services)
    front = {"X-Forwarded-Proto": "https", "X-Forwarded-Host": "clips.example.com", "X-Forwarded-For": "192.0.2.7"}
    made = app.test_client().post(
        f"/api/video/share/{shared[0]}", headers={**front, "Authorization": f"Bearer {anna.token}"}
    )
    assert made.json is not None and made.json["url"] == f"{base}/s/{made.json['token']}"
    page = app.test_client().get(f"/s/{made.json['token']}", headers=front).text
    tags = dict(re.findall(r'<meta (?:property|name)="([^"]+)" content="([^"]*)">', page))
    for name in ("og:url", "og:image", "og:video", "twitter:image"):
        assert tags[name].startswith(f"{base}/s/{made.json['token']}")
    assert tags["og:video:secure_url"].startswith("https://")


def test_the_media_is_played_and_downloaded_in_ranges(api: Api, shared: tuple[str, dict[str, Any]]) -> None:
    path = f"/s/{shared[1]['token']}/clip.mp4"
    part = api.call("GET", path, headers={"Range": "bytes=10-19"})
    assert part.status_code == 206 and part.data == api.engine.content[10:20]
    assert part.headers["Content-Disposition"] == "inline" and part.mimetype == "video/mp4"
    whole = api.call("GET", path, query_string={"download": "1"})
    assert whole.data == api.engine.content and whole.headers["Content-Disposition"].startswith("attachment")
    assert api.call("GET", f"/s/{shared[1]['token']}/poster.jpg").data[:2] == b"\xff\xd8"
    assert api.call("GET", f"/s/{shared[1]['token']}/other.mp4").status_code == 404


def test_a_link_ends(api: Api, anna: Person, bert: Person, shared: tuple[str, dict[str, Any]]) -> None:
    video_id, link = shared
    path = f"/s/{link['token']}"
    changed = link["token"][:-1] + ("A" if link["token"][-1] != "A" else "B")
    for wrong in (changed, link["token"][:24], "x" * 46, link["token"] + "=", "%00"):
        assert api.call("GET", f"/s/{wrong}").status_code == 404
    assert datetime.fromisoformat(link["expires_at"]) <= datetime.now(UTC) + timedelta(minutes=30), "with its file"
    assert bert.post(f"/api/video/share/{video_id}").status_code == 403
    assert api.call("DELETE", f"/api/video/share/{video_id}", token=bert.token).status_code == 403
    ended = api.call("DELETE", f"/api/video/share/{video_id}", token=anna.token)
    assert ended.json == {"message": "Links revoked", "revoked": 1}
    for gone in (path, f"{path}/clip.mp4", f"{path}/poster.jpg"):
        assert api.call("GET", gone).status_code == 404
    again = anna.post(f"/api/video/share/{video_id}", json={"expires_in_seconds": 60}).json
    assert again is not None
    api.services.database["shares"].update_many({}, {"$set": {"expires_at": datetime.now(UTC)}})
    assert api.call("GET", f"/s/{again['token']}").status_code == 404


def test_a_browser_with_a_dead_link_is_shown_a_page(api: Api) -> None:
    browser = "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8"
    for accept, mimetype in ((browser, "text/html"), ("*/*", "application/json"), ("", "application/json")):
        reply = api.call("GET", f"/s/{'x' * 46}", headers={"Accept": accept})
        assert (reply.status_code, reply.mimetype) == (404, mimetype)
        assert "This link has expired or was revoked." in reply.text
    assert api.call("GET", f"/s/{'x' * 46}/clip.mp4", headers={"Accept": browser}).mimetype == "application/json"


def test_the_page_speaks_the_language_of_its_reader(api: Api, shared: tuple[str, dict[str, Any]]) -> None:
    headers = {"Accept": "text/html", "Accept-Language": "de-AT,de;q=0.9,en;q=0.5"}
    page = api.call("GET", f"/s/{shared[1]['token']}", headers=headers)
    assert '<html lang="de"' in page.text and ">Herunterladen<" in page.text
    assert "Verfügbar bis" in page.text and "Accept-Language" in page.headers["Vary"]
    gone = api.call("GET", f"/s/{'x' * 46}", headers=headers)
    assert gone.status_code == 404 and "Diesen Clip gibt es nicht mehr" in gone.text
    french = api.call("GET", f"/s/{shared[1]['token']}", headers={**headers, "Accept-Language": "fr"})
    assert '<html lang="en"' in french.text and ">Download<" in french.text


def test_only_what_is_finished_is_shared(anna: Person) -> None:
    reply = anna.post(f"/api/video/share/{anna.save()}")
    assert reply.status_code == 404 and reply.json is not None and reply.json["code"] == "FILE_NOT_READY"


# --- moved times ------------------------------------------------------------------------------------------------


def patch(person: Person, video_id: str, **body: Any) -> Any:
    return person.api.call("PATCH", f"/api/video/{video_id}", token=person.token, json=body)


def test_a_clip_is_cut_anew_from_its_source(api: Api, anna: Person, bert: Person) -> None:
    video_id = anna.save()
    anna.post(f"/api/video/download/{video_id}")
    moved = patch(anna, video_id, move_start=-5, end_time=118)
    assert moved.status_code == 202 and moved.json["refetched"] is True
    assert (moved.json["start_time"], moved.json["end_time"]) == (55, 118)
    assert anna.post(f"/api/video/download/{video_id}").status_code == 200
    assert (api.engine.calls[-1]["start_time"], api.engine.calls[-1]["end_time"]) == (55, 118)
    for wrong in ({"start_time": 119}, {"move_start": -100}, {"end_time": 5000}, {"offset": 3}, {}, {"begin": 1}):
        assert patch(anna, video_id, **wrong).status_code == 400
    assert patch(bert, video_id, move_end=1).status_code == 403


def test_a_live_clip_is_moved_by_what_its_times_are(api: Api, anna: Person, tmp_path: Path) -> None:
    """The engine's side, that nothing is fetched for it, is tested with the live origin."""
    seen: list[LiveClipParams] = []

    def make(task: Any) -> Any:
        task.retained_dir.mkdir(exist_ok=True)
        seen.append(task.params)
        path = task.work_dir / "clip.mp4"
        path.write_bytes(b"a clip")
        return LiveReport(path, {"source": "live"}, {"start_time": 100.0, "end_time": 220.0})

    live: Any = api.services.runner._handlers["live_clip"]._live  # type: ignore[attr-defined]
    live.capture, live.cut = lambda task: None, make
    query = {"user_id": anna.id, "offset": 60, "duration": 120}
    saved = api.call("GET", f"/api/video/save/stream/{api.public_token()}/dQw4w9WgXcQ", query_string=query).json
    assert saved is not None
    video_id = saved["video_id"]
    anna.post(f"/api/video/download/{video_id}")
    moved = patch(anna, video_id, start_time=95, move_end=5)
    assert moved.status_code == 202 and moved.json["refetched"] is False, moved.json
    assert (moved.json["offset"], moved.json["duration"]) == (65, 130)
    anna.post(f"/api/video/download/{video_id}")
    assert (seen[-1].clip_offset, seen[-1].clip_duration, seen[-1].event_at) == (65, 130, seen[0].event_at)
    assert anna.status(video_id)["source"] == "live"


def test_a_page_shows_a_file_by_a_link_until_the_file_or_the_account_is_gone(
    api: Api, shared: tuple[str, dict[str, Any]], anna: Person
) -> None:
    video_id, _ = shared
    linked = anna.post(f"/api/video/link/{video_id}")
    assert linked.status_code == 200 and linked.json is not None, linked.text
    file, poster = linked.json["file_url"], linked.json["poster_url"]
    left = datetime.fromisoformat(linked.json["expires_at"]) - datetime.now(UTC)
    assert timedelta(minutes=54) < left <= timedelta(hours=1)
    shown = api.call("GET", file, headers={"Range": "bytes=0-9"})
    assert (shown.status_code, shown.headers["Content-Disposition"]) == (206, "inline")
    assert api.call("GET", poster).data.startswith(b"\xff\xd8")
    for wrong in (
        file.replace("inline", "posters"),
        file[:-1],
        file.replace("expires=", "expires=9"),
        file.split("?")[0],
    ):
        assert api.call("GET", wrong).status_code in (403, 404), wrong
    assert api.person().post(f"/api/video/link/{video_id}").status_code == 403
    api.services.accounts.switch(anna.email, active=False)
    assert [api.call("GET", each).status_code for each in (file, poster)] == [404, 404]
    api.services.accounts.switch(anna.email, active=True)
    assert api.call("GET", file).status_code == 200
    job = api.services.jobs.find_any(video_id)
    api.services.jobs.forget(job)
    assert [api.call("GET", each).status_code for each in (file, poster)] == [404, 404]
