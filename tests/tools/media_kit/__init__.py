"""Films whose every frame shows its number and whose sound tells the second, and the readers that check them."""

from __future__ import annotations

from tests.tools.media_kit.cache import cached_file, cached_film, media_cache
from tests.tools.media_kit.facts import AudioFacts, MediaFacts, PacketFact, VideoFacts, media_facts, packets
from tests.tools.media_kit.film import FFMPEG, TESTED_FFMPEG, Film, FilmNotMade, make_film
from tests.tools.media_kit.pattern import FrameUnreadable
from tests.tools.media_kit.read import (
    NumberedFrame,
    audio_gaps,
    audio_marks,
    av_offset,
    decode_errors,
    first_last,
    frame_numbers,
)
from tests.tools.media_kit.sound import AudioMark, SoundUnreadable

__all__ = [
    "FFMPEG",
    "TESTED_FFMPEG",
    "AudioFacts",
    "AudioMark",
    "Film",
    "FilmNotMade",
    "FrameUnreadable",
    "MediaFacts",
    "NumberedFrame",
    "PacketFact",
    "SoundUnreadable",
    "VideoFacts",
    "audio_gaps",
    "audio_marks",
    "av_offset",
    "cached_file",
    "cached_film",
    "decode_errors",
    "first_last",
    "frame_numbers",
    "make_film",
    "media_cache",
    "media_facts",
    "packets",
]
