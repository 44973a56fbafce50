"""Looks running streams up at the site: which video a name leads to, the formats of a capture, and newer links."""

from __future__ import annotations

from src.errors import ChannelNotLive, ClipRangeInvalid, LiveEndedNotReady, LiveNotStarted, LiveNotSupported
from src.models.params import LiveClipParams
from src.models.progress import Monitor, SilentMonitor
from src.models.source import Extraction, LiveStatus
from src.services.live.choice import numbered_formats, select_numbered, select_segmented, track_of
from src.services.live.numbered.links import Links
from src.services.live.state import CaptureState
from src.services.youtube.formats import format_table
from src.services.youtube_service import YouTubeService
from src.utils.stream_names import StreamName, name_of_video, read_stream_name
from src.utils.validators import canonical_url


class StreamLookups:
    """Knows the site, and nothing of what was captured."""

    def __init__(self, youtube: YouTubeService) -> None:
        """``youtube`` asks the site."""
        self._youtube = youtube

    def video_of(self, params: LiveClipParams) -> str:
        """Return the id of the stream that runs under the name of a request.

        Raises:
            ChannelNotLive, SourceError.
        """
        return params.youtube_video_id or self._youtube.live_stream(_name_of(params))

    def look(
        self, video_id: str, resolution: str, monitor: Monitor, earlier: CaptureState | None, *, by_number: bool
    ) -> CaptureState | None:
        """Return formats with fresh links, or None when the stream is over and its segments are gone.

        ``earlier``: what was looked up before, if anything. ``by_number``: by the numbers of the segments if the site
        has them, unless playlists were followed before.

        Raises:
            LiveNotStarted: it has not started, or its encoder is away.
            ClipRangeInvalid: it is no stream. SourceError.
        """
        try:
            instead_of = earlier.extracted_at if earlier else None
            video = self._youtube.extract(video_id, monitor, instead_of=instead_of, numbered=True)
        except LiveEndedNotReady:
            return None
        status = video.info.live_status
        if status is LiveStatus.IS_UPCOMING:
            raise LiveNotStarted()
        if status is LiveStatus.NOT_LIVE:
            raise ClipRangeInvalid("This video is not a live stream: there is no moment to clip.")
        if status is LiveStatus.WAS_LIVE:
            return None
        by_number = by_number and (earlier is None or earlier.numbered)
        return (_state(video, resolution, by_number=True) if by_number else None) or _state(video, resolution)

    def numbered_links(self, stream: str, resolution: str) -> tuple[str, Links]:
        """Return the video of a running stream and the links to its segments, in the formats that clips of it have.

        Raises:
            ChannelNotLive, LiveNotStarted, LiveEndedNotReady, SourceError: it does not run, or cannot be read.
            LiveNotSupported: its segments have no numbers.
        """
        name = read_stream_name(stream)
        if name is None:
            raise ChannelNotLive()
        video = self._youtube.extract(self._youtube.live_stream(name), SilentMonitor(), numbered=True)
        if video.info.live_status is not LiveStatus.IS_LIVE:
            raise ChannelNotLive()
        selection = select_numbered(video, resolution)
        if selection is None:
            raise LiveNotSupported()
        chosen = [entry for entry in (selection.video, selection.audio) if entry is not None]
        return video.info.id, Links(tuple(track_of(video, entry) for entry in chosen), video.looked_at)

    def renewed(self, video_id: str, resolution: str, links: Links) -> Links | None:
        """Return newer links in the same formats, or in those that fit now. Belongs to no clip in particular.

        Raises:
            LiveNotStarted: the stream is interrupted. SourceError.
        """
        try:
            video = self._youtube.extract(video_id, SilentMonitor(), instead_of=links.extracted_at, numbered=True)
        except LiveEndedNotReady:
            return None
        if video.info.live_status is LiveStatus.IS_UPCOMING:
            raise LiveNotStarted()
        formats = numbered_formats(video, resolution, [track.format_id for track in links.tracks])
        if formats is None or video.info.live_status not in (LiveStatus.IS_LIVE, LiveStatus.POST_LIVE):
            return None
        tracks = tuple(track_of(video, entry) for entry in formats)
        return Links(tracks, video.looked_at, ended=video.info.live_status is not LiveStatus.IS_LIVE)


def _state(video: Extraction, resolution: str, *, by_number: bool = False) -> CaptureState | None:
    select = select_numbered if by_number else select_segmented
    selection = select(video, resolution)
    if selection is None:
        return None
    chosen = [entry for entry in (selection.video, selection.audio) if entry is not None]
    offered = format_table(video.info.id, video.info.formats or video.numbered)
    return CaptureState(
        video_id=video.info.id,
        tracks=tuple(track_of(video, entry) for entry in chosen),
        resolution=selection.obtained,
        extracted_at=video.looked_at,
        source="live" if video.info.live_status is LiveStatus.IS_LIVE else "post_live",
        facts={
            "title": video.info.title,
            "available_formats": list(offered.resolutions),
            "youtube_video_id": video.info.id,
            "url": canonical_url(video.info.id),
        },
        released_at=video.info.release_at,
    )


def _name_of(params: LiveClipParams) -> StreamName:
    found = read_stream_name(params.stream or "")
    return found if found is not None else name_of_video(params.youtube_video_id or "")
