"""The command ``yt-downloader``: info, clip, audio, encode, status, login.

Exit codes: 0 done; 1 not, and a line of the error output says why; 2 a command line that is not understood; 130 Ctrl-C.
"""

from __future__ import annotations

import argparse
import errno
import getpass
import json
import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import cast

import httpx

from yt_downloader_client.blocking.audio import AutoDownloadClient
from yt_downloader_client.blocking.client import Client
from yt_downloader_client.errors import ServiceError
from yt_downloader_client.sounds import Format, Quality
from yt_downloader_client.words import Codec, Container, Status, service_url
from yt_downloader_client.words import Quality as Preset

_WIDTH = 30
_STOPPED = 130  # as shells tell the end by Ctrl-C


def main(arguments: Sequence[str] | None = None) -> int:
    """Do what the command line says; the exit code."""
    options = _parser().parse_args(arguments)
    try:
        given = options.url_of_service or os.environ.get("YT_DOWNLOADER_URL")
        options.url_of_service = given or _login_kept().get("server")
        return int(globals()[f"_{options.command}"](options))
    except ServiceError as error:
        print(f"{error.message}{f' ({error.code})' if error.code else ''}", file=sys.stderr)
    except (httpx.HTTPError, httpx.InvalidURL) as error:
        print(f"{service_url(options.url_of_service)} does not answer: {error}", file=sys.stderr)
    except (ValueError, LookupError):
        print("the answer is not one of a yt-downloader: is this its address?", file=sys.stderr)
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # nobody reads on: nothing is left to flush
    except OSError as error:
        print(error, file=sys.stderr)
    except KeyboardInterrupt:
        print("\nstopped", file=sys.stderr)
        return _STOPPED
    return 1


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="yt-downloader", description="Clips, sound and encodes by a yt-downloader.")
    shared = argparse.ArgumentParser(add_help=False)
    shared.add_argument(
        "--server",
        dest="url_of_service",
        help="address of the service (or YT_DOWNLOADER_URL; otherwise that of the last login)",
    )
    commands = parser.add_subparsers(dest="command", required=True)
    login = commands.add_parser("login", parents=[shared], help="sign in and remember it")
    login.add_argument("email")
    login.add_argument("--password", help="asked for when it is not given")
    login.add_argument("--register", action="store_true", help="create the account first")
    info = commands.add_parser("info", parents=[shared], help="what a link leads to; needs no login")
    info.add_argument("url")
    clip = commands.add_parser("clip", parents=[shared], help="a time range of a video")
    clip.add_argument("url")
    clip.add_argument("start", help="90, 1:30 or 1m30s")
    clip.add_argument("end")
    clip.add_argument("-o", "--output", type=Path, required=True, help="clip.mp4 or clip.webm")
    clip.add_argument("--resolution", help="144p ... 4320p or best")
    audio = commands.add_parser("audio", parents=[shared], help="the sound of a video")
    audio.add_argument("url")
    audio.add_argument("-o", "--output", type=Path, default=Path(), help="folder (this one)")
    audio.add_argument("--format", choices=("mp3", "wav", "flac"), default="mp3")
    audio.add_argument("--quality", choices=("best", "worst", "128k", "192k", "320k"), default="best")
    audio.add_argument("--username", help="the account that it is linked to")
    encode = commands.add_parser("encode", parents=[shared], help="encode a video file")
    encode.add_argument("file", type=Path)
    encode.add_argument("-o", "--output", type=Path, required=True)
    encode.add_argument("--codec", choices=("h264", "h265", "av1"), default="h264")
    encode.add_argument("--quality", choices=("lossless", "high", "medium"), default="high")
    status = commands.add_parser("status", parents=[shared], help="how far a video is, or all videos")
    status.add_argument("video_id", nargs="?")
    return parser


def _login(options: argparse.Namespace) -> int:
    password = options.password or getpass.getpass()
    with Client(options.url_of_service) as client:
        if options.register:
            client.register(options.email, password)
        token = client.login(options.email, password)
        path = _remembered()
        path.parent.mkdir(parents=True, exist_ok=True)
        with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as file:
            path.chmod(0o600)  # one that was there keeps its own mode otherwise
            json.dump({"server": client.base_url, "token": token}, file)
    print(f"signed in as {options.email}")
    return 0


def _info(options: argparse.Namespace) -> int:
    with Client(options.url_of_service) as client:
        told = client.info(options.url)
    seconds = told["duration"]
    length = f"{seconds:g} s" if seconds else told["live_status"]
    print(f"{told['title']} ({told['author'] or 'unknown'}, {length})")
    print(" ".join(told["resolutions"]))
    for chapter in told["chapters"]:
        print(f"{chapter['start_time']:g} s: {chapter['title']}")
    return 0


def _clip(options: argparse.Namespace) -> int:
    output = _writable(options.output)
    container = cast(Container, {".mp4": "mp4", ".webm": "webm"}.get(output.suffix.lower(), "best"))
    with _client(options) as client:
        made = client.clip(
            options.url,
            options.start,
            options.end,
            output,
            container=container,
            resolution=options.resolution,
            watch=_bar,
        )
    print(f"{made} ({made.stat().st_size / 1e6:.1f} MB)")
    return 0


def _audio(options: argparse.Namespace) -> int:
    _writable(options.output / "sound")
    client = AutoDownloadClient(options.url_of_service, options.username)
    result = client.download(options.url, cast(Quality, options.quality), cast(Format, options.format))
    made = client.save(result, options.output)
    print(f"{made} ({made.stat().st_size / 1e6:.1f} MB)")
    return 0


def _encode(options: argparse.Namespace) -> int:
    with _client(options) as client:
        codec, preset = cast(Codec, options.codec), cast(Preset, options.quality)
        made = client.encode(options.file, _writable(options.output), codec, preset, watch=_bar)
    print(f"{made} ({made.stat().st_size / 1e6:.1f} MB)")
    return 0


def _status(options: argparse.Namespace) -> int:
    with _client(options) as client:
        if options.video_id:
            print(json.dumps(client.status(options.video_id).raw, indent=2))
        else:
            for video in client.videos():
                print(f"{video['video_id']}  {video['status']:10}  {video.get('title') or video['url']}")
    return 0


def _client(options: argparse.Namespace) -> Client:
    known, server = _login_kept(), service_url(options.url_of_service)
    if known.get("server") != server:
        raise ServiceError(f"please sign in first: yt-downloader login EMAIL --server {server}")
    return Client(server, known["token"])


def _login_kept() -> dict[str, str]:
    """``server`` and ``token`` of the last login; nothing before the first."""
    path = _remembered()
    try:
        return dict(json.loads(path.read_text())) if path.is_file() else {}
    except ValueError:  # broken off while it was written
        return {}


def _writable(output: Path) -> Path:
    """A file that can be written, as far as that is known before it is made: an hour later it would be a pity.

    Raises:
        OSError: its folder does not exist, or the file is a folder.
    """
    if output.is_dir():
        raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR), str(output))
    if not os.access(output.parent, os.W_OK):
        reason = errno.EACCES if output.parent.is_dir() else errno.ENOENT
        raise OSError(reason, os.strerror(reason), str(output.parent))
    return output


def _remembered() -> Path:
    folder = os.environ.get("XDG_CONFIG_HOME") or str(Path.home() / ".config")
    return Path(folder) / "yt-downloader" / "login.json"


def _bar(status: Status) -> None:
    """One line that is written over itself, on a terminal; at the end, what the file lacks and what was changed."""
    _line(status)
    for gap in status.gaps:
        print(f"missing: {gap['start']:g} to {gap['end']:g} s", file=sys.stderr)
    for note in status.notes:
        print(f"note: {note['text']}", file=sys.stderr)


def _line(status: Status) -> None:
    if not sys.stderr.isatty():
        return
    done = round(_WIDTH * status.progress / 100)
    details = " ".join(part for part in (status.phase, status.speed, status.eta and f"{status.eta} left") if part)
    end = "\n" if status.ended else ""
    print(f"\r[{'#' * done}{'.' * (_WIDTH - done)}] {status.progress:3.0f}% {details:40.40}", end=end, file=sys.stderr)


if __name__ == "__main__":
    sys.exit(main())
