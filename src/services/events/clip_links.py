"""Puts the links of a clip and the title of its source into a chat message of limited length."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from src.models.video import VideoJob
from src.utils.chat_text import echo, one_line
from src.utils.graphemes import units
from src.utils.spoken import spoken
from src.utils.validators import canonical_url

_LEAST_TITLE = 12  # a shorter beginning of a title says nothing
_MOST_TITLE = 100


@dataclass(frozen=True, slots=True)
class ClipLinks:
    """``share``: the page of the finished clip, valid until ``share_expires_at``; ``moment``: the place in the video on
    its site."""

    share: str | None = None
    share_expires_at: datetime | None = None
    moment: str | None = None

    @property
    def shown(self) -> tuple[str, ...]:
        """All links, the most important first."""
        return tuple(link for link in (self.share, self.moment) if link)


NO_LINKS = ClipLinks()


def moment_link(job: VideoJob) -> str | None:
    """Return the canonical link to the clip's source, at the clip's first second where that is known."""
    url, video_id = getattr(job.params, "url", ""), getattr(job.params, "youtube_video_id", None)
    if not video_id or not url:
        return None
    start = getattr(job.params, "start_time", None)
    link = canonical_url(video_id)
    return link if start is None else f"{link}&t={max(0, int(start))}s"


def compose(lead: str, job: VideoJob, links: ClipLinks, now: datetime, *, most: int) -> str:
    """Return ``LINK LEAD, link valid for TIME: "TITLE" LINK`` in at most ``most`` UTF-16 units.

    The title is shortened first, then left out; then the second link. Links are never cut.
    """
    if links.share_expires_at is not None:
        lead += f", link valid for {spoken((links.share_expires_at - now).total_seconds())}"
    first, *others = links.shown or ("",)
    for following in (others, []):
        room = most - sum(units(part) + 1 for part in (first, lead, *following) if part)
        if room >= 0:
            break
    title = echo(str(job.facts.get("title") or ""), most=min(room - 4, _MOST_TITLE)) if room >= _LEAST_TITLE else ""
    sentence = f"{lead}:{title}" if title else f"{lead}."
    return one_line(" ".join(filter(None, (first, sentence, *following))), most=most, links=links.shown)
