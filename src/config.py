"""Defines all settings, one row per variable (name, type, default, meaning); no other file reads settings."""

from __future__ import annotations

import difflib
import errno
import json
import os
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, Literal

from dotenv import dotenv_values
from pydantic import BaseModel, ConfigDict, Field, Json, ValidationError, ValidationInfo, field_validator
from pydantic_core import PydanticCustomError

Megabytes = int
SECRET_NAMES = ("jwt_public_secret", "jwt_private_secret", "flask_secret_key")
HOW_TO_CREATE_A_SECRET = 'python -c "import secrets; print(secrets.token_urlsafe(32))"'  # noqa: S105 (a command, not a secret)

# For all other variables, an empty value counts as not set.
_MAY_BE_EMPTY = frozenset({"log_file"})


# No setting may exceed these, by the unit in its name: times of day end with the year 9999, and poll(2) takes
# milliseconds as a number of 32 bits, which are 24 days. Other numbers are limited by their rows.
_LARGEST_OF_UNIT = {
    "seconds": 1_000_000,
    "timeout": 1_000_000,
    "minutes": 52_560_000,  # a hundred years
    "hours": 876_000,
    "days": 36_500,
    "mb": 1_000_000_000,
    "kb": 1_000_000_000,
}
_LARGEST_NUMBER = 1_000_000_000


class SettingsError(Exception):
    """The environment lacks settings or has invalid ones; the message lists all of them."""

    exit_code = 2
    """A process that ends with it must not be started again before an operator has changed something."""

    @classmethod
    def listing(cls, problems: Iterable[str]) -> SettingsError:
        """Return the error for these problems, one line per setting."""
        return cls("These settings cannot be used:\n  " + "\n  ".join(problems))


def row(default: Any, meaning: str, **limits: Any) -> Any:
    """Return a variable: its default and, for ``.env.example`` and ``docs/settings.md``, its meaning."""
    return Field(default=default, description=meaning, **limits)


# The settings for the keys of ``config.json``, the configuration file of stream downloaders.
CONFIG_FILE_KEYS = {
    "output_path": "DOWNLOADS_DIR",
    "default_resolution": "STREAM_RESOLUTION",
    "use_multithreading": "STREAM_PARALLEL",
    "max_concurrent_downloads": "DOWNLOAD_WORKERS",
    "max_queue_size": "STREAM_QUEUE_SIZE",
    "proxy": "STREAM_PROXY",
    "max_retries": "STREAM_RETRIES",
    "connection_timeout": "STREAM_CONNECT_SECONDS",
    "ffmpeg_path": "FFMPEG_PATH",
    "clean_jobs_after_days": "STREAM_RETENTION_DAYS",
    "max_jobs_per_ip": "STREAM_LIMIT_PER_ADDRESS",
}
# Accepted and without effect: work folders are in DOWNLOADS_DIR, and the fetcher chooses the sizes of its requests.
UNUSED_CONFIG_KEYS = frozenset({"temp_path", "chunk_size"})


def _read_config_file(path: Path) -> dict[str, str]:
    try:
        given = json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise SettingsError(f"{path}: it cannot be read ({error.strerror})") from None
    except ValueError as error:
        raise SettingsError(f"{path}: it is not valid JSON ({error})") from None
    if not isinstance(given, dict):
        raise SettingsError(f"{path}: it must hold a JSON object")
    unknown = sorted(set(given) - set(CONFIG_FILE_KEYS) - UNUSED_CONFIG_KEYS)
    if unknown:
        raise SettingsError(f"{path}: it has unknown keys: {', '.join(unknown)}")
    names = {key: name for key, name in CONFIG_FILE_KEYS.items() if given.get(key) is not None}
    return {name: str(given[key]) for key, name in names.items()}


def _read_dotenv(path: Path) -> dict[str, str]:
    try:
        return {name: value for name, value in dotenv_values(path).items() if value is not None}
    except OSError as error:
        raise SettingsError(f"{path}: it cannot be read ({error.strerror})") from None
    except UnicodeDecodeError:
        raise SettingsError(f"{path}: it is not text in UTF-8") from None


def unknown_settings(dotenv: Path = Path(".env")) -> list[str]:
    """Return a sentence for each name in ``.env`` that is not a setting: a typo, or a variable of another program."""
    names = [name.upper() for name in Settings.model_fields]
    given = dotenv_values(dotenv) if dotenv.is_file() else {}
    hints = []
    for name in sorted(set(given) - set(names)):
        near = difflib.get_close_matches(name.upper(), names, n=1, cutoff=0.8)
        hint = f"; did you mean {near[0]}?" if near else ""
        hints.append(f"{dotenv}: {name} is not a setting{hint}")
    return hints


class Settings(BaseModel):
    """All variables. An environment variable has the field's name in capitals."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    # Addresses and folders.
    host: str = row("127.0.0.1", "Address that the API listens on.")
    port: int = row(5000, "Port that the API listens on.", ge=0, le=65_535)
    surfaces: str = row(
        "", "Parts of the API to serve, comma-separated, for example backend,sessions,archive.jobs. Empty: all."
    )
    page: bool = row(True, "Serve the web page at /; with off, / leads to the documentation of the API.")
    data_dir: Path = row(Path("./data"), "Private folder: embedded stores, generated secrets, caches.")
    downloads_dir: Path = row(Path("./downloads"), "Finished files and the work folders of running jobs.")
    uploads_dir: Path = row(Path("./uploads"), "Uploaded files, until they are encoded or expire.")
    mongodb_uri: str = row("", "MongoDB, for example mongodb://localhost:27017/yt_downloader. Empty: embedded server.")
    redis_uri: str = row("", "Redis or Valkey, for example redis://localhost:6379/0. Empty: embedded server.")

    admin_emails: str = row(
        "",
        "Accounts, comma-separated, that may see the diagnostics and the jobs of all accounts. Empty: none. An address "
        "stands for the account that has it when the setting first names it. Other administrators are appointed with "
        ".venv/bin/python -m src.cli make-admin --email ADDRESS on the host of the service.",
    )

    # Secrets.
    jwt_public_secret: str = row("", "Signs public tokens. Generated once in DATA_DIR with embedded stores.")
    jwt_private_secret: str = row("", "Signs private tokens. Must differ from JWT_PUBLIC_SECRET.")
    flask_secret_key: str = row("", "Signs links that expire.")
    jwt_public_hours: int = row(24, "Lifetime of a public token, in hours.", gt=0)
    jwt_private_days: int = row(7, "Lifetime of a login, in days.", gt=0)
    password_hash_cost: int = row(12, "Cost of a password's bcrypt hash; each step doubles it.", ge=4, le=16)

    # Limits.
    max_video_duration: int = row(3600, "Longest clip, in seconds.", gt=0)
    max_upload_size_mb: Megabytes = row(500, "Largest upload, in MB.", gt=0)
    max_pending_per_user: int = row(200, "Open jobs of one account, without those that others saved for it.", gt=0)
    video_retention_minutes: int = row(30, "Finished files are deleted after this time, in minutes.", gt=0)
    record_retention_days: int = row(7, "Records are deleted this long after their file, in days.", ge=0)
    saved_retention_days: int = row(30, "Saved jobs that are never started are deleted after this time, in days.", gt=0)
    cleanup_interval_minutes: float = row(5, "Pause between two cleanups, in minutes.", gt=0)
    sync_wait_seconds: float = row(
        20, "How long a download or encode request waits for the result before the reply is 202.", ge=0, le=60
    )
    rate_limit_enabled: bool = row(True, "Limit attempts and requests per address and account.")
    anonymous_saves_per_hour: int = row(600, "Clips per hour that others may save for one account.", ge=1)
    anonymous_save_hours: float = row(
        168,
        "Clips that others saved for an account and that its owner does not start expire after this time, in hours.",
        gt=0,
    )
    user_quota_mb: Megabytes = row(
        0,
        "Space for all files of one account, including uploads to its archive, in MB; 0 is no limit.",
        ge=0,
    )
    anonymous_quota_mb: Megabytes = row(5000, "Space for files of one guest session or address, in MB; 0: all.", ge=0)
    anonymous_disk_percent: float = row(
        20,
        "Space for the files of all owners without an account together, in percent of the disk; 0 is no limit.",
        ge=0,
        le=100,
    )
    min_free_disk_mb: Megabytes = row(
        500, "With less free space, new uploads and jobs are refused with 507, and running ones are stopped.", ge=0
    )

    # Guest sessions and the archive.
    session_limit: int = row(100, "Guest sessions that may exist at once.", ge=1)
    session_job_limit: int = row(10, "Jobs that one guest session may have.", ge=1)
    guest_clips: bool = row(False, "Guest sessions may make clips too, without an account, within SESSION_JOB_LIMIT.")
    session_hours: float = row(24, "A guest session ends after this time without use, in hours.", gt=0)
    sessions_per_address: int = row(20, "Guest sessions that one network address may create in an hour.", ge=1)
    sessions_open_per_address: int = row(10, "Guest sessions that one network address may have at once.", ge=1)
    archive_allowed_networks: str = row(
        "", "Networks, comma-separated, that may call the archive services without a token; loopback always may."
    )
    archive_allowed_hosts: str = row(
        "",
        "Names of this host, comma-separated, by which the archive may be called without a token. Addresses, names "
        "without a dot and names of private networks, such as nas.local or nas.lan, are always allowed.",
    )
    archive_requests_per_minute: int = row(1000, "Requests per minute to the archive services by one caller.", ge=1)
    archive_max_file_mb: Megabytes = row(5000, "Largest video that the archive fetches or accepts, in MB.", gt=0)
    archive_retention_days: int = row(
        0, "Files of the archive are deleted after this time, in days; 0 keeps them until they are deleted.", ge=0
    )
    metadata_cache_minutes: float = row(60, "How long the archive caches the facts of videos, in minutes.", gt=0)

    # Videos.
    default_video_format: Literal["mp4", "webm", "best"] = row("mp4", "Container when a request names none.")
    default_video_resolution: str = row(
        "1080p", "Resolution when a request names none: 144p ... 4320p or best.", pattern=r"^([1-9]\d{2,3}p|best)$"
    )
    high_resolution_mp4: Literal["h265-lossless", "remux"] = row(
        "h265-lossless", "How to produce an MP4 of 1440p and more: lossless H.265 from the WebM, or its streams copied."
    )
    share_hours: float = row(
        24, "A link to a clip is valid for this time, in hours, or until its file is deleted.", gt=0, le=720
    )
    live_latency: str = row(
        "normal",
        "Delay of viewers of a live stream, when a request names none: ultra-low, low, normal, or seconds.",
        pattern=r"^(ultra-low|low|normal|\d{1,3}(\.\d+)?)$",
    )
    live_repair_hours: float = row(
        48, "How long after the request a live clip is completed from the stream's recording, in hours.", ge=0, le=720
    )
    rolling_captures: int = row(2, "Streams whose last minutes are captured all the time, of one host.", ge=0, le=100)
    rolling_mb: Megabytes = row(500, "The most that one of these captures stores, in MB.", gt=0)
    recording_max_hours: float = row(12, "A recording of a whole live stream ends after this time, in hours.", gt=0)
    recording_max_mb: Megabytes = row(20_000, "A recording of a whole live stream ends at this size, in MB.", gt=0)
    ytdlp_proxy: str = row("", "HTTP proxy for everything that is fetched from video sites.")
    ytdlp_verify_tls: bool = row(True, "Check the certificates of video sites.")
    ytdlp_cookies_file: Path | None = row(None, "Cookies in Netscape format; each job works on a copy.")
    ytdlp_options: Json[dict[str, Any]] | dict[str, Any] = row(
        {}, "More options for yt-dlp, as a JSON object of its Python names."
    )
    ffmpeg_path: str = row(
        "", "FFmpeg program for all work. Empty: the bundled one, or that on the PATH if it can do as much."
    )
    hardware_encoding: Literal["off", "auto", "nvenc", "qsv", "vaapi", "amf"] = row(
        "off", "Graphics processor for encodes of the presets high and medium: none, any that works, or one type."
    )
    fetch_connections: int = row(8, "Parallel connections with which one file is fetched.", ge=1, le=32)
    fetch_rate_limit_kb: int = row(0, "Highest download rate of one job, in kB per second; 0 is no limit.", ge=0)
    preview_max_mb: Megabytes = row(20, "Largest preview, in MB; above it, a preview has fewer frames a second.", gt=0)
    clip_padding_seconds: float = row(2, "Seconds of source to retain around a clip, if that is cheap; 0: none.", ge=0)
    clip_kept_mb: Megabytes = row(500, "Largest retained source of one clip, in MB.", ge=0)
    shared_media_mb: Megabytes = row(1000, "Fetched media that clips of one video share, in MB; 0 is none.", ge=0)
    shared_media_minutes: float = row(30, "How long fetched media are shared, in minutes.", gt=0)

    # Streams of other sites, and audio.
    stream_limit_per_address: int = row(5, "Unfinished streams that one network address may have.", ge=1)
    stream_queue_size: int = row(100, "Streams that may wait; further ones are refused.", ge=1)
    stream_retention_days: float = row(7, "Files of streams are deleted after this time, in days.", gt=0)
    stream_retries: int = row(3, "How often a segment of a stream is requested again.", ge=0)
    stream_connect_seconds: float = row(10, "Time limit for connecting to a stream's site, in seconds.", gt=0)
    stream_max_seconds: float = row(
        14_400,
        "Longest stream when a request names no limit, in seconds; a live one is recorded for three quarters of "
        "JOB_HARD_LIMIT_SECONDS at most.",
        gt=0,
    )
    stream_resolution: str = row(
        "",
        "Resolution of streams when a request names none, as 1920x1080; empty is the best.",
        pattern=r"^([1-9]\d{0,4}x[1-9]\d{0,4})?$",
    )
    stream_parallel: bool = row(True, "Whether to fetch several segments of a stream at the same time.")
    stream_proxy: str = row(
        "",
        "HTTP proxy for streams whose request names none: a public address, or listed in ALLOW_PRIVATE_NETWORKS.",
    )
    auto_download_timeout: float = row(300, "How long a request for audio waits for its file, in seconds.", gt=0)

    job_max_fetch_mb: Megabytes = row(50_000, "Most data that one job fetches, in MB, retries included.", gt=0)

    # Jobs.
    download_workers: int = row(3, "Downloads that one host runs at once.", ge=1, le=1000)
    captures_at_once: int = row(128, "Clips for which one host captures running streams at once.", ge=1, le=1000)
    captures_mb: Megabytes = row(0, "Disk space for the segments that captures share, in MB; 0 is no limit.", ge=0)
    captures_mbit: float = row(0, "Highest download rate of all captures of a host, in Mbit/s; 0 is no limit.", ge=0)
    encode_workers: int = row(1, "Encodes that one host runs at once.", ge=1, le=1000)
    encode_helpers: int | None = row(
        None, "Workers that are asked to help with one long encode. Empty: ENCODE_WORKERS less one; 0: none.", ge=0
    )
    encode_chunk_seconds: float = row(30, "Length of the chunks of a long encode with helpers, in seconds.", ge=1)
    job_lease_seconds: float = row(30, "A worker that does not respond for this long loses its job.", gt=0)
    job_max_attempts: int = row(5, "How often a job is started before it fails.", ge=1)
    job_retry_limit: int = row(3, "How often a job is tried when the error may be temporary.", ge=1)
    job_retry_base_seconds: float = row(4, "Pause before the first retry, in seconds; it doubles each time.", gt=0)
    job_hard_limit_seconds: int = row(7200, "Time limit of one attempt, in seconds.", gt=0)
    job_stall_seconds: float = row(
        300, "An attempt without progress for this long is stopped and tried again, in seconds.", gt=0
    )
    reconcile_interval_seconds: float = row(
        2, "Pause between two checks for jobs that are due or have lost their worker, in seconds.", gt=0
    )

    # Reports of progress.
    event_streams: int = row(200, "Event streams and WebSockets that one API process serves at once.", ge=1)
    event_streams_per_owner: int = row(20, "Of these, the most for one account or guest session.", ge=1)
    event_streams_per_address: int = row(50, "Of these, the most for one network address.", ge=1)
    event_heartbeat_seconds: float = row(15, "Pause between heartbeats on an event stream, in seconds.", gt=0)
    webhook_attempts: int = row(6, "How often a webhook is tried; the pause doubles each time.", ge=1)
    webhook_timeout_seconds: float = row(10, "Time limit for the receiver of a webhook, in seconds.", gt=0)
    webhook_interval_seconds: float = row(2, "Pause between two checks for webhooks that are due, in seconds.", gt=0)

    # Network.
    allow_private_networks: str = row(
        "",
        "Exact host:port addresses inside private networks that jobs may fetch from, separated by commas; that of "
        "STREAM_PROXY may be used as a proxy only.",
    )
    trusted_proxies: int = row(0, "Number of reverse proxies in front whose X-Forwarded-For is trusted.", ge=0, le=100)
    forwarded_prefix: bool = row(False, "Believe the path in X-Forwarded-Prefix; a trusted proxy must set or clear it.")
    public_url: str = row(
        "", "Address in links: scheme, host, path. Empty: that of the request; messages without one have no links."
    )
    cors_origins: str = row("*", "Origins whose pages may call the API, comma-separated; * is all, without cookies.")
    connections_per_address: int = row(
        64,
        "Connections that one network address may have open; 0 is no limit. Not counted: those from this machine, "
        "those of the proxies with TRUSTED_PROXIES, event streams, and up to a quarter of a process's connections "
        "whose clients are reading a reply.",
        ge=0,
        le=65_535,
    )
    x_accel_prefix: str = row("", "Internal nginx location that serves DOWNLOADS_DIR, for example /_files/.")
    api_threads: int = row(256, "Requests that one API process answers at once.", ge=4, le=10_000)
    api_processes: int = row(2, "API processes.", ge=1, le=1000)

    # Logs.
    log_level: Literal["DEBUG", "INFO", "WARNING", "ERROR"] = row("INFO", "Lowest level that is logged.")
    log_format: Literal["text", "json"] = row("text", "Format of a log line: text, or a JSON object.")
    log_file: str = row(
        "./logs/app.log",
        "Log file, rotated at 10 MB with 5 backups; errors also go to error.log next to it. Empty: console only.",
    )

    @field_validator("data_dir", "downloads_dir", "uploads_dir")
    @classmethod
    def _without_loops(cls, folder: Path) -> Path:
        """Refuse a folder whose symbolic links form a loop, before other code resolves it."""
        try:
            folder.stat()
        except OSError as error:
            if error.errno == errno.ELOOP:
                raise PydanticCustomError("folder_loop", "The symbolic links of this path form a loop") from None
        return folder

    @field_validator("*")
    @classmethod
    def _within_reason(cls, value: Any, info: ValidationInfo) -> Any:
        """Refuse numbers with which times and timers cannot be calculated."""
        if isinstance(value, (int, float)) and not isinstance(value, bool):
            most = _LARGEST_OF_UNIT.get((info.field_name or "").rpartition("_")[2], _LARGEST_NUMBER)
            if not value <= most:
                raise PydanticCustomError("too_large", "Input should be {most} at most", {"most": most})
        return value

    @classmethod
    def load(
        cls,
        environ: Mapping[str, str] | None = None,
        dotenv: Path | None = Path(".env"),
        config_file: Path | None = Path("config.json"),
    ) -> Settings:
        """Read the environment, then ``.env``, ``config.json`` and the defaults; the first value wins.

        Raises:
            SettingsError: with one line per invalid variable.
        """
        settings, problems = cls.examine(environ, dotenv, config_file)
        if problems:
            raise SettingsError.listing(problems)
        return settings

    @classmethod
    def examine(
        cls,
        environ: Mapping[str, str] | None = None,
        dotenv: Path | None = Path(".env"),
        config_file: Path | None = Path("config.json"),
    ) -> tuple[Settings, list[str]]:
        """Read like ``load``; return the settings, with defaults for the invalid ones, and a line for each of these."""
        problems: list[str] = []
        found: dict[str, str] = {}
        for path, read in ((config_file, _read_config_file), (dotenv, _read_dotenv)):
            if path is not None and path.is_file():
                try:
                    found.update(read(path))
                except SettingsError as error:
                    problems.append(str(error))
        found.update(os.environ if environ is None else environ)
        given = {name: found[name.upper()] for name in cls.model_fields if name.upper() in found}
        known = {name: text for name, text in given.items() if text != "" or name in _MAY_BE_EMPTY}
        try:
            return cls.model_validate(known), problems
        except ValidationError as error:
            # A variable of several types has one problem per type; the first one fits the given text.
            of_name = {str(e["loc"][0]): e["msg"] for e in reversed(error.errors())}
            problems += [f"{name.upper()}: {problem}" for name, problem in reversed(of_name.items())]
            return cls.model_validate({name: text for name, text in known.items() if name not in of_name}), problems

    @property
    def embedded(self) -> bool:
        """Whether at least one store has to be started by the launcher."""
        return not (self.mongodb_uri and self.redis_uri)

    def secret_problems(self) -> list[str]:
        """Return a line for each secret that is set and cannot be used."""
        problems = [
            f"{name.upper()}: it is too short: 32 characters at least"
            for name in SECRET_NAMES
            if 0 < len(getattr(self, name)) < 32
        ]
        if self.jwt_public_secret and self.jwt_public_secret == self.jwt_private_secret:
            problems.append("JWT_PRIVATE_SECRET: it must differ from JWT_PUBLIC_SECRET")
        return problems

    def missing(self) -> list[str]:
        """Return a line for each store and secret that is not set, with the way to get one."""
        stores = [name.upper() for name in ("mongodb_uri", "redis_uri") if not getattr(self, name)]
        secrets = [name.upper() for name in SECRET_NAMES if not getattr(self, name)]
        lines = [f"{name}: it is not set: give the address of a server, or start with 'make run'" for name in stores]
        return lines + [f"{name}: it is not set: create one with {HOW_TO_CREATE_A_SECRET}" for name in secrets]

    def require_complete(self) -> Settings:
        """Return these settings if stores and secrets are all set.

        Raises:
            SettingsError: lists everything that is missing and how to create it.
        """
        problems = self.missing() + self.secret_problems()
        if problems:
            raise SettingsError.listing(problems)
        return self
