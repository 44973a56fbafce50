"""A real Chromium that plays files: what it shows first, and how long it says they are."""

from __future__ import annotations

import json
import shutil
import subprocess
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import av
import numpy as np

from tests.tools.media_kit.pattern import COLUMNS, ROWS, read_number

FLAGS = [
    *("--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-sync"),
    *("--disable-background-networking", "--disable-component-update", "--mute-audio"),
    "--autoplay-policy=no-user-gesture-required",
]
SECONDS = 60

# Waits until a frame is really presented, at the beginning, in the middle and near the end, and sends the mean
# brightness of the middle of each of the pattern's blocks. 'loadeddata' and 'seeked' may come before the frame can be
# drawn: requestVideoFrameCallback says when it can. It is not called for the same frame again and sometimes not for a
# paused video, so the wait for it has an end. A canvas that is still transparent has not received any frame.
PAGE = """<!doctype html><video id=v muted preload=auto></video><script>
const v = document.getElementById('v'), told = {};
const send = () => fetch('/told', {method: 'POST', body: JSON.stringify(told)});
const wait = (target, name) => new Promise((done, fail) => {
  target.addEventListener(name, done, {once: true}); target.addEventListener('error', fail, {once: true}); });
const draw = () => {
  const c = document.createElement('canvas'); c.width = v.videoWidth; c.height = v.videoHeight;
  const g = c.getContext('2d'); g.drawImage(v, 0, 0);
  if (!g.getImageData(0, 0, 1, 1).data[3]) return null;
  const out = [], w = c.width / COLUMNS, h = c.height / ROWS;
  for (let y = 0; y < ROWS; y++) for (let x = 0; x < COLUMNS; x++) {
    const d = g.getImageData(Math.round((x + .25) * w), Math.round((y + .25) * h), w / 2, h / 2).data;
    let sum = 0; for (let i = 0; i < d.length; i += 4) sum += d[i + 1]; out.push(sum / (d.length / 4)); }
  return out; };
const blocks = async () => { let out; while (!(out = draw())) await pause(50); return out; };
const pause = ms => new Promise(done => setTimeout(done, ms));
const presented = () => Promise.race([new Promise(done => v.requestVideoFrameCallback(done)), pause(1000)]);
const seek = async t => {
  const p = wait(v, 'seeked'), shown = presented(); v.currentTime = t; await p; await shown; return blocks(); };
(async () => { try {
  const shown = presented(); v.src = '/file'; await wait(v, 'loadeddata'); await shown;
  if (!v.videoWidth) throw new Error('no decoder for the video');
  told.duration = v.duration; told.first = await blocks(); told.time = v.currentTime;
  told.seeked = []; for (const t of TIMES) told.seeked.push(await seek(t));
  v.currentTime = 0; await wait(v, 'seeked'); v.playbackRate = 4; await v.play(); await wait(v, 'ended');
  const q = v.getVideoPlaybackQuality(); told.played = v.currentTime; told.corrupted = q.corruptedVideoFrames;
} catch (e) { told.error = String((v.error && v.error.message) || e); } send(); })();
</script>"""


@dataclass(frozen=True)
class Played:
    """What Chromium told: duration in seconds, the number in the first frame and those at the times asked for."""

    duration: float
    first: int
    seeked: tuple[int, ...]
    played: float
    error: str | None = None


def program() -> str:
    """Chromium's program; without one the tests that need it fail."""
    found = shutil.which("chromium") or shutil.which("google-chrome")
    assert found is not None, "these tests need Chromium: install the package chromium"
    return found


def play(path: Path, times: tuple[float, ...] = ()) -> Played:
    """Play a file once from its beginning to its end."""
    with _server(path, times) as (url, told, done), tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as profile:
        browser = subprocess.Popen(
            [program(), *FLAGS, f"--user-data-dir={profile}", url],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        try:
            assert done.wait(SECONDS), "Chromium told nothing"
        finally:
            browser.kill()
            browser.wait()
    if "error" in told:
        return Played(0.0, -1, (), 0.0, told["error"])
    numbers = tuple(read_blocks(values) for values in told["seeked"])
    return Played(told["duration"], read_blocks(told["first"]), numbers, told["played"])


def read_blocks(values: list[float]) -> int:
    """The number that blocks of this brightness show."""
    picture = np.kron(np.array(values).reshape(ROWS, COLUMNS), np.ones((40, 40))).astype(np.uint8)
    return read_number(av.VideoFrame.from_ndarray(picture, format="gray"))


@contextmanager
def _server(path: Path, times: tuple[float, ...]) -> Iterator[tuple[str, dict[str, Any], threading.Event]]:
    told: dict[str, Any] = {}
    done = threading.Event()
    page = PAGE.replace("TIMES", json.dumps(times)).replace("COLUMNS", str(COLUMNS)).replace("ROWS", str(ROWS))

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            if self.path != "/file":
                self._answer(page.encode(), "text/html")
                return
            content = path.read_bytes()
            first = 0
            if "Range" in self.headers:
                first = int(self.headers["Range"].removeprefix("bytes=").split("-")[0])
            kind = "video/webm" if path.suffix == ".webm" else "video/mp4"
            self._answer(content[first:], kind, f"bytes {first}-{len(content) - 1}/{len(content)}")

        def do_POST(self) -> None:
            told.update(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
            self._answer(b"", "text/plain")
            done.set()

        def _answer(self, content: bytes, kind: str, content_range: str | None = None) -> None:
            self.send_response(206 if content_range else 200)
            self.send_header("Content-Type", kind)
            self.send_header("Content-Length", str(len(content)))
            if content_range:
                self.send_header("Content-Range", content_range)
                self.send_header("Accept-Ranges", "bytes")
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, format: str, *arguments: object) -> None:
            del format, arguments

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}/", told, done
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
