"""The media servers: ranges of files and segments, and everything that faults do to them."""

from __future__ import annotations

import threading
from dataclasses import dataclass, field

from tests.tools.numbered import HANG
from tests.tools.offline_youtube.cipher import is_solved
from tests.tools.offline_youtube.faults import Fault
from tests.tools.offline_youtube.hls import complete_playlist, master_playlist, renditions
from tests.tools.offline_youtube.http import Reply, Request, refused
from tests.tools.offline_youtube.ladder import RUNGS
from tests.tools.offline_youtube.live import LiveStream
from tests.tools.offline_youtube.player import MANIFEST_HOST, MEDIA_HOST
from tests.tools.offline_youtube.situations import VideoId, situation

LAST_MODIFIED = "Sat, 18 Jan 2025 10:00:00 GMT"
"""The site names no ETag."""


@dataclass
class FilmState:
    """What has happened to one film since the site opened."""

    extractions: int = 0
    expired_through: int = 0
    """URLs of this extraction and of earlier ones answer 403."""
    granted_bytes: int = 0
    """Bytes promised to URLs that may expire."""
    refusals: int = 0
    lock: threading.Lock = field(default_factory=threading.Lock)
    over: threading.Event = field(default_factory=threading.Event)
    """Set when another fault, or none, counts."""

    def anew(self) -> FilmState:
        """The state of the film when another fault counts from now on."""
        self.over.set()
        return FilmState(extractions=self.extractions)


def media(request: Request, video_id: VideoId, state: FilmState, fault: Fault, live: LiveStream) -> Reply:
    """The reply to a request for bytes of a film."""
    parameters = request.parameters
    itag, extraction = int(parameters.get("itag", 0)), int(parameters.get("ei", 0))
    what = situation(video_id)
    if what.enciphered and not is_solved(parameters, str(extraction)):
        return refused(403)
    data, kind = _find(video_id, itag, parameters.get("sq"), live)
    if data is None:
        return refused(404)
    if not fault.hits(itag):
        return _cut_out(request, data, kind, Fault())
    with state.lock:
        if fault.status is not None and (fault.times is None or state.refusals < fault.times):
            state.refusals += 1
            return refused(fault.status)
        reply = _cut_out(request, data, kind, fault)
        reply.healed = state.over
        return _expiring(reply, state, fault, extraction)


def numbered_media(request: Request, live: LiveStream) -> Reply:
    """The reply to a request for a segment by number."""
    answer = live.numbered().answer(
        request.method, request.target, request.headers.get("range"), live.now, request.host
    )
    if answer.status == HANG:
        return Reply(delay_seconds=float("inf"))
    return Reply(answer.status, answer.body, "video/mp4", answer.headers)


def manifest(request: Request, video_id: VideoId, live: LiveStream) -> Reply:
    """The reply to a request for an HLS playlist."""
    parameters = request.parameters
    extraction = parameters.get("ei", "0")
    if request.path.startswith("/api/manifest/hls_variant/"):
        return master_playlist(video_id, extraction, MANIFEST_HOST)
    rendition = next((r for r in renditions(video_id) if str(r.itag) == parameters.get("itag")), None)
    if rendition is None:
        return refused(404)
    # As on the site, the path of a segment names a playlist and ends like a file.
    path = (
        f"videoplayback/id/{video_id}.8/itag/{rendition.itag}/ei/{extraction}/playlist/index.m3u8/sq/{{}}/goap/clen%3D1"
    )
    path += f"/dur/{rendition.segment_seconds:.3f}/file/seg.ts"
    address = f"https://{MEDIA_HOST}/{path}"
    if situation(video_id).live == "now" and not live.recorded:
        return live.playlist(rendition, address)
    return complete_playlist(rendition, address)


def _find(video_id: VideoId, itag: int, sequence: str | None, live: LiveStream) -> tuple[bytes | None, str]:
    """(the file or segment, its media type)."""
    formats = situation(video_id).formats
    if sequence is None:
        rung = next((rung for rung in RUNGS[formats] if rung.itag == itag), None)
        return (rung.data, rung.mime.partition(";")[0]) if rung else (None, "")
    rendition = next((r for r in renditions(video_id) if r.itag == itag), None)
    if rendition is None or not sequence.isdigit():
        return None, ""
    number = int(sequence)
    if formats in ("live", "numbered") and not live.recorded:
        return live.segment(rendition, number), "video/mp2t"
    return (rendition.segments[number] if number < rendition.segment_count else None), "video/mp2t"


def _cut_out(request: Request, data: bytes, kind: str, fault: Fault) -> Reply:
    """The asked range of ``data``, with the faults of its delivery."""
    whole = len(data)
    span = None if fault.ignores_range else request.range
    if span is None:
        first, reply = 0, Reply(body=data, content_type=kind)
        if not fault.ignores_range:
            reply.headers["Accept-Ranges"] = "bytes"
    else:
        first, last = span[0], whole - 1 if span[1] is None else min(span[1], whole - 1)
        if first > last:
            return Reply(status=416, headers={"Content-Range": f"bytes */{whole}"})
        content_range = {"Accept-Ranges": "bytes", "Content-Range": f"bytes {first}-{last}/{whole}"}
        reply = Reply(status=206, body=data[first : last + 1], content_type=kind, headers=content_range)
    reply.headers["Last-Modified"] = LAST_MODIFIED
    reply.bytes_per_second = fault.bytes_per_second
    if fault.cut_every_bytes is not None:
        reply.stop_after = fault.cut_every_bytes
    barrier = fault.cut_at if fault.stall_at is None else fault.stall_at
    if barrier is not None:
        reply.stop_after = max(0, int(whole * barrier) - first)
        reply.then = "close" if fault.stall_at is None else "hang"
    return reply


def _expiring(reply: Reply, state: FilmState, fault: Fault, extraction: int) -> Reply:
    """``reply`` as a URL of limited use gives it. The caller holds the lock."""
    if fault.expires_after_bytes is None or extraction > state.expired_through > 0:
        return reply
    left = fault.expires_after_bytes - state.granted_bytes
    if state.expired_through or left <= 0:
        state.expired_through = state.expired_through or state.extractions
        return refused(403)
    if len(reply.body) > left:
        reply.stop_after = left
    state.granted_bytes += len(reply.body)
    return reply
