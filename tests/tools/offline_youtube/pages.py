"""The site's web pages and their data: watch page, playlist, channel."""

from __future__ import annotations

import json

from tests.tools.offline_youtube.cipher import PLAYER_IDS, PLAYER_PATH, SIGNATURE_TIMESTAMP
from tests.tools.offline_youtube.http import Reply, page
from tests.tools.offline_youtube.player import CHANNEL_HANDLE, CHANNEL_ID, CHANNEL_NAME, Json, thumbnails, title
from tests.tools.offline_youtube.situations import VideoId

CLIENT_VERSION = "2.20260101.00.00"
PLAYLIST_ID = "PLoffline0000000000000000000000000"
PLAYLIST_PAGES: tuple[tuple[VideoId, ...], ...] = (
    (VideoId.LADDER, VideoId.FPS_60, VideoId.PRIVATE),
    (VideoId.FPS_30000_1001, VideoId.ONLY_PROGRESSIVE),
)
"""The playlist's films, as they come on its pages."""
CONTINUATION = "offline-next-page"
QUIET_HANDLE = "@quietfilms"
"""A channel that is not live; ``CHANNEL_HANDLE`` is."""
QUIET_CHANNEL_ID = "UCquietquietquietquiet00"


def web_page(*, player: str = "good", data: Json | None = None, response: Json | None = None) -> Reply:
    """An HTML page with the site's configuration, and the data and player response inside it."""
    client = {"clientName": "WEB", "clientVersion": CLIENT_VERSION, "hl": "en", "visitorData": "offline"}
    config = {
        "INNERTUBE_API_KEY": "offline",
        "INNERTUBE_CONTEXT": {"client": client},
        "PLAYER_JS_URL": PLAYER_PATH.format(PLAYER_IDS[player]),
        "STS": SIGNATURE_TIMESTAMP,
        "LOGGED_IN": False,
    }
    scripts = [f"ytcfg.set({json.dumps(config)});"]
    if response is not None:
        scripts.append(f"var ytInitialPlayerResponse = {json.dumps(response)};")
    if data is not None:
        scripts.append(f"var ytInitialData = {json.dumps(data)};")
    inside = "".join(f"<script>{script}</script>" for script in scripts)
    return page(f"<!DOCTYPE html><html><head><title>Offline YouTube</title>{inside}</head><body></body></html>")


def watch_data(video_id: VideoId) -> Json:
    """What the watch page knows beside the player: title, likes, owner."""
    like: Json = {"accessibilityText": "like this video along with 678 other people"}
    for name in ("buttonViewModel", "defaultButtonViewModel", "toggleButtonViewModel", "toggleButtonViewModel"):
        like = {name: like}
    for name in ("likeButtonViewModel", "likeButtonViewModel", "segmentedLikeDislikeButtonViewModel"):
        like = {name: like}
    primary = {
        "title": {"runs": [{"text": title(video_id)}]},
        "dateText": {"simpleText": "Mar 1, 2026"},
        "videoActions": {"menuRenderer": {"topLevelButtons": [like]}},
    }
    owner = {"title": {"runs": [{"text": CHANNEL_NAME}]}, "subscriberCountText": {"simpleText": "1.2K subscribers"}}
    contents = [
        {"videoPrimaryInfoRenderer": primary},
        {"videoSecondaryInfoRenderer": {"owner": {"videoOwnerRenderer": owner}}},
    ]
    return {
        "contents": {"twoColumnWatchNextResults": {"results": {"results": {"contents": contents}}}},
        "currentVideoEndpoint": {"watchEndpoint": {"videoId": video_id}},
    }


def playlist_data() -> Json:
    """The playlist's page: its first films, and a token for the rest."""
    items: list[Json] = [_item(video_id) for video_id in PLAYLIST_PAGES[0]]
    endpoint = {"continuationCommand": {"token": CONTINUATION}}
    items.append({"continuationItemRenderer": {"continuationEndpoint": endpoint}})
    videos = {"itemSectionRenderer": {"contents": [{"playlistVideoListRenderer": {"contents": items}}]}}
    tab = {"tabRenderer": {"selected": True, "content": {"sectionListRenderer": {"contents": [videos]}}}}
    return {
        "contents": {"twoColumnBrowseResultsRenderer": {"tabs": [tab]}},
        "metadata": {"playlistMetadataRenderer": {"title": "Offline playlist", "description": "Two pages."}},
    }


def playlist_rest() -> Json:
    """The playlist's second page."""
    items = [_item(video_id) for video_id in PLAYLIST_PAGES[1]]
    return {"onResponseReceivedActions": [{"appendContinuationItemsAction": {"continuationItems": items}}]}


def channel_data(handle: str) -> Json:
    """The home of a channel that is not live: what its /live address shows too."""
    home = f"/{handle}/featured"
    endpoint = {"commandMetadata": {"webCommandMetadata": {"url": home}}}
    tab = {
        "selected": True,
        "title": "Home",
        "endpoint": endpoint,
        "content": {"sectionListRenderer": {"contents": []}},
    }
    return {
        "contents": {"twoColumnBrowseResultsRenderer": {"tabs": [{"tabRenderer": tab}]}},
        "metadata": {"channelMetadataRenderer": {"title": handle.lstrip("@"), "externalId": QUIET_CHANNEL_ID}},
    }


def is_live_channel(name: str) -> bool:
    """Whether a channel's handle or id is that of the channel that is live."""
    return name in (CHANNEL_HANDLE, CHANNEL_ID)


def _item(video_id: VideoId) -> Json:
    return {
        "playlistVideoRenderer": {
            "videoId": video_id,
            "title": {"runs": [{"text": title(video_id)}]},
            "lengthSeconds": "20",
            "thumbnail": thumbnails(video_id),
            "shortBylineText": {"runs": [{"text": CHANNEL_NAME}]},
        }
    }
