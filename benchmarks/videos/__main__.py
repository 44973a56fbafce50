"""Make all videos of the encode benchmark and print where they are."""

from __future__ import annotations

from benchmarks.videos import VIDEOS, made

for video in VIDEOS:
    path = made(video)
    print(f"{video.name:16} {video.seconds:2} s  {path.stat().st_size / 1e6:6.1f} MB  {path}", flush=True)
