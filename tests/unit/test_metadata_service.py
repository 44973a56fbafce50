"""What is noted in a saved job about its source."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any, cast

from src.errors import RateLimited
from src.models.source import VideoInfo
from src.services.clips.offers import MetadataService

VIDEO = "dQw4w9WgXcQ"


class Site:
    """Answers once, and is tired then."""

    def __init__(self) -> None:
        self.looks = 0

    def get_video_info(self, video_id: str) -> VideoInfo:
        self.looks += 1
        if self.looks > 1:
            raise RateLimited()
        return VideoInfo(video_id, "A film", "https://www.youtube.com/watch?v=" + video_id, 212)

    def get_available_formats(self, video_id: str) -> list[str]:
        return [str(self.get_video_info(video_id).formats)]


class Jobs:
    """One saved job."""

    def __init__(self) -> None:
        self.facts: dict[str, Any] = {}

    def find(self, job_id: str) -> Any:
        return SimpleNamespace(params=SimpleNamespace(youtube_video_id=VIDEO))

    def set_facts(self, job_id: str, facts: dict[str, Any]) -> None:
        self.facts.update(facts)


def test_a_saved_job_is_described_with_one_look() -> None:
    site, jobs = Site(), Jobs()
    MetadataService(cast(Any, site), cast(Any, jobs), cast(Any, None)).describe("a job")
    assert site.looks == 1
    assert jobs.facts == {"title": "A film", "source_duration": 212, "available_formats": []}
