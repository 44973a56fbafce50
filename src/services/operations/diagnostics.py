"""Reports the components of this instance and whether they work, within seconds even if a component hangs."""

from __future__ import annotations

import platform
import re
import subprocess
import threading
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import date, datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from pymongo.database import Database

from src.errors import AppError
from src.models.params import Codec
from src.services import db_service
from src.services.cache_service import CacheService, CacheUnavailable
from src.services.encoding.programs import FFmpegPrograms, ProgramReading
from src.services.encoding.trials import read_lists
from src.services.encoding_service import EncodingService, HardwareReading
from src.services.ffmpeg_utils_service import ENVIRONMENT
from src.services.file_store import FileStore
from src.services.jobs.queues import Queue
from src.services.operations.health import HealthService
from src.services.operations.self_test import Checked, SelfTest, at_once
from src.services.youtube.options import find_deno
from src.utils.clock import Clock
from src.utils.machine import MachineReading, read_machine
from src.utils.program_answers import answer_of
from src.utils.sandbox import Kind, available

PROGRAM_SECONDS = 5.0
# All components are queried at the same time; one that has not answered by then is reported as missing. More than the
# timeouts of the stores (6 s) and of the self-test's programs on a busy machine.
PATIENCE_SECONDS = 20.0
# The self-test takes about a second of processor time; requests within this time share one result.
FRESH_SECONDS = 10.0
_PACKAGES = ("yt-dlp", "yt-dlp-ejs", "av", "celery", "flask", "pymongo", "redis")
_ENCODERS = (
    *("libx264", "libx265", "libsvtav1", "libaom-av1", "libvpx-vp9", "aac", "libopus", "libmp3lame", "flac"),
    *(f"{codec}_{family}" for family in ("nvenc", "qsv", "vaapi", "amf") for codec in ("h264", "hevc", "av1")),
)


@dataclass(frozen=True, slots=True)
class Program:
    """The FFmpeg that does all work in software, and why this one. ``version`` and ``encoders`` are empty if it did
    not answer. ``programs``: all that may do work. ``hardware``: for each codec its hardware encoder and the program
    that has it, or None."""

    path: Path
    reason: str
    version: str | None = None
    encoders: tuple[str, ...] = ()
    programs: tuple[ProgramReading, ...] = ()
    hardware: dict[Codec, HardwareReading | None] | None = None


@dataclass(frozen=True, slots=True)
class Diagnosis:
    """The state of all components at one moment; ``None`` for those that did not answer in time.

    ``admins_without_effect``: addresses of ``ADMIN_EMAILS`` without effect. ``ytdlp_age_days``: days since the
    installed yt-dlp was released; it must be updated often because sites change.
    """

    at: datetime
    python: str
    packages: dict[str, str | None]
    ytdlp_age_days: int | None
    ffmpeg: Program | None
    js_runtime: str | None
    sandbox: Kind
    mongodb: str | None
    redis: str | None
    disk: MachineReading | None
    disk_floor_bytes: int
    queues: tuple[Queue, ...] | None
    reasons: tuple[str, ...]
    admins_without_effect: tuple[str, ...] | None
    self_test: tuple[Checked, ...]

    @property
    def ok(self) -> bool:
        """Whether every part of the self-test succeeded."""
        return all(part.ok for part in self.self_test)


class DiagnosticsService:
    """Diagnoses all components. Never raises: unknown values are ``None`` or a reported problem."""

    def __init__(
        self,
        health: HealthService,
        self_test: SelfTest,
        database: Database[dict[str, Any]],
        cache: CacheService,
        files: FileStore,
        clock: Clock,
        *,
        programs: FFmpegPrograms,
        encoder: EncodingService,
        idle_admins: Callable[[], list[str]],
        patience_seconds: float = PATIENCE_SECONDS,
    ) -> None:
        self._health, self._self_test, self._database, self._cache = health, self_test, database, cache
        self._files, self._clock, self._programs, self._encoder = files, clock, programs, encoder
        self._idle_admins = idle_admins
        self._patience = patience_seconds
        self._lock = threading.Lock()
        self._last: tuple[float, Diagnosis] | None = None

    def diagnose(self) -> Diagnosis:
        """Return a diagnosis that is at most ``FRESH_SECONDS`` old; concurrent requests share one."""
        with self._lock:
            if self._last is None or self._clock.monotonic() - self._last[0] >= FRESH_SECONDS:
                found = self._diagnose()
                self._last = (self._clock.monotonic(), found)
            return self._last[1]

    def _diagnose(self) -> Diagnosis:
        questions: dict[str, Callable[[], Any]] = {
            "ffmpeg": self._query_ffmpeg,
            "hardware": lambda: _quietly(self._encoder.hardware),
            "js_runtime": _js_runtime,
            "mongodb": lambda: _quietly(lambda: db_service.server_version(self._database)),
            "redis": self._redis_version,
            "disk": lambda: read_machine(self._files.downloads),
            "queues": lambda: _quietly(lambda: self._health.metrics().queues),
            "reasons": lambda: self._health.health().reasons,
            "idle_admins": lambda: _quietly(self._idle_admins),
            "self_test": lambda: self._self_test.run(seconds=self._patience - 1),
        }
        found = at_once(questions, seconds=self._patience)
        program: Program | None = found.get("ffmpeg")
        if program is not None:
            choice, programs = self._programs.report()
            program = replace(program, reason=choice.reason, programs=programs, hardware=found.get("hardware"))
        packages = {name: _package(name) for name in _PACKAGES}
        return Diagnosis(
            at=self._clock.now(),
            python=platform.python_version(),
            packages=packages,
            ytdlp_age_days=age_days(packages["yt-dlp"], self._clock.now().date()),
            ffmpeg=program,
            js_runtime=found.get("js_runtime"),
            sandbox=available(),
            mongodb=found.get("mongodb"),
            redis=found.get("redis"),
            disk=found.get("disk"),
            disk_floor_bytes=self._files.min_free_bytes,
            queues=found.get("queues"),
            reasons=found.get("reasons", ("The health could not be found out in time.",)),
            admins_without_effect=None if found.get("idle_admins") is None else tuple(found["idle_admins"]),
            self_test=found.get("self_test", (Checked("self_test", False, round(self._patience * 1000), "no answer"),)),
        )

    def _query_ffmpeg(self) -> Program:
        choice = self._programs.choose()
        path = choice.program.path
        listed = read_lists(path)
        encoders = tuple(name for name in _ENCODERS if name in listed.encoders)
        return Program(path, choice.reason, listed.version or None, encoders)

    def _redis_version(self) -> str | None:
        try:
            info: dict[str, Any] = self._cache.attempt(lambda client: client.info("server"))
        except CacheUnavailable:
            return None
        name = "valkey" if "valkey_version" in info else "redis"
        return f"{name} {info[f'{name}_version']}"


def age_days(release: str | None, today: date) -> int | None:
    """Return the days since a release that is named by its date, as yt-dlp's are (``2026.10.26``)."""
    found = re.match(r"(\d{4})\.(\d{1,2})\.(\d{1,2})", release or "")
    try:
        return (today - date(*map(int, found.groups()))).days if found else None
    except ValueError:
        return None


def _js_runtime() -> str | None:
    deno = find_deno()
    found = re.match(r"deno \S+", _output([deno, "--version"])) if deno else None
    return found[0] if found else None


def _package(name: str) -> str | None:
    try:
        return version(name)
    except PackageNotFoundError:
        return None


def _output(command: list[str]) -> str:
    """Return the output of a program; empty if it cannot be run or takes too long."""
    try:
        return answer_of(command, env=ENVIRONMENT, seconds=PROGRAM_SECONDS)
    except (OSError, subprocess.TimeoutExpired):
        return ""


def _quietly(question: Callable[[], Any]) -> Any:
    try:
        return question()
    except AppError:
        return None
