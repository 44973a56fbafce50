"""Which page, interface or file answers a request."""

from __future__ import annotations

from typing import Protocol

from tests.tools.offline_youtube import pages
from tests.tools.offline_youtube.captions import timed_text
from tests.tools.offline_youtube.cipher import SCRIPTS
from tests.tools.offline_youtube.faults import Fault
from tests.tools.offline_youtube.http import Reply, Request, page, redirect, refused, told
from tests.tools.offline_youtube.live import LiveStream
from tests.tools.offline_youtube.media import FilmState, manifest, media, numbered_media
from tests.tools.offline_youtube.pictures import picture
from tests.tools.offline_youtube.player import player_response
from tests.tools.offline_youtube.situations import VideoId, situation
from tests.tools.offline_youtube.storyboards import storyboard_sheet


class Site(Protocol):
    """What an answer may depend on."""

    live: LiveStream

    def fault_of(self, video_id: VideoId) -> Fault:
        """What goes wrong with a film now."""

    def state_of(self, video_id: VideoId) -> FilmState:
        """What has happened to a film."""


def answer(site: Site, request: Request) -> Reply:
    """The reply to any request for a host of the site."""
    host = request.host
    if host.endswith((".ytimg.com", ".ggpht.com")):
        return storyboard_sheet(request.path) if request.path.startswith("/sb/") else picture(request.path)
    if host.endswith(".googlevideo.com"):
        return _media(site, request)
    if host == "youtu.be":
        return redirect(f"https://www.youtube.com/watch?v={request.path.strip('/')}")
    if request.path.startswith("/youtubei/v1/"):
        return _interface(site, request, request.path.removeprefix("/youtubei/v1/"))
    return _page(site, request)


def _media(site: Site, request: Request) -> Reply:
    name, _, broadcast = request.parameters.get("id", "").partition(".")
    video_id = _known(name)
    if video_id is None:
        return refused(404)
    if broadcast and "playlist" not in request.parameters:
        return numbered_media(request, site.live)
    if request.path.startswith("/api/manifest/"):
        return manifest(request, video_id, site.live)
    return media(request, video_id, site.state_of(video_id), site.fault_of(video_id), site.live)


def _interface(site: Site, request: Request, name: str) -> Reply:
    video_id = _known(request.json.get("videoId"))
    if name == "player" and video_id is not None:
        fault = site.fault_of(video_id)
        if fault.extraction_status:
            return refused(fault.extraction_status)
        reply = told(player_response(video_id, _extraction(site, video_id), site.live))
        reply.delay_seconds = fault.extraction_seconds
        return reply
    if name == "next" and video_id is not None:
        return told(pages.watch_data(video_id))
    if name == "browse":
        if request.json.get("continuation") == pages.CONTINUATION:
            return told(pages.playlist_rest())
        if request.json.get("browseId") == f"VL{pages.PLAYLIST_ID}":
            return told(pages.playlist_data())
    return refused(404)


def _page(site: Site, request: Request) -> Reply:
    first, _, rest = request.path.strip("/").partition("/")
    match first:
        case "watch":
            return _watch(site, request.query.get("v"), request.query.get("list"))
        case "shorts" | "live" | "embed":
            return _watch(site, rest, None)
        case "playlist":
            known = request.query.get("list") == pages.PLAYLIST_ID
            return pages.web_page(data=pages.playlist_data()) if known else refused(404)
        case "api" if rest == "timedtext":
            video_id = _known(request.query.get("v"))
            fault = site.fault_of(video_id) if video_id else Fault(captions_status=404)
            return refused(fault.captions_status) if fault.captions_status else timed_text(request)
        case "s":
            script = SCRIPTS.get(rest.removeprefix("player/").partition("/")[0])
            return Reply(body=script.encode(), content_type="text/javascript") if script else refused(404)
        case "" | "tv":
            return pages.web_page()
        case "channel":
            return _channel(site, *rest.partition("/")[::2])
        case handle if handle.startswith("@"):
            return _channel(site, handle, rest)
        case _:
            return refused(404)


def _watch(site: Site, asked: str | None, playlist: str | None) -> Reply:
    video_id = _known(asked)
    if video_id is None:
        return page("<!DOCTYPE html><html><head><title>Offline YouTube</title></head></html>")
    status = site.fault_of(video_id).extraction_status
    if status:
        return refused(status)
    data = pages.playlist_data() if playlist == pages.PLAYLIST_ID else pages.watch_data(video_id)
    response = player_response(video_id, _extraction(site, video_id), site.live)
    return pages.web_page(player=situation(video_id).player, data=data, response=response)


def _channel(site: Site, name: str, tab: str) -> Reply:
    if pages.is_live_channel(name) and tab == "live":
        return _watch(site, VideoId.LIVE_NOW, None)
    if name in (pages.QUIET_HANDLE, pages.QUIET_CHANNEL_ID) or pages.is_live_channel(name):
        return pages.web_page(data=pages.channel_data(pages.QUIET_HANDLE))
    return refused(404)


def _extraction(site: Site, video_id: VideoId) -> int:
    state = site.state_of(video_id)
    with state.lock:
        state.extractions += 1
        return state.extractions


def _known(video_id: object) -> VideoId | None:
    return next((known for known in VideoId if known == video_id), None)
