"""Chat bots: who is one, what its headers hint at, and replies as they can read them: always 200, one line of text.

A bot prints what it gets into a chat and waits a few seconds at most; most print a bare number or an error of their
own for any status but 200. So every answer to a bot, errors too, is a sentence, and it comes in time even while a
store hangs. What the headers say about who speaks is a hint that anybody can make up, and never a permission.
"""

from __future__ import annotations

import functools
import logging
import re
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from concurrent.futures import TimeoutError as TooLate
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qs

from flask import Response, copy_current_request_context, request
from werkzeug.exceptions import HTTPException

from src.errors import AppError, InternalError
from src.services.chat.sentences import one_line
from src.services.chat_service import sentence_of

log = logging.getLogger(__name__)

CHAT_PATHS = ("/c/", "/api/video/save/stream/")
REPLY_SECONDS = 1.6
TOO_SLOW = "The clip service is slow right now; your clip may be saved all the same."
_AT_ONCE = 16
_MOST_HEADER = 2048
_AGENTS = re.compile(r"nightbot|streamelements|fossabot|streamer\.?bot|moobot|streamlabs|botrix|wizebot", re.IGNORECASE)
_HEADERS = ("Nightbot-User", "Nightbot-Channel", "Nightbot-Response-Url")
_FOSSABOT = "x-fossabot-"
_workers = ThreadPoolExecutor(_AT_ONCE, thread_name_prefix="chat")


@dataclass(frozen=True, slots=True)
class Hints:
    """What a bot's headers say. ``channel`` is Nightbot's header as it came."""

    bot: bool
    channel: str = ""
    viewer: str = ""
    message_id: str = ""
    response_url: str = ""


def hints() -> Hints:
    """Who seems to ask the current request."""
    head = request.headers
    fossabot = any(name.lower().startswith(_FOSSABOT) for name in head.keys())  # noqa: SIM118 (not a dictionary)
    known = any(name in head for name in _HEADERS) or fossabot or _AGENTS.search(head.get("User-Agent", ""))
    return Hints(
        bot=bool(known) or request.args.get("format", "").lower() in ("text", "txt", "plain"),
        channel=_cut(head.get("Nightbot-Channel")) or _cut(head.get("x-fossabot-channelid")),
        viewer=_nightbot_user(_cut(head.get("Nightbot-User"))) or _cut(head.get("x-fossabot-message-userdisplayname")),
        message_id=_cut(head.get("x-fossabot-message-id")),
        response_url=_cut(head.get("Nightbot-Response-Url")),
    )


def speaks_to_bots(view: Callable[..., Response]) -> Callable[..., Response]:
    """A view whose errors and delays a bot hears as sentences; other callers notice nothing of it."""

    @functools.wraps(view)
    def answered(**path: Any) -> Response:
        if not hints().bot:
            return view(**path)
        return in_time(functools.partial(view, **path), REPLY_SECONDS)

    return answered


def in_time(view: Callable[[], Response], seconds: float) -> Response:
    """The reply of a view within the current request, or a sentence when it raises or takes longer. It goes on
    then: a clip that was asked for is saved all the same."""
    asked: Future[Response] = _workers.submit(copy_current_request_context(view))
    try:
        return asked.result(seconds)
    except TooLate:
        log.warning("a chat was answered before its clip was saved")
        return text(TOO_SLOW)
    except AppError as error:
        return text(sentence_of(error))
    except HTTPException as error:
        return text(error.description or "This request cannot be understood.")
    except Exception:
        log.exception("a chat's command failed")
        return text(sentence_of(InternalError("Something went wrong in the clip service.")))


def text(sentence: str) -> Response:
    """A sentence as every bot prints it."""
    response = Response(one_line(sentence), status=200, content_type="text/plain; charset=utf-8")
    response.headers["Cache-Control"] = "no-store"
    return response


def _cut(value: str | None) -> str:
    return (value or "")[:_MOST_HEADER].strip()


def _nightbot_user(header: str) -> str:
    try:
        fields = parse_qs(header, max_num_fields=30)
    except ValueError:
        return ""
    return next((fields[name][0] for name in ("displayName", "name") if name in fields), "")
