"""A program for the tests of the full disk: mounts 3 MB of memory as the service's disk and reports what happened.

``unshare --user --map-root-user --mount python -m tests.resilience.hostile.small_disk FOLDER MONGODB REDIS``
needs no rights; what is mounted is gone with the process. Prints one JSON object.
"""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import imageio_ffmpeg

from src.errors import DiskFull
from src.services import db_service
from src.services.cache_service import connect_redis
from src.services.ffmpeg_utils_service import FFmpeg
from tests.api.actors import Api, Person
from tests.api.conftest import api_settings, app_over
from tests.tools.fakes import FakeEngine

DISK_BYTES = 3_000_000
INSTANTS = 50


def app_on(disk: Path, mongodb: str, redis_uri: str, content: bytes, **changes: Any) -> Api:
    """The app with its folders on the small disk."""
    database = db_service.connect(mongodb).client["test_small_disk"]
    engine = FakeEngine(content=content)
    return app_over(api_settings(disk, **changes), database, connect_redis(redis_uri), engine=engine)


def left_on(disk: Path) -> list[str]:
    """Every file there."""
    return sorted(str(path.relative_to(disk)) for path in disk.rglob("*") if path.is_file())


def download(api: Api, person: Person) -> dict[str, Any]:
    """What a download ends with."""
    video_id = person.save()
    reply = person.post(f"/api/video/download/{video_id}", headers={"Prefer": "wait=5"})
    api.notifier.finish()
    return {"status": reply.status_code, "code": (reply.json or {}).get("code") if reply.is_json else None}


def encodes(disk: Path) -> list[str]:
    """What FFmpeg ends with on a disk that is filled more and more: one short film, then long ones, each of which finds
    the disk full at another moment."""
    found = []
    ffmpeg = FFmpeg(Path(imageio_ffmpeg.get_ffmpeg_exe())).confined(reads=[], writes=[disk])
    source = ["-f", "lavfi", "-i", "color=s=640x360:d=0.6:r=25", "-c:v", "rawvideo"]  # 15 frames of 345,600 bytes
    for instant in range(INSTANTS + 1):
        filler, out = disk / "filler", disk / "out.mkv"
        filler.write_bytes(bytes(instant * DISK_BYTES // (INSTANTS + 2)))
        try:
            ffmpeg.run([*source, *([] if instant else ["-frames:v", "2"]), str(out)])
            found.append("whole")
        except DiskFull:
            found.append("DISK_FULL")
        finally:
            filler.unlink()
            out.unlink(missing_ok=True)
    return found


def main(folder: str, mongodb: str, redis_uri: str) -> dict[str, Any]:
    """Everything that the test asks."""
    disk = Path(folder)
    mount = ["mount", "-t", "tmpfs", "-o", f"size={DISK_BYTES}", "none", str(disk)]
    subprocess.run(mount, check=True)
    report: dict[str, Any] = {"encodes": encodes(disk), "after encodes": left_on(disk)}
    api = app_on(disk, mongodb, redis_uri, bytes(2 * DISK_BYTES))
    anna = api.person()
    report["job"] = download(api, anna)
    report["after job"] = left_on(disk)
    uploaded = anna.upload(content=bytes(2 * DISK_BYTES))
    report["upload"] = {"status": uploaded.status_code, "code": (uploaded.json or {}).get("code")}
    report["after upload"] = left_on(disk)
    api.engine.content = b"small"
    report["job with room"] = download(api, anna)
    floor = app_on(disk, mongodb, redis_uri, b"small", min_free_disk_mb=500)
    floor.people = 1  # they share a database
    bert = floor.person()
    report["job below the floor"] = download(floor, bert)
    refused = bert.upload(content=b"small")
    report["upload below the floor"] = {"status": refused.status_code, "code": (refused.json or {}).get("code")}
    subprocess.run(["mount", "-o", "remount,bind,ro", str(disk)], check=True)
    report["job on a read-only disk"] = download(api, anna)
    report["health on a read-only disk"] = (api.app.test_client().get("/health").json or {}).get("status")
    api.services.database.client.drop_database("test_small_disk")
    return report


if __name__ == "__main__":
    print(json.dumps(main(*sys.argv[1:4])))  # noqa: T201 (its answer)
