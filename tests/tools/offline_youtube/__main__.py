"""The site as a process: prints one line of JSON with the environment that leads a service here, then serves."""

from __future__ import annotations

import argparse
import json
import signal
import sys
import threading

from tests.tools.offline_youtube.site import OfflineYoutube
from tests.tools.offline_youtube.situations import VideoId


def main() -> None:
    """Serve until SIGTERM or SIGINT."""
    parser = argparse.ArgumentParser(prog="python -m tests.tools.offline_youtube", description=__doc__)
    parser.add_argument("--port", type=int, default=0, help="port of the proxy; 0 is any free one")
    parser.add_argument("--bytes-per-second", type=float, default=None, help="speed of each connection")
    parser.add_argument("--round-trip-ms", type=float, default=0, help="delay of each reply")
    chosen = parser.parse_args()
    stop = threading.Event()
    for name in (signal.SIGTERM, signal.SIGINT):
        signal.signal(name, lambda *_: stop.set())
    round_trip = chosen.round_trip_ms / 1000
    with OfflineYoutube(
        port=chosen.port, bytes_per_second=chosen.bytes_per_second, round_trip_seconds=round_trip
    ) as site:
        films = {video_id.name: site.url(video_id) for video_id in VideoId}
        ready = {"proxy_url": site.proxy_url, "environment": site.environment(), "films": films}
        sys.stdout.write(json.dumps(ready) + "\n")
        sys.stdout.flush()
        stop.wait()


if __name__ == "__main__":
    main()
