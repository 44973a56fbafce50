"""What the egress proxy costs: the same downloads with and without it, on loopback.

``python -m benchmarks.egress [--megabytes 512] [--rounds 5]``. The server and the client run in processes of their
own, as in life; the proxy runs in the client's. Loopback is the hardest case there is: it has no latency and no limit
but the processors, which client, server and proxy share.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import multiprocessing
import os
import socket
import ssl
import tempfile
import threading
import time
from collections.abc import Callable
from multiprocessing.connection import Connection
from pathlib import Path

import httpx

from src.services.egress.policy import AllowList, Policy
from src.services.egress.proxy import EgressProxy
from tests.tools.offline_youtube.certificate import make_certificate

_HOST = "127.0.0.1"
_PIECE = bytes(1 << 20)


def serve(report: Connection, megabytes: int, bytes_per_second: float | None) -> None:
    """Two servers, plain and with TLS, that answer everything with so many bytes, from memory, a thread for each
    connection, each connection at most so fast."""
    with tempfile.TemporaryDirectory() as folder:
        context, _ = make_certificate(Path(folder))
    listeners = [socket.create_server((_HOST, 0), backlog=64) for _ in range(2)]
    report.send([listener.getsockname()[1] for listener in listeners])

    def answer(client: socket.socket, tls: ssl.SSLContext | None) -> None:
        with contextlib.suppress(OSError), client if tls is None else tls.wrap_socket(client, server_side=True) as end:
            while b"\r\n\r\n" not in end.recv(65536):
                pass
            end.sendall(b"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: %d\r\n\r\n" % (megabytes << 20))
            began = time.monotonic()
            for number in range(megabytes):
                end.sendall(_PIECE)
                if bytes_per_second:
                    time.sleep(max(0.0, began + (number + 1) * len(_PIECE) / bytes_per_second - time.monotonic()))

    def accept(listener: socket.socket, tls: ssl.SSLContext | None) -> None:
        while True:
            threading.Thread(target=answer, args=(listener.accept()[0], tls), daemon=True).start()

    threading.Thread(target=accept, args=(listeners[0], None), daemon=True).start()
    accept(listeners[1], context)


def fetch(port: int, proxy: tuple[int, str] | None) -> int:
    """One download as bare as it can be: bytes are counted and thrown away. The number of bytes with the head."""
    with socket.create_connection((_HOST, proxy[0] if proxy else port)) as connection:
        if proxy:
            connection.sendall(f"CONNECT {_HOST}:{port} HTTP/1.1\r\nProxy-Authorization: {proxy[1]}\r\n\r\n".encode())
            assert connection.recv(1024).startswith(b"HTTP/1.1 200")
        connection.sendall(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
        buffer, total = memoryview(bytearray(1 << 20)), 0
        while count := connection.recv_into(buffer):
            total += count
        return total


def measure_sockets(port: int, connections: int, megabytes: int, egress: EgressProxy | None) -> float:
    """MB/s of parallel bare downloads; with ``egress`` through CONNECT tunnels."""

    def all_of_them(proxy: tuple[int, str] | None) -> float:
        totals: list[int] = []
        threads = [threading.Thread(target=lambda: totals.append(fetch(port, proxy))) for _ in range(connections)]
        began = time.perf_counter()
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert all(total >= megabytes << 20 for total in totals) and len(totals) == connections
        return sum(totals) / (time.perf_counter() - began) / 1e6

    if egress is None:
        return all_of_them(None)
    with egress.session() as way:
        url = httpx.URL(way.proxy_url)
        basic = httpx.BasicAuth(url.username, url.password)._auth_header
        return all_of_them((url.port or 0, basic))


def measure_client(port: int, connections: int, megabytes: int, egress: EgressProxy | None) -> float:
    """MB/s of parallel downloads over TLS with the client that the clip engine uses, in one thread as it does."""

    async def get(client: httpx.AsyncClient) -> int:
        async with client.stream("GET", f"https://{_HOST}:{port}/") as response:
            return sum([len(piece) async for piece in response.aiter_raw()])

    async def all_of_them(proxy: str | None) -> float:
        async with httpx.AsyncClient(proxy=proxy, trust_env=False, timeout=60, verify=False) as client:  # noqa: S501
            began = time.perf_counter()
            totals = await asyncio.gather(*(get(client) for _ in range(connections)))
            assert totals == [megabytes << 20] * connections
            return sum(totals) / (time.perf_counter() - began) / 1e6

    if egress is None:
        return asyncio.run(all_of_them(None))
    with egress.session() as way:
        return asyncio.run(all_of_them(way.proxy_url))


def compare(name: str, measure: Callable[..., float], port: int, megabytes: int, rounds: int) -> None:
    """Print a line for one and for eight connections."""
    egress = EgressProxy(Policy(AllowList.parse(f"{_HOST}:{port}")))
    for connections in (1, 8):
        direct, through = [], []
        for _ in range(rounds):  # in turn, so that a busy moment strikes both
            direct.append(measure(port, connections, megabytes, None))
            through.append(measure(port, connections, megabytes, egress))
        a, b = max(direct), max(through)  # the least disturbed round of each
        print(f"| {name} | {connections} | {a:.0f} | {b:.0f} | {b / a:.0%} |", flush=True)
    egress.close()


def main() -> None:
    """Print a table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--megabytes", type=int, default=128, help="of one download")
    parser.add_argument("--rounds", type=int, default=5)
    options = parser.parse_args()
    print(f"{os.cpu_count()} processors, {options.megabytes} MB each, best of {options.rounds} rounds\n")
    print("| what | connections | direct, MB/s | through the proxy, MB/s | ratio |\n|---|---|---|---|---|")
    context = multiprocessing.get_context("spawn")
    for limit in (None, 20e6):
        here, there = multiprocessing.Pipe()
        server = context.Process(target=serve, args=(there, options.megabytes, limit), daemon=True)
        server.start()
        plain, tls = here.recv()
        if limit is None:
            compare("bare sockets, CONNECT", measure_sockets, plain, options.megabytes, options.rounds)
            compare("httpx, TLS", measure_client, tls, options.megabytes, options.rounds)
        else:
            name = f"httpx, TLS, server gives {limit / 1e6:.0f} MB/s to each connection"
            compare(name, measure_client, tls, options.megabytes, min(options.rounds, 3))
        server.terminate()


if __name__ == "__main__":
    main()
