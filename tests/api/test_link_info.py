"""What a link leads to: facts, chapters, resolutions and storyboards of the offline site, and who is refused."""

from __future__ import annotations

from typing import Any

import av
import numpy as np
import pytest

from src.services.youtube import storyboard_sheets
from src.services.youtube.media_hosts import is_image_address
from tests.api.actors import Api
from tests.tools.media_kit.pattern import read_number
from tests.tools.offline_youtube.site import OfflineYoutube
from tests.tools.offline_youtube.situations import VideoId
from tests.tools.offline_youtube.storyboards import LEVELS, picture_of

pytestmark = pytest.mark.slow


def told(real: Api, url: str) -> dict[str, Any]:
    reply = real.call("POST", "/api/video/info", json={"url": url})
    assert reply.status_code == 200 and reply.json is not None, reply.text
    return dict(reply.json)


def test_a_link_is_described_and_its_storyboard_shows_the_right_frames(real: Api, site: OfflineYoutube) -> None:
    assert real.call("GET", f"/api/video/storyboard/{VideoId.LADDER}/0/0").status_code == 404  # not looked up yet
    info = told(real, f"https://youtu.be/{VideoId.LADDER}?t=1m3s")
    assert (info["video_id"], info["title"], info["author"]) == (
        VideoId.LADDER,
        "Offline film: ladder",
        "Offline Films",
    )
    assert (info["duration"], info["live_status"], info["start_time"]) == (20, "not_live", 63)
    assert info["chapters"] == [
        {"title": "Beginning", "start_time": 0, "end_time": 10},
        {"title": "Middle", "start_time": 10, "end_time": 15},
        {"title": "End", "start_time": 15, "end_time": 20},
    ]
    assert info["resolutions"] == ["2160p", "1440p", "1080p", "720p", "480p", "360p", "240p", "144p"]
    assert info["formats"]["144p"] == ["mp4", "webm"]
    levels = info["storyboard"]["levels"]
    assert levels[0] == {
        "level": 0,
        "width": 160,
        "height": 90,
        "rows": 3,
        "columns": 3,
        "sheets": 3,
        "interval_seconds": 1,
    }
    assert [level["interval_seconds"] for level in levels] == [1, 1, 2]
    found = []
    for sheet in range(3):
        path = f"/api/video/storyboard/{VideoId.LADDER}/0/{sheet}"
        reply = real.call("GET", path)
        assert reply.status_code == 200 and reply.mimetype == "image/jpeg", reply.text
        assert reply.headers["Cache-Control"] == "private, max-age=3600"
        found += numbers_on(reply.data)
        assert real.call("GET", path).data == reply.data
    assert found[:20] == [25 * second for second in range(20)]
    asked = [request for request in site.requests if request.host == "i.ytimg.com"]
    assert len(asked) == 3  # the second time each came from the disk


def numbers_on(content: bytes) -> list[int]:
    decoder = av.CodecContext.create("mjpeg", "r")
    assert isinstance(decoder, av.VideoCodecContext)
    pixels = decoder.decode(av.Packet(content))[0].to_ndarray(format="gray").astype(np.uint8)
    level = LEVELS[-1]
    found = []
    for place in range(level.rows * level.columns):
        picture = np.ascontiguousarray(picture_of(pixels, level, place))
        if picture.mean() < 8:  # behind the last picture
            break
        found.append(read_number(av.VideoFrame.from_ndarray(picture, format="gray")))
    return found


def test_a_stream_has_no_storyboard_and_a_refused_link_has_its_code(real: Api) -> None:
    live = told(real, f"https://www.youtube.com/live/{VideoId.LIVE_NOW}")
    assert (live["live_status"], live["duration"], live["storyboard"]) == ("is_live", None, None)
    assert live["start_time"] is None and live["resolutions"]
    for url, status, code in (
        ("https://example.com/film.mp4", 400, "URL_INVALID"),
        (f"https://youtu.be/{VideoId.PRIVATE}", 500, "VIDEO_PRIVATE"),
    ):
        reply = real.call("POST", "/api/video/info", json={"url": url})
        assert reply.json is not None and (reply.status_code, reply.json["code"]) == (status, code), reply.text
    assert real.call("POST", "/api/video/info", json={"url": 5}).json["code"] == "REQUEST_INVALID"  # type: ignore[index]


def test_a_sheet_that_does_not_exist_is_not_fetched(real: Api, site: OfflineYoutube) -> None:
    told(real, f"https://youtu.be/{VideoId.LADDER}")
    before = len(site.requests)
    for path in ("0/3", "9/0", "x/0", "0/-1", "0/99999999", "0/1e1", "%2e%2e/0"):
        reply = real.call("GET", f"/api/video/storyboard/{VideoId.LADDER}/{path}")
        assert (reply.status_code, (reply.json or {})["code"]) == (404, "STORYBOARD_NOT_FOUND"), path
    assert len(site.requests) == before


def test_only_images_are_passed_on_and_only_from_the_hosts_of_the_site() -> None:
    assert storyboard_sheets._read(b"<script>alert(1)</script>") is None
    assert storyboard_sheets._read(b"GIF89a") is None
    assert is_image_address("https://i.ytimg.com/sb/x/storyboard3_L0/default.jpg")
    for address in (
        "http://i.ytimg.com/x",
        "https://i.ytimg.com:8443/x",
        "https://ytimg.com.example.com/x",
        "https://user@i.ytimg.com/x",
        "https://169.254.169.254/i.ytimg.com",
        "https://evilytimg.com/x",
    ):
        assert not is_image_address(address), address
