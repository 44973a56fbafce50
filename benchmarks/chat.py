"""How soon a chat is answered while looking a stream up takes six seconds.

``python -m benchmarks.chat``: starts the whole service with its embedded stores, behind a proxy that lets every request
to the video site wait. Then bots send 20 commands a second, and 50 at once; each names a channel that nobody has looked
up.
"""

from __future__ import annotations

import argparse
import itertools
import socket
import statistics
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from urllib.parse import urlsplit

import httpx

from tests.tools.live_service import running_service

ACCOUNT = {"email": "bench@example.com", "password": "SecurePass123!"}
_numbers = itertools.count()


def main() -> None:
    """Measure and print."""
    options = argparse.ArgumentParser()
    options.add_argument("--seconds", type=int, default=15, help="how long 20 commands a second are sent")
    options.add_argument("--lookup", type=float, default=6, help="seconds that the site lets every request wait")
    chosen = options.parse_args()
    with slow_proxy(chosen.lookup) as port:
        environment = {"YTDLP_PROXY": f"http://127.0.0.1:{port}", "RATE_LIMIT_ENABLED": "false"}
        with running_service({**environment, "MAX_PENDING_PER_USER": "1000000"}) as service:
            address = command_of(service.base)
            print("| commands | answered | p50 ms | p99 ms |\n|---|---|---|---|")
            row("20 a second", send(address, [number / 20 for number in range(20 * chosen.seconds)]))
            row("50 at once", [took for _ in range(3) for took in send(address, [0.0] * 50)])


@contextmanager
def slow_proxy(seconds: float) -> Iterator[int]:
    """The port of a proxy that accepts every connection and closes it after this time."""
    with socket.create_server(("127.0.0.1", 0), backlog=512) as server:

        def serve() -> None:
            while True:
                try:
                    connection, _ = server.accept()
                except OSError:
                    return
                threading.Timer(seconds, connection.close).start()

        threading.Thread(target=serve, daemon=True).start()
        yield server.getsockname()[1]


def command_of(base: str) -> str:
    """The address of a command with a new channel token."""
    with httpx.Client(base_url=f"{base}/api", timeout=30) as http:
        http.post("/auth/register", json=ACCOUNT).raise_for_status()
        private = {"Authorization": f"Bearer {http.post('/auth/login', json=ACCOUNT).json()['token']}"}
        body = {"cooldown_seconds": 0, "viewer_cooldown_seconds": 0}
        token = http.post("/auth/tokens", json=body, headers=private).json()["token"]
    return f"{base}/c/{token}"


def send(address: str, starts: Sequence[float]) -> list[float]:
    """Send a command at each of these seconds, each on a connection of its own; how long each answer took."""
    took: list[float] = []
    began = time.monotonic() + 0.5

    parts = urlsplit(address)

    def one(start: float, number: int) -> None:
        time.sleep(max(0.0, began + start - time.monotonic()))
        sent = time.perf_counter()
        # The plainest client there is: any library takes milliseconds of the same processors for each connection.
        with socket.create_connection((parts.hostname or "", parts.port or 80), timeout=30) as connection:
            line = f"GET {parts.path}/@channel{number}?format=text&id={number} HTTP/1.1"
            connection.sendall(f"{line}\r\nHost: {parts.netloc}\r\nConnection: close\r\n\r\n".encode())
            answer = b"".join(iter(lambda: connection.recv(65536), b""))
        took.append(time.perf_counter() - sent)
        head, _, text = answer.partition(b"\r\n\r\n")
        assert head.startswith(b"HTTP/1.1 200 ") and text.startswith(b"Clip requested"), answer

    threads = [threading.Thread(target=one, args=(start, next(_numbers))) for start in starts]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return took


def row(name: str, took: Sequence[float]) -> None:
    """Print one row."""
    in_order = sorted(took)
    last = in_order[max(0, round(len(in_order) * 0.99) - 1)]
    print(f"| {name} | {len(in_order)} | {statistics.median(in_order) * 1000:.0f} | {last * 1000:.0f} |", flush=True)


if __name__ == "__main__":
    main()
