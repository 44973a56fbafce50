"""Says in a sentence for viewers why a command failed: nothing about accounts, servers or settings.

A viewer can write another command, wait, or tell the streamer; each sentence says which.
"""

from __future__ import annotations

from src.errors import catalogue
from src.errors.base import Remedy

# Their messages are about what the viewer wrote or sees, with figures of the single case.
_AS_THEY_ARE = frozenset(
    {
        "ADJUSTMENT_INVALID",
        "CHANNEL_NOT_LIVE",
        "CLIP_RANGE_INVALID",
        "CLIP_TOO_LONG",
        "COOLDOWN_ACTIVE",
        "LIVE_ENDED_NOT_READY",
        "LIVE_MOMENT_GONE",
        "LIVE_NOT_STARTED",
        "NOTHING_CLIPPED",
        "RATE_LIMIT_EXCEEDED",
        "SCOPE_MISSING",
        "VIDEO_ID_INVALID",
        "VIDEO_PRIVATE",
        "VIDEO_REMOVED",
        "VIDEO_UNAVAILABLE",
    }
)
_SENTENCES = {
    "ANONYMOUS_SAVES_OFF": "The owner of this service accepts no clips from this command.",
    "CANCELLED": "It was cancelled.",
    "ENDPOINT_NOT_FOUND": "This command has an address that does not exist; please tell the streamer.",
    "FILE_GONE": "The file of this clip has expired.",
    "METHOD_NOT_ALLOWED": "This command is set up in a way that cannot save clips; please tell the streamer.",
    "REQUEST_INVALID": "This command is not set up correctly; please tell the streamer.",
    "SEGMENT_MISSING": "The stream lacks a part of this moment.",
    "TOKEN_EXPIRED": "The token of this command has expired; please tell the streamer.",
    "TOKEN_INVALID": "This channel token is not valid; its owner may have revoked it.",
    "TOO_MANY_PENDING": "Too many clips are waiting; please try again later.",
    "URL_INVALID": "This names no stream: send the id of a video or a channel, a link, or a handle.",
    "USER_UNKNOWN": "This command is not set up correctly; please tell the streamer.",
}
_BY_REMEDY = {
    Remedy.USER: "This clip cannot be made from this stream.",
    Remedy.OPERATOR: "The clip service needs its operator; please tell the streamer.",
    Remedy.LATER: "The clip service could not do this now; please try again in a minute.",
    Remedy.DEVELOPER: "Something went wrong in the clip service; please try again.",
}


def sentence_for(code: str, message: str) -> str:
    """Return the sentence about an error with this code; ``message`` is the error's own text."""
    if code in _AS_THEY_ARE:
        return message
    known = catalogue().get(code)
    remedy = Remedy.DEVELOPER if known is None else known.remedy
    return _SENTENCES.get(code) or _BY_REMEDY[remedy]
