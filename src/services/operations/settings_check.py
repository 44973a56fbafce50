"""Checks all settings before anything starts, so that every unusable one is reported at once, in one line each."""

from __future__ import annotations

import errno
import ipaddress
import multiprocessing
import os
import pwd
import re
import shutil
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NoReturn

from src.config import Settings, SettingsError
from src.errors import AppError
from src.services.egress.addresses import HostInvalid, read_host
from src.services.egress.policy import AllowList, proxy_of, source_address_of
from src.services.youtube.options import refused_options
from src.utils.addresses import read_networks
from src.utils.latency import latency_seconds

# The parts of the API, as ``src/routes`` serves them.
SURFACES = (
    *("backend", "sessions", "streams", "audio"),
    *("archive", "archive.jobs", "archive.metadata", "archive.download", "archive.storage"),
)

_HOST = re.compile(r"(?!-)[A-Za-z0-9_.-]{1,253}(?<!-)")
# RFC 6454, 6.2: scheme, host and port, without a path.
_ORIGIN = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*://(?:[A-Za-z0-9_.-]+|\[[0-9A-Fa-f:.]+\])(?::\d{1,5})?")
_PUBLIC_URL = re.compile(r"https?://(?:[A-Za-z0-9_.-]+|\[[0-9A-Fa-f:.]+\])(?::\d{1,5})?(?:/[A-Za-z0-9_.~-]+)*/?")
_LOCATION = re.compile(r"(?:/[A-Za-z0-9_.~-]+)+/?")
_COOKIE_FIELDS = 7


def usable_settings(*, complete: bool = True) -> Settings:
    """Read all settings and return them if every one can be used.

    ``complete``: addresses of stores and all secrets must be set, too. Without it, only if both addresses are set,
    because embedded stores come with generated secrets.

    Raises:
        SettingsError: with one line per setting.
    """
    settings, problems = Settings.examine()
    problems += setting_problems(settings) + machine_problems()
    if complete or not settings.embedded:
        problems += settings.missing()
    if problems:
        raise SettingsError.listing(problems)
    return settings


def usable_settings_or_exit() -> Settings:
    """Return the complete settings of a process that is started alone; end it with code 2 if one cannot be used."""
    try:
        return usable_settings()
    except SettingsError as error:
        exit_with(error)


def exit_with(error: Exception) -> NoReturn:
    """End the process with the message of an error that an operator has to correct, without a traceback.

    The exit code is that of the error: 2 when a new start would fail as well, otherwise 1.
    """
    sys.stderr.write(f"{error}\n")
    sys.stderr.flush()
    raise SystemExit(getattr(error, "exit_code", 1))


def setting_problems(settings: Settings) -> list[str]:
    """Return a line for each setting whose value is of the right type and cannot be used."""
    problems = list(_folder_problems(settings))
    for name, check in _CHECKS.items():
        if getattr(settings, name):
            try:
                check(settings)
            except (ValueError, SettingsError, AppError) as error:
                reason = str(error).removeprefix(f"{name.upper()}: ")
                problems.append(f"{name.upper()}: {reason}")
    return problems + settings.secret_problems()


def machine_problems(
    make_semaphore: Callable[[], object] = multiprocessing.Semaphore,
    temporary_folder: Callable[[], str] = tempfile.gettempdir,
) -> list[str]:
    """Return a line for each thing that this machine lacks and that no setting replaces.

    Workers and their parent share semaphores, which Linux stores in /dev/shm (sem_overview(7)).
    """
    problems = []
    try:
        make_semaphore()
    except OSError as error:
        reason = f"{error.strerror}: the workers need it: mount -t tmpfs -o mode=1777 tmpfs /dev/shm"
        problems.append(f"Shared memory: {reason}")
    try:
        temporary_folder()
    except OSError:
        problems.append(
            "Temporary files: neither TMPDIR nor /tmp can be written: mount -t tmpfs -o mode=1777 tmpfs /tmp "
            "(for a container: --tmpfs /tmp)"
        )
    return problems


def disk_warnings(settings: Settings) -> list[str]:
    """Return a line for each folder whose disk has less free space than ``MIN_FREE_DISK_MB``.

    That is no reason not to start: the cleanup makes room.
    """
    lines = []
    for name in ("data_dir", "downloads_dir", "uploads_dir"):
        folder = getattr(settings, name).absolute()
        try:
            place = next(each for each in (folder, *folder.parents) if each.exists())
            free_mb = shutil.disk_usage(place).free // 1_000_000
        except OSError:
            continue  # unusable folders are reported with the settings
        if free_mb < settings.min_free_disk_mb:
            lines.append(
                f"{name.upper()}: the disk of {folder} has {free_mb} MB free, less than MIN_FREE_DISK_MB "
                f"({settings.min_free_disk_mb}): new work is refused until files expire or are deleted"
            )
    return lines


def _listed(text: str) -> list[str]:
    return [part.strip() for part in text.split(",") if part.strip()]


def _check_host(settings: Settings) -> None:
    try:
        ipaddress.ip_address(settings.host)
    except ValueError:
        if not _HOST.fullmatch(settings.host):
            raise ValueError(
                f"{settings.host!r} is neither an address nor a name: HOST must be an address of this machine, for "
                "example 127.0.0.1, or 0.0.0.0 for all of them"
            ) from None


def _check_surfaces(settings: Settings) -> None:
    for name in _listed(settings.surfaces):
        if name not in SURFACES:
            raise ValueError(f"{name!r} does not exist: {', '.join(SURFACES)}")


def _check_mongodb(settings: Settings) -> None:
    # Imported here because most starts use the embedded database, and the launcher stays small without the driver.
    from pymongo.errors import ConfigurationError, InvalidURI
    from pymongo.uri_parser import parse_uri

    if settings.mongodb_uri.startswith("mongodb+srv://"):
        return  # to read more of it takes a query of the name service
    try:
        parse_uri(settings.mongodb_uri)
    except (InvalidURI, ConfigurationError) as error:
        raise ValueError(str(error)) from None


def _check_redis(settings: Settings) -> None:
    from redis.connection import parse_url

    parse_url(settings.redis_uri)  # type: ignore[no-untyped-call]


def _check_admins(settings: Settings) -> None:
    from src.utils.email import read_admins

    read_admins(settings.admin_emails)


def _check_archive_hosts(settings: Settings) -> None:
    for name in _listed(settings.archive_allowed_hosts):
        if not _HOST.fullmatch(name):
            raise ValueError(f"{name!r} is not the name of a host, without a scheme and a port")


def _check_proxy(url: str, setting: str) -> None:
    proxy = proxy_of(url, setting)
    try:
        if proxy is not None:
            read_host(proxy.host)
    except HostInvalid as error:
        if str(error) != "local-name":  # such as the name of another container
            raise ValueError(f"{proxy.host!r} is not a valid host") from None  # type: ignore[union-attr]


def _check_options(settings: Settings) -> None:
    refused = [f"{name} is not allowed ({why})" for name, why in refused_options(settings.ytdlp_options)]
    if refused:
        raise ValueError("; ".join(refused))
    source_address_of(settings)


def _check_cookies(settings: Settings) -> None:
    path = settings.ytdlp_cookies_file
    try:
        lines = path.read_text("utf-8").splitlines() if path else []
    except OSError as error:
        raise ValueError(f"{path} cannot be read ({error.strerror})") from None
    except UnicodeDecodeError:
        raise ValueError(f"{path} is not text in UTF-8") from None
    # A cookie that scripts must not read starts with a mark that looks like a comment.
    cookies = [line.removeprefix("#HttpOnly_") for line in lines]
    cookies = [line for line in cookies if line.strip() and not line.startswith("#")]
    if cookies and not any(len(line.split("\t")) == _COOKIE_FIELDS for line in cookies):
        raise ValueError(f"{path} has no cookies in Netscape format: export them again in that format")


def _check_ffmpeg(settings: Settings) -> None:
    if shutil.which(settings.ffmpeg_path) is None:
        raise ValueError(f"{settings.ffmpeg_path!r} is not an executable program")


def _check_origins(settings: Settings) -> None:
    for origin in _listed(settings.cors_origins):
        if origin != "*" and not _ORIGIN.fullmatch(origin):
            raise ValueError(f"{origin!r} is not an origin, such as https://example.com, without a path; * is all")


def _check_public_url(settings: Settings) -> None:
    if not _PUBLIC_URL.fullmatch(settings.public_url):
        raise ValueError(f"{settings.public_url!r} is not an address such as https://clips.example.com or .../path")


def _check_location(settings: Settings) -> None:
    if not _LOCATION.fullmatch(settings.x_accel_prefix):
        raise ValueError(f"{settings.x_accel_prefix!r} is not the path of a location, such as /_files/")


_CHECKS: dict[str, Callable[[Settings], object]] = {
    "host": _check_host,
    "surfaces": _check_surfaces,
    "mongodb_uri": _check_mongodb,
    "redis_uri": _check_redis,
    "admin_emails": _check_admins,
    "archive_allowed_networks": lambda settings: read_networks(settings.archive_allowed_networks),
    "archive_allowed_hosts": _check_archive_hosts,
    "live_latency": lambda settings: latency_seconds(settings.live_latency),
    "ytdlp_proxy": lambda settings: _check_proxy(settings.ytdlp_proxy, "YTDLP_PROXY"),
    "ytdlp_cookies_file": _check_cookies,
    "ytdlp_options": _check_options,
    "ffmpeg_path": _check_ffmpeg,
    "stream_proxy": lambda settings: _check_proxy(settings.stream_proxy, "STREAM_PROXY"),
    "allow_private_networks": lambda settings: AllowList.parse(settings.allow_private_networks),
    "public_url": _check_public_url,
    "cors_origins": _check_origins,
    "x_accel_prefix": _check_location,
}


def _folder_problems(settings: Settings) -> Iterator[str]:
    """Yield a line for each folder that cannot be created or written. Nothing is created yet."""
    for name in ("data_dir", "downloads_dir", "uploads_dir"):
        folder = getattr(settings, name)
        problem = _unusable(folder)
        if not problem and name != "data_dir" and settings.data_dir.resolve().is_relative_to(folder.resolve()):
            problem = (
                f"{folder.resolve()} contains DATA_DIR ({settings.data_dir.resolve()}), and files without a record are "
                "deleted there: choose another folder"
            )
        if problem:
            yield f"{name.upper()}: {problem}"
    if settings.log_file:
        log = Path(settings.log_file)
        problem = f"{log} is a folder" if log.is_dir() else _unusable(log.parent)
        if not problem and log.exists() and not os.access(log, os.W_OK):
            problem = _not_permitted(log)
        if problem:
            yield f"LOG_FILE: {problem}"


def _unusable(folder: Path) -> str | None:
    """Return why a folder, or the first existing folder above it, cannot be written; ``None`` if it can."""
    try:
        place = next(each for each in (folder, *folder.absolute().parents) if each.exists())
        if not place.is_dir():
            return f"{place.absolute()} is not a folder"
    except OSError as error:
        return f"{folder.absolute()} cannot be used ({error.strerror})"
    reason = _trial(place) if os.access(place, os.R_OK | os.W_OK | os.X_OK) else errno.EACCES
    if not reason:
        return None
    if os.statvfs(place).f_flag & os.ST_RDONLY:
        return f"{place.absolute()} is on a file system that is mounted read-only"
    if reason in (errno.EACCES, errno.EPERM):
        return _not_permitted(place)
    return f"nothing can be created in {place.absolute()} ({os.strerror(reason)})"


def _trial(place: Path) -> int:
    """Create a file without a name there; return the number of the error, 0 if there is none.

    To root every folder seems writable, also one of /proc or of a server that refuses root. A full disk is no problem
    here: the cleanup makes room.
    """
    try:
        with tempfile.TemporaryFile(dir=place):
            return 0
    except OSError as error:
        return 0 if error.errno in (errno.ENOSPC, errno.EDQUOT) else error.errno or errno.EIO


def _not_permitted(path: Path) -> str:
    uid, gid = os.geteuid(), os.getegid()
    return (
        f"{path.absolute()} cannot be read and written by user {_user_name(uid)} (uid {uid}): "
        f"sudo chown -R {uid}:{gid} {path.absolute()}"
    )


def _user_name(uid: int) -> str:
    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:  # usual in containers
        return "without a name"
