"""Chromium plays what the encodes make: one browser, many files, each to its end."""

from __future__ import annotations

import http.server
import json
import os
import shutil
import signal
import subprocess
import threading
from pathlib import Path
from typing import Any

import pytest

from src.models.media import MediaInfo
from src.models.params import Codec
from src.services.encoding_service import EncodingService
from src.services.ffmpeg_utils_service import FFmpeg
from src.services.media.probe import probe
from tests.engines.encode.recipes import make
from tests.engines.encode.zoo import RIGHT
from tests.tools.media_kit import TESTED_FFMPEG

# One Chromium at a time: two on two cores miss their time limits.
pytestmark = [pytest.mark.slow, pytest.mark.browser, pytest.mark.xdist_group("browser")]
PLAYED = (
    *("turned 90", "turned 270", "mirrored", "odd size VP9", "anamorphic, turned", "anamorphic PAL"),
    *("10 bit to AV1", "RGB to H.264", "HDR10 to H.264", "full range MJPEG", "variable rate MP4", "variable rate MKV"),
    *("no sound", "5.1 AC-3", "7.1 FLAC", "sound starts late", "cover art comes first", "text subtitles", "WMV"),
)
PAGE = """<!doctype html><meta charset="utf-8"><script>
async function play(name) {
  const video = document.createElement("video");
  video.muted = true; video.src = name; video.playbackRate = 4; document.body.append(video);
  const end = new Promise(done => { video.onended = () => done("ended");
    video.onerror = () => done("error " + video.error.message); setTimeout(() => done("timeout"), 15000); });
  video.play().catch(() => {});
  const how = await end, seen = video.getVideoPlaybackQuality();
  const facts = {name, how, width: video.videoWidth, height: video.videoHeight, duration: video.duration,
                 shown: seen.totalVideoFrames, corrupted: seen.corruptedVideoFrames};
  video.remove();
  return facts;
}
async function main() {
  const names = await (await fetch("names.json")).json(), found = [];
  for (const name of names) found.push(await play(name));
  await fetch("found", {method: "POST", body: JSON.stringify(found)});
}
addEventListener("load", main);
</script><body></body>"""


class Server(http.server.ThreadingHTTPServer):
    """Serves a folder and takes one answer."""

    def __init__(self, folder: Path) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.folder, self.found, self.arrived = folder, list[dict[str, Any]](), threading.Event()


class Handler(http.server.BaseHTTPRequestHandler):
    """Whole files, and the page's answer."""

    server: Server

    def do_GET(self) -> None:
        path = self.server.folder / self.path.lstrip("/")
        if not path.is_file():
            self.send_error(404)
            return
        kinds = {".mp4": "video/mp4", ".html": "text/html", ".json": "application/json"}
        body = path.read_bytes()
        self.send_response(200)
        self.send_header("Content-Type", kinds[path.suffix])
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def do_POST(self) -> None:
        self.server.found = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        self.send_response(204)
        self.end_headers()
        self.server.arrived.set()

    def log_message(self, format: str, *args: object) -> None:
        """Say nothing."""


def test_chromium_plays_them_all(tmp_path: Path) -> None:
    browser = shutil.which("chromium")
    assert browser, "install the package chromium"
    folder = tmp_path / "site"
    folder.mkdir()
    encoder = EncodingService(FFmpeg(TESTED_FFMPEG))
    wanted: dict[str, tuple[str, MediaInfo]] = {}
    for number, row in enumerate(row for row in RIGHT if row.name in PLAYED):
        codec: Codec = "av1" if row.codec == "av1" else "h264"  # Chromium has no decoder for H.265
        output = folder / f"{number}.mp4"
        encoder.encode_video_to_mp4(make(row), output, codec, "medium")
        wanted[output.name] = row.name, probe(output)
    assert len(wanted) == len(PLAYED)
    (folder / "index.html").write_text(PAGE)
    (folder / "names.json").write_text(json.dumps(list(wanted)))
    for facts in played(browser, folder, tmp_path / "profile"):
        name, media = wanted.pop(facts["name"])
        video = media.main_video
        assert video is not None
        assert (name, facts["how"], facts["corrupted"]) == (name, "ended", 0)
        assert facts["shown"] > 0
        assert facts["duration"] == pytest.approx(media.duration_seconds, abs=0.1), name
        width, height = video.display_size
        assert facts["width"] / facts["height"] == pytest.approx(width / height, rel=0.01), name
    assert not wanted


def played(browser: str, folder: Path, profile: Path) -> list[dict[str, Any]]:
    """What the page found."""
    server = Server(folder)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    options = ["--headless=new", "--no-sandbox", "--disable-gpu", "--mute-audio", f"--user-data-dir={profile}"]
    options += ["--autoplay-policy=no-user-gesture-required", "--no-first-run", "--disable-dev-shm-usage"]
    address = f"http://127.0.0.1:{server.server_port}/index.html"
    process = subprocess.Popen([browser, *options, address], stderr=subprocess.DEVNULL, process_group=0)
    try:
        assert server.arrived.wait(150), "the browser gave no answer"
        return server.found
    finally:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()
        server.shutdown()
        server.server_close()
