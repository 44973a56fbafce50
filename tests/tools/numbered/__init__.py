"""Streams whose segments are requested by number, as one site serves them, for the virtual clock and for HTTP."""

from __future__ import annotations

from tests.tools.numbered.answers import HANG, Answer, NumberedSite
from tests.tools.numbered.media import NumberedTrack, aac_track, avc_track, vp9_track
from tests.tools.numbered.stream import NumberedStream, jittered

__all__ = [
    "HANG",
    "Answer",
    "NumberedSite",
    "NumberedStream",
    "NumberedTrack",
    "aac_track",
    "avc_track",
    "jittered",
    "vp9_track",
]
