"""Proves the container image: ``python -m scripts.image`` builds it from a clean tree, starts it and uses it.

Needs root, buildah, crun and, without a Debian base image, debootstrap; neither a registry nor a container daemon. It
ends with what it could not try here, and with exit code 1 if anything was not as it should be.
"""

from __future__ import annotations

import argparse
import os
import shutil
import signal
import sys
import tempfile
import time
from dataclasses import replace
from pathlib import Path

import httpx

from scripts.image.container import Container
from scripts.image.storage import ROOT, TAG, Mount, Storage, package_settings
from scripts.image.story import NotAsExpected, Story
from tests.tools.live_service import free_port
from tests.tools.offline_youtube.site import OfflineYoutube

_UID = 1234
_ROOT_CAPABILITIES = ("CAP_SETUID", "CAP_SETGID", "CAP_SETPCAP")  # those of compose.yaml
_GRACE_SECONDS = 60  # stop_grace_period of compose.yaml
_NOT_TRIED = (
    "a container daemon itself (docker, podman): its network bridge, published ports and restart policy",
    "that a daemon runs the health check on time (the command itself was run)",
    "compose (the files are checked by tests/system/launcher/test_image.py only)",
    "/dev/dri: no graphics processor",
    "arm64: see docs/dependencies.md",
)


def main() -> int:
    """Build, start, use, stop."""
    parser = argparse.ArgumentParser(prog="python -m scripts.image", description=__doc__)
    parser.add_argument("--folder", type=Path, default=ROOT / ".cache" / "image", help="images and layers")
    parser.add_argument("--keep", action="store_true", help="use the image of the last run")
    options = parser.parse_args()
    if missing := [name for name in ("buildah", "crun", "debootstrap") if shutil.which(name) is None]:
        sys.exit(f"Missing: sudo apt-get install {' '.join(missing)}")
    if os.getuid() != 0:
        sys.exit("Only root can do this: sudo make image-proof")
    options.folder.mkdir(parents=True, exist_ok=True)
    storage = Storage(options.folder)
    with tempfile.TemporaryDirectory(dir=options.folder, prefix="proof-") as name:
        folder = Path(name)
        folder.chmod(0o755)
        try:
            settings = package_settings(folder)
            if not options.keep:
                built = time.monotonic()
                storage.create_base()
                storage.build(settings)
                _say(f"built in {time.monotonic() - built:.0f} s from a clean tree as {TAG}")
            _say(f"size: {storage.size()} unpacked")
            _prove(storage.mounted(), folder, settings)
        except NotAsExpected as error:
            _say(f"NOT AS IT SHOULD BE: {error}")
            return 1
        finally:
            storage.buildah("rm", "--all")
    _say("Not tried here:")
    for line in _NOT_TRIED:
        _say(f"  - {line}")
    return 0


def _prove(rootfs: Path, folder: Path, settings: list[Mount]) -> None:
    data, downloads = folder / "data", folder / "downloads"
    for each in (data, downloads):
        each.mkdir()
    mounts = [Mount(data, "/data", writable=True), Mount(downloads, "/downloads", writable=True)]
    plain = Container(rootfs, folder, _environment(rootfs), mounts, user=_UID)

    _unwritable(replace(plain, name="unwritable"))
    for each in (data, downloads):
        os.chown(each, _UID, _UID)
    _switches(replace(plain, name="switching", user=0, capabilities=_ROOT_CAPABILITIES))
    _updates(replace(plain, name="updating", mounts=[*mounts, *settings]), replace(plain, name="updated"), data)
    with OfflineYoutube() as site:
        environment = {**plain.environment, **site.environment(), "PORT": str(free_port())}
        _serves(replace(plain, name="serving", environment=environment), site, folder)


def _environment(rootfs: Path) -> dict[str, str]:
    """Return the variables of the image, as its Dockerfile sets them."""
    found = {}
    text = Path(__file__).parents[2].joinpath("Dockerfile").read_text().rpartition("\nENV ")[2].partition("\nEXPOSE")[0]
    for word in text.replace("\\\n", " ").split():
        name, _, value = word.partition("=")
        found[name] = value
    return found


def _unwritable(container: Container) -> None:
    done = container.run("as-service")
    lines = done.stdout.splitlines()
    expected = f"uid {_UID}, gid {_UID} cannot write to /data (Permission denied); on the host, run: sudo chown -R"
    if done.returncode != 2 or len(lines) != 2 or expected not in lines[0]:
        raise NotAsExpected(f"unwritable folders: exit code {done.returncode}, {done.stdout}")
    _say(f"an unwritable folder is one line: {lines[0]}")


def _switches(container: Container) -> None:
    environment = {**container.environment, "PUID": str(_UID), "PGID": str(_UID)}
    show = 'import pathlib; print(pathlib.Path("/proc/self/status").read_text()); pathlib.Path("/x").touch()'
    done = replace(container, environment=environment).run("as-service", "python", "-c", show)
    ids, none = f"\t{_UID}" * 4, "\t0000000000000000"
    wanted = [f"Uid:{ids}", f"Gid:{ids}", f"CapPrm:{none}", f"CapBnd:{none}", "NoNewPrivs:\t1", "Read-only file system"]
    if missing := [text for text in wanted if text not in done.stdout]:
        raise NotAsExpected(f"started as root: {missing} is missing in {done.stdout}")
    _say(f"started as root: runs as {_UID}:{_UID} without capabilities, on a read-only root")


def _updates(updating: Container, updated: Container, data: Path) -> None:
    done = updating.run("as-service", "update-ytdlp")
    if done.returncode != 0:
        raise NotAsExpected(f"update-ytdlp: {done.stdout}")
    _say(f"update-ytdlp: {done.stdout.strip().splitlines()[-1]}")
    version = data / "yt-dlp/yt_dlp/version.py"
    version.write_text(version.read_text().replace("__version__ = '", "__version__ = '9"))  # newer than any
    show = "import yt_dlp, yt_dlp.version as v; print(yt_dlp.__file__, v.__version__)"
    done = updated.run("as-service", "python", "-c", show)
    if not done.stdout.startswith("/data/yt-dlp/"):
        raise NotAsExpected(f"the newer yt-dlp was not used: {done.stdout}")
    _say(f"a newer yt-dlp in /data is used: {done.stdout.strip()}")
    shutil.rmtree(data / "yt-dlp")


def _serves(container: Container, site: OfflineYoutube, folder: Path) -> None:
    output = folder / "output.log"
    started = time.monotonic()
    process = container.start(output, "as-service")
    try:
        while "yt-downloader is ready" not in output.read_text():
            if process.poll() is not None or time.monotonic() - started > 300:
                raise NotAsExpected(f"it did not start:\n{output.read_text()[-4000:]}")
            time.sleep(0.1)
        _say(f"ready after {time.monotonic() - started:.1f} s as uid {_UID}, without privileges, with Docker's rules")
        for line in output.read_text().splitlines():
            if "the sandbox around media is" in line:
                _say(line.partition(": ")[2][:300])
                break
        health = container.inside("healthcheck")
        if health.returncode != 0:
            raise NotAsExpected(f"health check: {health.stdout}")
        _say("the health check passes")
        story = Story(f"http://127.0.0.1:{container.environment['PORT']}", site, folder / "downloads", folder, _say)
        story.page()
        clip = story.clip()
        story.live_clip()
        story.lossless_av1(clip)
        owners = {path.stat().st_uid for path in (folder / "downloads").rglob("*")}
        if owners != {_UID}:
            raise NotAsExpected(f"files in /downloads belong to {owners}")
        stopping = time.monotonic()
        container.kill(signal.SIGTERM)
        process.wait(_GRACE_SECONDS)
        _say(f"stopped {time.monotonic() - stopping:.1f} s after SIGTERM, exit code {process.returncode}")
    except (NotAsExpected, httpx.HTTPError) as error:
        raise NotAsExpected(f"{error}\nThe end of the output:\n{output.read_text()[-6000:]}") from None
    finally:
        if process.poll() is None:
            container.kill(signal.SIGKILL)
            process.wait(30)


def _say(line: str) -> None:
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())
