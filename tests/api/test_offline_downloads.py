"""Guests and the archive with the real engines against the offline site: whole videos, sound, captions, facts."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import av
import pytest

from tests.api.actors import Api
from tests.tools.offline_youtube.pages import PLAYLIST_ID
from tests.tools.offline_youtube.site import OfflineYoutube
from tests.tools.offline_youtube.situations import VideoId

pytestmark = pytest.mark.slow


def link(video_id: VideoId) -> str:
    return f"https://www.youtube.com/watch?v={video_id}"


def test_a_guest_fetches_a_film_its_sound_and_its_captions(real: Api, tmp_path: Path) -> None:
    key = real.call("POST", "/api/sessions/").json["session_uuid"]  # type: ignore[index]
    headers = {"X-Session-ID": key}
    bodies: list[dict[str, Any]] = [
        {"url": link(VideoId.LADDER), "quality": "1440p"},
        {"url": link(VideoId.LADDER), "media_type": "audio", "output_format": "mp3", "quality": "128k"},
        {"url": link(VideoId.CAPTIONS), "media_type": "transcript", "output_format": "json", "quality": "automatic"},
        {"url": link(VideoId.LADDER), "media_type": "transcript"},
        {"url": link(VideoId.CAPTIONS_RATE_LIMITED), "media_type": "transcript"},
    ]
    real.services.runner._limits = replace(real.services.runner._limits, retry_limit=1)
    for body in bodies:
        assert real.call("POST", "/api/jobs/", json=body, headers=headers).status_code == 201
    real.notifier.finish()
    listed = real.call("GET", "/api/jobs/", headers=headers).json
    assert listed is not None
    jobs = listed["jobs"][::-1]
    assert [(job["status"], job["error_code"]) for job in jobs] == [
        ("completed", None),
        ("completed", None),
        ("completed", None),
        ("failed", "CAPTIONS_UNAVAILABLE"),
        ("failed", "RATE_LIMITED"),
    ], jobs
    files = [real.call("GET", f"/api/jobs/{job['job_uuid']}/file", headers=headers).data for job in jobs[:3]]
    for content, name, seconds in ((files[0], "film.mp4", 20), (files[1], "sound.mp3", 20)):
        path = tmp_path / name
        path.write_bytes(content)
        with av.open(str(path)) as opened:
            assert opened.duration is not None and abs(opened.duration / av.time_base - seconds) < 0.5
            assert [stream.height for stream in opened.streams.video if not stream.disposition & 1024] == (
                [1440] if name == "film.mp4" else []
            )
    captions = json.loads(files[2])
    assert (captions["language"], captions["automatic"]) == ("en", True)
    assert captions["cues"][1] == {"start": 2.0, "end": 4.0, "text": "en automatic 2"}


def test_an_archive_knows_and_fetches_a_film(real: Api) -> None:
    facts = real.call("GET", f"/metadata/{VideoId.LADDER}").json
    assert facts is not None
    told = facts["data"]
    assert (told["title"], told["duration"], told["published_at"]) == (
        "Offline film: ladder",
        20,
        "2026-03-01T20:00:00Z",
    )
    assert told["statistics"]["view_count"] == 12345 and {"1080p", "audio"} <= {
        each["quality"] for each in told["formats"]
    }
    playlist = real.call("GET", f"/metadata/playlist/{PLAYLIST_ID}?limit=2&include_videos=true").json
    assert playlist is not None
    assert [each["metadata"]["title"] for each in playlist["data"]["videos"]] == [
        "Offline film: ladder",
        "Offline film: fps 60",
    ]
    private = real.call("GET", f"/metadata/{VideoId.PRIVATE}").json
    assert private is not None and private["error"]["code"] == "YOUTUBE_API_ERROR"
    assert private["error"]["details"]["reason"] == "VIDEO_PRIVATE"
    missing = real.call("GET", f"/metadata/{VideoId.REMOVED}")
    assert (
        missing.status_code == 404 and missing.json is not None and missing.json["error"]["code"] == "VIDEO_NOT_FOUND"
    )

    started = real.call("POST", "/download", json={"video_id": VideoId.LADDER, "quality": "720p"}).json
    assert started is not None and started["data"]["estimated_size"] > 10_000
    real.notifier.finish()
    done = real.call("GET", f"/download/{started['data']['download_id']}").json
    assert done is not None and done["data"]["status"] == "completed", done
    # The estimate was of the formats' own sizes; what is kept are their streams as they are.
    assert 0.9 < done["data"]["total_bytes"] / started["data"]["estimated_size"] < 1.1
    stored = real.call("GET", "/storage/search?q=ladder").json
    assert stored is not None and stored["data"]["videos"][0]["file_size"] == done["data"]["total_bytes"]


def test_a_film_above_the_limit_is_not_fetched(real: Api, site: OfflineYoutube) -> None:
    real.services.downloads._archive_max_bytes = 1000
    job = real.call("POST", "/jobs", json={"video_id": VideoId.LADDER, "metadata_requested": False}).json
    real.notifier.finish()
    assert job is not None
    failed = real.call("GET", f"/jobs/{job['data']['job_id']}").json
    assert failed is not None and failed["data"]["error"]["code"] == "DOWNLOAD_FAILED"
