"""Renders the page behind a link to a clip, without scripts and without external content."""

from __future__ import annotations

import base64
import hashlib
import html
from pathlib import Path
from string import Template

from src.models.params import LiveClipParams
from src.models.share import Share
from src.models.video import VideoJob
from src.routes.share_texts import ShareTexts
from src.services.media.poster import poster_size

_HERE = Path(__file__).parent
_STYLE = (_HERE / "share.css").read_text("utf-8")
_PAGE = Template((_HERE / "share.html").read_text("utf-8"))
_GONE = Template((_HERE / "share_gone.html").read_text("utf-8"))
_STYLE_HASH = base64.b64encode(hashlib.sha256(_STYLE.encode()).digest()).decode()

POLICY = (
    f"default-src 'none'; style-src 'sha256-{_STYLE_HASH}'; img-src 'self'; media-src 'self'; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
"""The Content-Security-Policy of the page."""


def render(share: Share, job: VideoJob, base: str, below: str, token: str, words: ShareTexts) -> str:
    """Return the page; ``base`` is this service's address, for absolute links in previews on other sites; ``below`` is
    the path below which the reader sees it."""
    assert job.artifact is not None
    actual = job.report.get("actual") or {}
    source = str(job.facts.get("title") or "")
    title = str(getattr(job.params, "additional_message", None) or source or "Clip")
    path = f"/s/{token}"
    file = f"clip{job.artifact.path.suffix}"
    seconds = float(actual.get("duration") or 0)
    width, height = int(actual.get("width") or 1280), int(actual.get("height") or 720)
    poster_width, poster_height = poster_size(width, height)
    texts = {
        "language": words.language,
        "download": words.download,
        "available_until": words.until,
        "title": title,
        "source": source if source != title else "",
        "description": " · ".join(filter(None, [_length(seconds), str(actual.get("resolution") or ""), source])),
        "page": base + path,
        "poster": f"{base}{path}/poster.jpg",
        "video": f"{base}{path}/{file}",
        "mime": job.artifact.mime,
        "secure_video": f"{base}{path}/{file}".replace("http://", "https://", 1),
        "width": str(width),
        "height": str(height),
        "poster_width": str(poster_width),
        "poster_height": str(poster_height),
        "video_path": f"{below}{path}/{file}",
        "poster_path": f"{below}{path}/poster.jpg",
        "download_path": f"{below}{path}/{file}?download=1",
        "size": words.number(_size(job.artifact.size_bytes)),
        "until": words.moment(share.expires_at),
        "until_iso": share.expires_at.isoformat(timespec="seconds"),
    }
    escaped = {name: html.escape(text) for name, text in texts.items()}
    return _PAGE.substitute(escaped, style=_STYLE, facts=_facts(job, seconds, words))


def render_gone(words: ShareTexts) -> str:
    """Return the page for a link that is no longer valid."""
    texts = {"language": words.language, "gone": words.gone, "why": words.why_gone, "made_again": words.made_again}
    return _GONE.substitute({name: html.escape(text) for name, text in texts.items()}, style=_STYLE)


def _facts(job: VideoJob, seconds: float, words: ShareTexts) -> str:
    actual = job.report.get("actual") or {}
    fps = actual.get("fps")
    rows = [(words.length, _length(seconds))]
    if actual.get("resolution"):
        rate = f", {words.number(f'{fps:g}')} {words.frames}" if fps else ""
        rows.append((words.picture, str(actual["resolution"]) + rate))
    if isinstance(job.params, LiveClipParams):
        rows.append((words.seen_live, words.moment(job.params.event_at)))
        if job.params.viewer:
            rows.append((words.clipped_by, job.params.viewer))
    return "\n".join(f"<div><dt>{html.escape(a)}</dt><dd>{html.escape(b)}</dd></div>" for a, b in rows if b)


def _length(seconds: float) -> str:
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes}:{rest:02d}" if seconds else ""


def _size(count: int) -> str:
    return f"{count / 1_000_000:.1f} MB" if count >= 100_000 else f"{max(count // 1000, 1)} kB"
