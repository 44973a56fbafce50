"""The videos of the encode benchmark: eight recipes of four kinds, made once and stored in the cache of the tests.

``python -m benchmarks.videos`` makes all of them in some three minutes and prints where they are.
"""

from __future__ import annotations

from benchmarks.videos.making import VIDEOS, Video, made

__all__ = ["VIDEOS", "Video", "made"]
