"""Fetches the captions of a video: finds them with yt-dlp and chooses them by language and origin."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from src.errors import CaptionsUnavailable, ExtractorBroken
from src.models.captions import Captions, Cue
from src.models.media_source import NetworkSettings
from src.models.params import CaptionSource
from src.services.fetch.bounded import BoundedReader
from src.services.fetch.limits import MOST_CAPTION_BYTES
from src.services.youtube.caption_reader import read_json3, read_vtt
from src.services.youtube.extraction import ytdlp_session
from src.services.youtube.media_hosts import require_media_host
from src.services.youtube.options import SOCKET_SECONDS, SiteOptions

if TYPE_CHECKING:
    from yt_dlp import YoutubeDL

_READERS = {"json3": read_json3, "vtt": read_vtt}  # best first
_NO_CAPTIONS = "live_chat"  # listed among them by yt-dlp

Tracks = Mapping[str, Sequence[Mapping[str, Any]]]


def fetch_captions(
    url: str, site: SiteOptions, *, language: str | None = None, source: CaptionSource = "any"
) -> Captions:
    """Fetch the captions in a language (``en`` also finds ``en-GB``), by default that of the video.

    Raises:
        CaptionsUnavailable: the video has no such captions.
        SourceError: the site or the network failed.
    """
    with ytdlp_session(site) as (downloader, _):
        raw = downloader.extract_info(url, download=False, process=False)
        code, automatic, address, kind = choose_track(raw, language=language, source=source)
        require_media_host(address)
        body = _fetch(address, downloader, site)
    return Captions(
        str(raw["id"]), str(raw.get("title") or ""), code, automatic, _read(kind, body, automatic=automatic)
    )


def _fetch(address: str, downloader: YoutubeDL, site: SiteOptions) -> bytes:
    """Return the file at an address of the site. Not by yt-dlp's own client: that one decompresses without a limit."""
    headers = {str(name): str(value) for name, value in downloader.params["http_headers"].items()}
    cookies = downloader.cookiejar.get_cookie_header(address)
    network = NetworkSettings(
        proxy=site.proxy, verify_tls=site.verify_tls, connect_seconds=SOCKET_SECONDS, stall_seconds=SOCKET_SECONDS
    )
    if cookies:
        headers["Cookie"] = cookies
    with BoundedReader(network) as reader:
        return reader.read(address, headers, MOST_CAPTION_BYTES).content


def choose_track(raw: Mapping[str, Any], *, language: str | None, source: CaptionSource) -> tuple[str, bool, str, str]:
    """Choose the best track, preferably a written one. Returns (language, whether it is automatic, address, format).

    Raises:
        CaptionsUnavailable: no track matches.
    """
    origins = {"manual": ("subtitles",), "automatic": ("automatic_captions",)}.get(
        source, ("subtitles", "automatic_captions")
    )
    for origin in origins:
        tracks: Tracks = {code: kinds for code, kinds in (raw.get(origin) or {}).items() if code != _NO_CAPTIONS}
        code = _find(tracks, language, raw.get("language"))
        by_kind = {str(entry.get("ext")): entry.get("url") for entry in tracks.get(code or "", ())}
        kind = next((kind for kind in _READERS if by_kind.get(kind)), None)
        if code is not None and kind is not None:
            return code.removesuffix("-orig"), origin != "subtitles", str(by_kind[kind]), kind
    kind_name = {"manual": "written ", "automatic": "automatic "}.get(source, "")
    raise CaptionsUnavailable(f"The video has no {kind_name}captions" + (f" in '{language}'." if language else "."))


def _find(tracks: Tracks, wanted: str | None, spoken: str | None) -> str | None:
    """Find the best code: the wanted one; by default the spoken language, the original of the site, English, or any."""
    if wanted is not None:
        exact = next((code for code in (f"{wanted}-orig", wanted) if code in tracks), None)
        return exact or next((code for code in sorted(tracks) if code.split("-")[0] == wanted.split("-")[0]), None)
    original = next((code for code in tracks if code.endswith("-orig")), None)
    preferred = [f"{spoken}-orig", spoken, original, "en"]
    return next((code for code in preferred if code in tracks), None) or next(iter(tracks), None)


def _read(kind: str, body: bytes, *, automatic: bool) -> tuple[Cue, ...]:
    try:
        cues = _READERS[kind](body.decode("utf-8", "replace"), automatic=automatic)
    except ValueError:
        raise ExtractorBroken("The captions of the video cannot be read") from None
    if not cues:
        raise CaptionsUnavailable("The captions of the video are empty.")
    return cues
