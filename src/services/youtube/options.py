"""Builds yt-dlp's options from ours and the operator's, and refuses dangerous ones."""

from __future__ import annotations

import io
import re
import shutil
import sysconfig
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from src.config import Settings, SettingsError
from src.errors import CookiesInvalid

SOCKET_SECONDS = 15.0  # a request fails if the server sends no data for this long
# The only allowed extractors; in particular not the generic one, which fetches any address.
ALLOWED_EXTRACTORS = ("^youtube$",)

_RUNS_PROGRAMS = "it would run programs"
_TOUCHES_FILES = "it would read or write files of this server"
_OWN_SETTING = "it has a separate setting"
_OURS = "the service depends on its value"
REFUSED: Mapping[str, tuple[str, ...]] = {
    _RUNS_PROGRAMS: (
        r".*exec.*", r".*(?:^|_)(?:cmd|command)(?:_|$).*", r"external_downloader.*", r"postprocess.*", r".*_hooks?",
        r"bidi_workaround", r"cookiesfrombrowser", r"remote_components", r"plugin_dirs", r"retry_sleep_functions",
    ),
    _TOUCHES_FILES: (
        r".*netrc.*", r".*_locations?", r"enable_file_urls", r"paths", r"outtmpl.*", r"print_to_file", r"write.*",
        r"download_archive", r"force_write_download_archive", r"cachedir", r"load_info.*", r"batchfile", r"config.*",
        r"client_certificate.*", r".*cookiefile.*", r"getcomments",
    ),
    _OWN_SETTING: (r"proxy", r"nocheckcertificate", r"ratelimit"),
    _OURS: (
        r"logger", r"allowed_extractors", r"force_generic_extractor", r"default_search", r"format", r"simulate",
        r"skip_download", r"ignoreerrors", r"ignore_no_formats_error", r"allow_unplayable_formats", r"extract_flat",
        r"wait_for_video", r"list.*", r"force(?:print|json|url|title|id|thumbnail|description|filename|duration)",
        r"dump_single_json", r"quiet", r"verbose", r"debug_printtraffic", r"logtostderr", r"consoletitle",
        r"match_filter", r"mark_watched", r"download_ranges", r"progress_.*", r"compat_opts", r"_.*",
    ),
}  # fmt: skip
_REFUSED = [(re.compile(f"(?:{'|'.join(names)})", re.IGNORECASE), why) for why, names in REFUSED.items()]


@dataclass(frozen=True, slots=True)
class SiteOptions:
    """The settings for requests to video sites.

    ``proxy``: the egress proxy, which may use the operator's proxy: see ``services/egress``. ``extra``: the operator's
    options for yt-dlp by their Python names. ``cache_dir``: yt-dlp's cache for facts about the site's player.
    """

    proxy: str | None = None
    verify_tls: bool = True
    cookies_file: Path | None = None
    cache_dir: Path | None = None
    extra: Mapping[str, Any] = field(default_factory=dict)

    @classmethod
    def of(cls, settings: Settings) -> SiteOptions:
        """Read the settings.

        Raises:
            SettingsError: YTDLP_OPTIONS has options that are not allowed.
        """
        check_extra_options(settings.ytdlp_options)
        return cls(
            verify_tls=settings.ytdlp_verify_tls,
            cookies_file=settings.ytdlp_cookies_file,
            cache_dir=settings.data_dir / "yt-dlp",
            extra=settings.ytdlp_options,
        )


def check_extra_options(extra: Mapping[str, Any]) -> None:
    """Refuse options that would run programs, access files, or change options on which the service depends.

    Raises:
        SettingsError: with one line per refused option.
    """
    lines = [f"YTDLP_OPTIONS: {name} is not allowed: {why}" for name, why in refused_options(extra)]
    if lines:
        raise SettingsError.listing(lines)


def refused_options(extra: Mapping[str, Any]) -> list[tuple[str, str]]:
    """Return the names of the options that are not allowed, each with the reason."""
    return [(name, why) for name in extra if (why := why_refused(name))]


def why_refused(name: str) -> str | None:
    """Return why this option is not allowed, or None if it is."""
    return next((why for pattern, why in _REFUSED if pattern.fullmatch(name)), None)


def build_options(site: SiteOptions, logger: object) -> dict[str, Any]:
    """Build the options for a ``YoutubeDL`` that only looks videos up. ``logger`` has debug, warning and error.

    The cookies are a copy in memory, because yt-dlp writes them back at its end.

    Raises:
        CookiesInvalid: the cookie file cannot be read.
    """
    options: dict[str, Any] = {
        "socket_timeout": SOCKET_SECONDS,
        "extractor_retries": 1,
        "js_runtimes": {"deno": {"path": find_deno()}},
        **site.extra,
        "extractor_args": _extractor_arguments(site.extra.get("extractor_args")),
        "logger": logger,
        "quiet": True,
        "noprogress": True,
        "color": "never",
        "allowed_extractors": list(ALLOWED_EXTRACTORS),
        "noplaylist": True,
        "skip_download": True,
        "check_formats": False,
        "format": _nothing,
        "ignore_no_formats_error": True,
        "cachedir": str(site.cache_dir) if site.cache_dir else False,
        "nocheckcertificate": not site.verify_tls,
    }
    if site.proxy:
        options["proxy"] = site.proxy
        options.pop("source_address", None)  # for the egress proxy only: with it, loopback is unreachable
    if site.cookies_file:
        options["cookiefile"] = io.StringIO(_read_cookies(site.cookies_file))
    return options


def _extractor_arguments(given: object) -> dict[str, Any]:
    """Add to the operator's arguments that the formats of running streams with numbered segments are listed, too.

    yt-dlp calls them incomplete. DASH manifests are not read: they list the same segments, of the last hours only.
    """
    arguments = dict(given) if isinstance(given, Mapping) else {}
    site = arguments.get("youtube")
    known: dict[str, Any] = dict(site) if isinstance(site, Mapping) else {}
    for name, value in (("formats", "incomplete"), ("skip", "dash")):
        before = known.get(name) or []
        listed = before.split(",") if isinstance(before, str) else list(before)
        known[name] = [*listed, *([] if value in listed else [value])]
    return {**arguments, "youtube": known}


def find_deno() -> str | None:
    """Find the JavaScript runtime of the deno package, even if the environment's ``bin`` is not on the PATH."""
    return shutil.which("deno", path=sysconfig.get_path("scripts")) or shutil.which("deno")


def _nothing(_: object) -> tuple[()]:
    """Select no formats: they are chosen by our own rules."""
    return ()


def _read_cookies(path: Path) -> str:
    try:
        return path.read_text("utf-8")
    except (OSError, UnicodeDecodeError):
        raise CookiesInvalid("The configured cookie file cannot be read") from None
