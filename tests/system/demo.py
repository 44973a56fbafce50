"""``make demo``: the whole story against the offline YouTube, on a machine without internet.

It starts the service as ``make run`` does, with a data folder of its own, plays a new user over HTTP, shows what
happens, checks the files it gets, and stops everything again. Exit code 0 means that every step did what it says.
"""

from __future__ import annotations

import sys
import time
from itertools import pairwise
from pathlib import Path
from typing import Any

import httpx

from tests.tools.live_service import running_service
from tests.tools.media_kit import decode_errors, first_last, frame_numbers
from tests.tools.offline_youtube.hls import LIVE_SECONDS
from tests.tools.offline_youtube.site import OfflineYoutube
from tests.tools.offline_youtube.situations import VideoId

ROOT = Path(__file__).parents[2]
OUTPUT = ROOT / "demo-output"
FPS = 25
FIRST = 88  # the first frame at or after 3.5 s: 87.5 is between two


def main() -> int:
    """Walk through the story."""
    began = time.monotonic()
    OUTPUT.mkdir(exist_ok=True)
    print("The offline YouTube makes its films once; later runs find them ready.")
    console = OUTPUT / "console.log"
    with OfflineYoutube() as site, running_service(site.environment(), console=console) as service:
        say(f"The service is ready at {service.base}", f"documents: {service.base}/docs")
        with httpx.Client(base_url=f"{service.base}/api", timeout=60) as http:
            walk(http, site)
            walk_live(http, service.base)
    say(f"All done in {time.monotonic() - began:.0f} s, everything stopped.", f"the files: {OUTPUT}/")
    return 0


def walk(http: httpx.Client, site: OfflineYoutube) -> None:
    """Register, save, watch, fetch, encode, and be refused."""
    step("Anna registers and signs in")
    account = {"email": "anna@example.com", "password": "SecurePass123!"}
    user_id = show(http.post("/auth/register", json=account))["user_id"]
    private = {"Authorization": f"Bearer {http.post('/auth/login', json=account).json()['token']}"}
    public = {"Authorization": f"Bearer {http.get('/auth/token/public').json()['token']}"}

    step("What can this link be had as? (no account needed)")
    link = site.url(VideoId.LADDER)
    show(http.post("/video/resolutions", json={"url": link}))

    step("A public token saves [3.5 s, 8.5 s] for her")
    body = {"url": link, "start_time": 3.5, "end_time": 8.5, "user_id": user_id, "additional_message": "what a save!"}
    video_id = show(http.post("/video/save", json=body, headers=public))["video_id"]

    step("She asks for 1080p and watches")
    asked = {"format_preference": "mp4", "resolution_preference": "1080p"}
    started = http.post(f"/video/download/{video_id}", json=asked, headers={**private, "Prefer": "respond-async"})
    print(f"   {started.status_code} {started.text.strip()}")
    watch(http, f"/video/status/{video_id}", private)

    step("She fetches the clip, and it is exact to the frame")
    clip = OUTPUT / "clip.mp4"
    fetch(http, f"/video/download/{video_id}", private, clip)
    check_clip(clip, first=FIRST, count=5 * FPS)

    step("She uploads the clip and has it encoded to H.265")
    with clip.open("rb") as file:
        uploaded = show(http.post("/encode/upload", files={"video": ("clip.mp4", file)}, headers=private))
    encode_id = uploaded["encode_id"]
    choice = {"video_codec": "h265", "quality_preset": "medium"}
    http.post(f"/encode/start/{encode_id}", json=choice, headers={**private, "Prefer": "respond-async"})
    watch(http, f"/encode/status/{encode_id}", private)
    encoded = OUTPUT / "clip_h265.mp4"
    fetch(http, f"/encode/download/{encode_id}", private, encoded)
    check_clip(encoded, first=FIRST, count=5 * FPS)

    step("A private video is refused, with a code and a sentence")
    body = {**body, "url": site.url(VideoId.PRIVATE)}
    refused = http.post("/video/save", json=body, headers=public).json()["video_id"]
    answer = http.post(f"/video/download/{refused}", headers={**private, "Prefer": "wait=30"})
    print(f"   {answer.status_code} {answer.text.strip()}")
    expect(answer.json()["code"] == "VIDEO_PRIVATE", "the code says why")

    step("And so is a range that makes no sense")
    answer = http.post("/video/save", json={**body, "start_time": 9, "end_time": 4}, headers=public)
    print(f"   {answer.status_code} {answer.text.strip()}")
    expect(answer.json()["code"] == "CLIP_RANGE_INVALID", "the code says why")


def walk_live(http: httpx.Client, base: str) -> None:
    """A viewer clips a running stream from the chat, whose playlist covers 30 s, and opens the link of the answer."""
    step("Anna makes a command for the bot of her stream")
    login = http.post("/auth/login", json={"email": "anna@example.com", "password": "SecurePass123!"}).json()
    wishes = {"name": "Demo", "latency": "ultra-low", "offset": 45, "duration": 40, "share": True}
    made = show(http.post("/auth/tokens", json=wishes, headers={"Authorization": f"Bearer {login['token']}"}))

    step("A viewer types !clip while the stream runs")
    chat = {"format": "text", "stream": VideoId.LIVE_BY_NUMBER.value, "user": "Ben"}
    command = f"{base}/c/{made['token']}"
    answer = http.get(command, params={**chat, "message": "what a save!", "id": "1"}).text.strip()
    print(f"   {answer}")

    step("Later the chat asks for the last clip, and gets a link")
    until = time.monotonic() + 300
    while "/s/" not in answer and time.monotonic() < until:
        time.sleep(0.5)
        answer = http.get(command, params={**chat, "message": "last"}).text.strip()
    print(f"   {answer}")
    link = next((word for word in answer.split() if "/s/" in word), "")
    expect(bool(link), "the answer has a link")
    expect(http.get(link).status_code == 200, "the link opens a page")
    clip = OUTPUT / "live.mp4"
    clip.write_bytes(http.get(f"{link}/clip.mp4").content)
    expect(decode_errors(clip) == "", "FFmpeg decodes it without a word")
    numbers = [frame.number for frame in frame_numbers(clip)]
    loop = LIVE_SECONDS * FPS
    expect(
        len(numbers) == 40 * FPS and all((after - before) % loop == 1 for before, after in pairwise(numbers)),
        f"{len(numbers)} frames without a gap, 40 s that began 45 s before what the viewer saw",
    )


def watch(http: httpx.Client, path: str, headers: dict[str, str]) -> dict[str, Any]:
    """Poll a status to its end, drawing a bar on a terminal."""
    until = time.monotonic() + 300
    while time.monotonic() < until:
        status: dict[str, Any] = http.get(path, headers=headers).json()
        progress = status.get("progress")
        if isinstance(progress, dict):
            done = max(progress["download_progress"], progress["encoding_progress"])
            note = f"{progress['current_phase']} {progress['speed'] or ''} {progress['eta'] or ''}"
        else:
            done, note = (
                float(progress or 0),
                f"{status['status']} {status.get('speed') or ''} {status.get('eta') or ''}",
            )
        done = 100.0 if status["status"] == "completed" else done
        if sys.stdout.isatty():
            print(f"\r   [{'#' * int(done / 4):<25}] {done:5.1f} %  {note:<40}", end="", flush=True)
        if status["status"] in {"completed", "failed"}:
            print("" if sys.stdout.isatty() else f"   {done:5.1f} %  {note.strip()}")
            expect(status["status"] == "completed", str(status.get("error") or "completed"))
            for name in ("requested", "actual", "report"):
                if status.get(name):
                    print(f"   {name}: {status[name]}")
            return status
        time.sleep(0.3)
    raise SystemExit("It took too long.")


def fetch(http: httpx.Client, path: str, headers: dict[str, str], target: Path) -> None:
    """Download a finished file."""
    reply = http.post(path, headers=headers)
    expect(reply.status_code == 200, "the file comes" if reply.status_code == 200 else reply.text)
    target.write_bytes(reply.content)
    print(f"   200 {reply.headers['Content-Disposition']}: {len(reply.content) / 1e6:.2f} MB")


def check_clip(path: Path, *, first: int, count: int) -> None:
    """Read the numbers that the film carries in its frames."""
    expect(decode_errors(path) == "", "FFmpeg decodes it without a word")
    numbers = [frame.number for frame in frame_numbers(path)]
    expect(
        numbers == list(range(first, first + count)), f"frames {numbers[0]} to {numbers[-1]}, {len(numbers)} of them"
    )
    assert first_last(path)


def say(*lines: str) -> None:
    """A headline."""
    print("\n" + "\n".join(lines))


def step(title: str) -> None:
    """The next part of the story."""
    print(f"\n-- {title}")


def show(reply: httpx.Response) -> dict[str, Any]:
    """Print an answer and go on with it."""
    print(f"   {reply.status_code} {reply.text.strip()}")
    expect(reply.status_code in {200, 201}, "as documented")
    return dict(reply.json())


def expect(holds: bool, what: str) -> None:
    """End the demo when it is not as it should be."""
    if not holds:
        raise SystemExit(f"   NOT AS IT SHOULD BE: {what}")
    print(f"   ok: {what}")


if __name__ == "__main__":
    sys.exit(main())
