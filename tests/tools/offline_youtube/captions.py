"""Captions: two written tracks and one made by a machine, in the formats that clients ask for."""

from __future__ import annotations

import json

from tests.tools.offline_youtube.http import Reply, Request, refused
from tests.tools.offline_youtube.ladder import SECONDS
from tests.tools.offline_youtube.situations import VideoId

CUE_SECONDS = 2
LANGUAGES = {"en": "English", "de": "German"}
TRANSLATIONS = LANGUAGES | {"fr": "French"}


def caption_tracks(video_id: VideoId) -> dict[str, object]:
    """The captions of a player response: written en and de, automatic en."""
    address = f"https://www.youtube.com/api/timedtext?v={video_id}"
    tracks: list[dict[str, object]] = [
        {
            "baseUrl": f"{address}&lang={code}",
            "name": {"simpleText": name},
            "vssId": f".{code}",
            "languageCode": code,
            "isTranslatable": True,
        }
        for code, name in LANGUAGES.items()
    ]
    tracks.append(
        {
            "baseUrl": f"{address}&lang=en&kind=asr",
            "name": {"simpleText": "English (auto-generated)"},
            "vssId": "a.en",
            "languageCode": "en",
            "kind": "asr",
            "isTranslatable": True,
        }
    )
    names = [{"languageCode": code, "languageName": {"simpleText": name}} for code, name in TRANSLATIONS.items()]
    return {"playerCaptionsTracklistRenderer": {"captionTracks": tracks, "translationLanguages": names}}


def timed_text(request: Request) -> Reply:
    """A track as vtt, srt or json3; one cue each two seconds, which tells its language, kind and number."""
    language = request.query.get("tlang") or request.query.get("lang", "")
    kind = "automatic" if request.query.get("kind") == "asr" else "written"
    cues = [(second, f"{language} {kind} {second}") for second in range(0, SECONDS, CUE_SECONDS)]
    match request.query.get("fmt"):
        case "vtt":
            body = "WEBVTT\n\n" + "\n".join(
                f"{_clock(at)} --> {_clock(at + CUE_SECONDS)}\n{text}\n" for at, text in cues
            )
            return Reply(body=body.encode(), content_type="text/vtt; charset=UTF-8")
        case "srt":
            blocks = [
                f"{number}\n{_clock(at, ',')} --> {_clock(at + CUE_SECONDS, ',')}\n{text}\n"
                for number, (at, text) in enumerate(cues, 1)
            ]
            return Reply(body="\n".join(blocks).encode())
        case "json3":
            events = [
                {"tStartMs": at * 1000, "dDurationMs": CUE_SECONDS * 1000, "segs": [{"utf8": text}]}
                for at, text in cues
            ]
            return Reply(body=json.dumps({"events": events}).encode(), content_type="application/json")
        case _:
            return refused(404)


def _clock(seconds: int, point: str = ".") -> str:
    return f"00:00:{seconds:02}{point}000"
