"""What the player interface answers: the smallest JSON from which yt-dlp makes a film, or a refusal."""

from __future__ import annotations

import datetime as dt

from tests.tools.numbered import NumberedTrack
from tests.tools.offline_youtube.captions import caption_tracks
from tests.tools.offline_youtube.cipher import encipher
from tests.tools.offline_youtube.hls import LIVE_SECONDS
from tests.tools.offline_youtube.ladder import RUNGS, SECONDS, Rung
from tests.tools.offline_youtube.live import LiveStream
from tests.tools.offline_youtube.situations import Situation, VideoId, situation
from tests.tools.offline_youtube.storyboards import storyboard_spec

MEDIA_HOST = "rr1---sn-offline.googlevideo.com"
MANIFEST_HOST = "manifest.googlevideo.com"
CHANNEL_ID = "UCofflineofflineoffline0"
CHANNEL_NAME = "Offline Films"
CHANNEL_HANDLE = "@offlinefilms"
UPLOADED_AT = "2026-03-01T12:00:00-08:00"
LIVE_BEGAN_AT = "2026-03-01T20:00:00+00:00"
LIVE_ENDED_AT = "2026-03-01T20:00:20+00:00"
DESCRIPTION = "A film whose frames are numbered.\n\n0:00 Beginning\n0:10 Middle\n0:15 End"

Json = dict[str, object]


def title(video_id: VideoId) -> str:
    """The film's title."""
    if video_id is VideoId.MARKUP_IN_TITLE:
        return (
            '<img id="evil" src="x" onerror="window.evil=1"><script id="evil">window.evil=1</script> & "quotes" \'too\''
        )
    return f"Offline film: {video_id.name.lower().replace('_', ' ')}"


def thumbnails(video_id: VideoId) -> Json:
    """The film's still pictures."""
    name = f"https://i.ytimg.com/vi/{video_id}/hqdefault.jpg"
    return {"thumbnails": [{"url": name, "width": 480, "height": 360}]}


def player_response(asked: VideoId, extraction: int, live: LiveStream) -> Json:
    """The whole answer for ``asked``. ``extraction`` is part of every media address, so that they can expire."""
    what = live.situation_of(asked)
    video_id = what.answers_for or asked
    answer: Json = {
        "playabilityStatus": _playability(what),
        "videoDetails": _details(video_id, what),
        "microformat": {"playerMicroformatRenderer": _microformat(video_id, what, live)},
    }
    if what.refusal is None:
        answer["streamingData"] = _streaming(video_id, what, extraction, live)
        spec = storyboard_spec(video_id)
        if spec is not None:
            answer["storyboards"] = spec
    if what.captions:
        answer["captions"] = caption_tracks(video_id)
    return answer


def media_url(video_id: VideoId, itag: int, extraction: int) -> str:
    """Where a format of one extraction is."""
    return f"https://{MEDIA_HOST}/videoplayback?id={video_id}&itag={itag}&ei={extraction}&expire=1999999999"


def _playability(what: Situation) -> Json:
    refusal = what.refusal
    if refusal is None:
        return {"status": "OK", "playableInEmbed": True}
    told: Json = {"status": refusal.status, "reason": refusal.reason}
    if refusal.subreason:
        message = {"reason": {"simpleText": refusal.reason}, "subreason": {"simpleText": refusal.subreason}}
        told["errorScreen"] = {"playerErrorMessageRenderer": message}
    return told


def _details(video_id: VideoId, what: Situation) -> Json:
    told: Json = {
        "videoId": video_id,
        "title": title(video_id),
        "lengthSeconds": "0" if what.live in ("now", "upcoming") else str(_length(video_id)),
        "channelId": CHANNEL_ID,
        "author": CHANNEL_NAME,
        "shortDescription": DESCRIPTION,
        "viewCount": "12345",
        "keywords": ["offline", "numbers"],
        "thumbnail": thumbnails(video_id),
        "isPrivate": False,
        "isLiveContent": what.live != "never",
    }
    if what.live == "now":
        told["isLive"] = True
    if what.live == "upcoming":
        told["isUpcoming"] = True
    if what.live == "processing":
        told["isPostLiveDvr"] = True
    return told


def _length(video_id: VideoId) -> int:
    return LIVE_SECONDS if situation(video_id).live == "now" else SECONDS


def _microformat(video_id: VideoId, what: Situation, live: LiveStream) -> Json:
    told: Json = {
        "uploadDate": UPLOADED_AT,
        "publishDate": UPLOADED_AT,
        "category": "Education",
        "isFamilySafe": True,
        "isUnlisted": False,
        "ownerProfileUrl": f"http://www.youtube.com/{CHANNEL_HANDLE}",
        "externalChannelId": CHANNEL_ID,
        "availableCountries": ["DE", "FR"],
    }
    if what.live == "upcoming":
        soon = dt.datetime.now(dt.UTC) + dt.timedelta(hours=2)
        told["liveBroadcastDetails"] = {"isLiveNow": False, "startTimestamp": soon.isoformat(timespec="seconds")}
    elif situation(video_id).live == "now":
        began = dt.datetime.fromtimestamp(live.began_at, dt.UTC).isoformat(timespec="seconds")
        told["liveBroadcastDetails"] = {"isLiveNow": what.live == "now", "startTimestamp": began}
    elif what.live != "never":
        ended = {"isLiveNow": False, "startTimestamp": LIVE_BEGAN_AT, "endTimestamp": LIVE_ENDED_AT}
        told["liveBroadcastDetails"] = ended
    return told


def _streaming(video_id: VideoId, what: Situation, extraction: int, live: LiveStream) -> Json:
    if what.formats == "numbered":
        return _numbered(video_id, what, extraction, live)
    if what.formats in ("hls", "live"):
        return {"expiresInSeconds": "21540", "hlsManifestUrl": _hls_manifest(video_id, extraction)}
    formats = [_format(video_id, what, rung, extraction) for rung in RUNGS[what.formats]]
    told: Json = {"expiresInSeconds": "21540"}
    told["formats" if what.formats == "progressive" else "adaptiveFormats"] = formats
    if what.formats == "withheld":
        told["serverAbrStreamingUrl"] = f"https://{MEDIA_HOST}/videoplayback?sabr=1"
    if what.drm:
        told["licenseInfos"] = [{"drmFamily": "WIDEVINE"}]
    return told


def _hls_manifest(video_id: VideoId, extraction: int) -> str:
    return f"https://{MANIFEST_HOST}/api/manifest/hls_variant/id/{video_id}/ei/{extraction}/file/index.m3u8"


def _numbered(video_id: VideoId, what: Situation, extraction: int, live: LiveStream) -> Json:
    """Formats by number, and beside them HLS while the stream runs."""
    site = live.numbered()
    told: Json = {"expiresInSeconds": "21540"}
    if what.live == "now":
        told["hlsManifestUrl"] = _hls_manifest(video_id, extraction)
    issued = live.now
    told["adaptiveFormats"] = [
        {
            "itag": track.itag,
            "url": f"https://{MEDIA_HOST}/videoplayback?{site.query(track.itag, issued, video_id)}",
            "mimeType": track.mime,
            "bitrate": 100_000 + track.itag,
            "lastModified": "1",
            "targetDurationSec": float(site.stream.target),
            "maxDvrDurationSec": 43_200,
            **_quality(track),
        }
        for track in site.stream.tracks
    ]
    return told


def _quality(track: NumberedTrack) -> Json:
    if not track.has_video:
        return {
            "quality": "tiny",
            "audioQuality": "AUDIO_QUALITY_MEDIUM",
            "audioSampleRate": "48000",
            "audioChannels": 1,
        }
    width, height = track.film.size
    quality = {144: "tiny", 240: "small"}[height]
    return {"width": width, "height": height, "fps": 25, "quality": quality, "qualityLabel": f"{height}p"}


def _format(video_id: VideoId, what: Situation, rung: Rung, extraction: int) -> Json:
    url = media_url(video_id, rung.itag, extraction)
    told = rung.describe()
    if what.drm:
        told["drmFamilies"] = ["WIDEVINE"]
    if what.enciphered:
        told["signatureCipher"] = encipher(url, str(extraction))
    elif what.formats != "withheld":
        told["url"] = url
    return told
