"""Runs all FFmpeg processes: their progress, limits and sandbox, and how they are stopped."""

from __future__ import annotations

import os
import selectors
import signal
import subprocess
import time
from collections import deque
from collections.abc import Callable, Sequence
from contextlib import nullcontext
from dataclasses import dataclass
from pathlib import Path

from src.errors import EncodeFailed, FfmpegMissing, JobTimeout
from src.models.progress import Monitor, SilentMonitor
from src.utils.ffmpeg_limits import Limits
from src.utils.ffmpeg_messages import failure
from src.utils.process import ChildProcess, dying_with
from src.utils.sandbox import SandboxRules, locked_into

CHECK_SECONDS = 0.2  # the interval of calls to the monitor, independent of FFmpeg's output
TERMINATE_SECONDS = 1.0  # the output is discarded, so FFmpeg only has to release its resources
# Without our own variables: no secrets, no proxy. SVT_LOG=1 limits SVT-AV1, which ignores -v, to errors.
ENVIRONMENT = {"PATH": os.defpath, "LANG": "C.UTF-8", "SVT_LOG": "1"}
_LOG_LINES = 200
_LINE_BYTES = 8192  # of a line that has not ended; a confined program may have been taken over by its input
_READINGS = ("frame", "fps", "out_time_us", "total_size", "speed")


@dataclass(frozen=True, slots=True)
class FFmpegProgress:
    """A reading of a running process: percent 0-100 (None if the length is unknown), ``speed`` as a factor of real
    time, frames per second, remaining seconds, frames and seconds of media written so far."""

    percent: float | None = None
    speed: float | None = None
    fps: float | None = None
    eta_seconds: float | None = None
    frame: int | None = None
    media_seconds: float | None = None


@dataclass(frozen=True, slots=True)
class FFmpegResult:
    """The result of a successful process: its last 200 log lines, frames written, real seconds, and the end of the last
    output in seconds."""

    log: tuple[str, ...]
    frames: int | None
    wall_seconds: float
    media_seconds: float | None = None


class FFmpeg:
    """The FFmpeg program. Every process runs in its own process group and dies with the thread that runs it."""

    def __init__(self, program: Path | Callable[[], Path], sandbox: SandboxRules | None = None) -> None:
        """``program``: its path, or a function that chooses it for each process or ``confined`` use. ``sandbox``: for
        processes that read untrusted input, see ``confined``."""
        self._program, self._sandbox = program, sandbox

    @property
    def program(self) -> Path:
        """The path of the program that would run now."""
        return self._program if isinstance(self._program, Path) else self._program()

    def confined(self, *, reads: Sequence[Path], writes: Sequence[Path], devices: bool = False) -> FFmpeg:
        """Return the same program in a sandbox with only these files and folders, and no network.

        ``devices``: allow the video hardware of this machine.
        """
        program = self.program
        sandbox = SandboxRules(
            reads=tuple(reads), writes=tuple(writes), programs=(program, program.resolve()), devices=devices
        )
        return FFmpeg(program, sandbox)

    def run(
        self,
        args: Sequence[str],
        *,
        monitor: Monitor | None = None,
        duration_seconds: float | None = None,
        frames: int | None = None,
        on_progress: Callable[[FFmpegProgress], None] | None = None,
        limits: Limits | None = None,
        log_level: str = "error",
        cwd: Path | None = None,
    ) -> FFmpegResult:
        """Run FFmpeg with ``args`` (inputs, options, outputs; the general options are added) until it ends.

        ``duration_seconds`` or ``frames`` of the output turn readings into percentages. ``on_progress`` gets a
        reading about four times a second. ``monitor.check()`` is called five times a second; whatever it raises
        stops the process group (terminate, one second, kill) and is raised again here.

        Raises:
            DiskFull: the disk is full.
            JobTimeout: ``limits.wall_seconds`` have passed.
            EncodeInterrupted: another process killed it.
            EncodeFailed: any other failure; ``details`` may have the ``http_status`` of an input from the network.
            FfmpegMissing: the program cannot be started.
        """
        watch = monitor or SilentMonitor()
        bounds = limits or Limits()
        read_end, write_end = os.pipe()
        command = [
            *(str(self.program), "-hide_banner", "-nostdin", "-y", "-v", log_level, "-nostats"),
            *("-progress", f"pipe:{write_end}", "-stats_period", "0.25"),
            *map(str, args),
        ]
        try:
            process = _start(command, bounds, write_end, cwd, self._sandbox)
        except BaseException:
            os.close(read_end)
            raise
        finally:
            os.close(write_end)
        run = _Run(process, read_end, duration_seconds, frames, on_progress)
        try:
            run.wait(watch, bounds)
        finally:
            stop_group(process)
            run.close()
        if process.returncode != 0:
            raise failure(process.returncode, run.log, bounds)
        seconds = time.monotonic() - run.started
        return FFmpegResult(tuple(run.log), run.reading.frame, seconds, run.reading.media_seconds)


def _start(
    command: list[str], limits: Limits, progress_fd: int, cwd: Path | None, sandbox: SandboxRules | None
) -> subprocess.Popen[bytes]:
    bind = dying_with(os.getpid())
    try:
        with locked_into(sandbox) if sandbox is not None else nullcontext(lambda: None) as enter:

            def prepare() -> None:
                enter()
                bind()
                limits.apply()

            return subprocess.Popen(
                command,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.PIPE,
                pass_fds=(progress_fd,),
                process_group=0,
                preexec_fn=prepare,
                cwd=cwd,
                env=ENVIRONMENT,
            )
    except OSError as error:
        raise FfmpegMissing(f"FFmpeg cannot be started: {error.strerror}") from None


class _Run:
    """Reads the two pipes of a running process until both end."""

    def __init__(
        self,
        process: subprocess.Popen[bytes],
        progress_fd: int,
        duration_seconds: float | None,
        frames: int | None,
        on_progress: Callable[[FFmpegProgress], None] | None,
    ) -> None:
        assert process.stderr is not None
        self.process = process
        self.log: deque[str] = deque(maxlen=_LOG_LINES)
        self.reading = FFmpegProgress()
        self.started = time.monotonic()
        self._duration, self._frames, self._on_progress = duration_seconds, frames, on_progress
        self._progress_fd, self._stderr_fd = progress_fd, process.stderr.fileno()
        self._rest = {self._progress_fd: b"", self._stderr_fd: b""}
        self._values: dict[str, str] = {}
        self._mark: tuple[str | None, ...] = ()
        self._moved = self.started

    def wait(self, monitor: Monitor, limits: Limits) -> None:
        """Read until the process has ended. Raises what the monitor raises, and errors if a limit is reached."""
        checked = 0.0
        with selectors.DefaultSelector() as selector:
            for fd in self._rest:
                os.set_blocking(fd, False)
                selector.register(fd, selectors.EVENT_READ)
            while selector.get_map():
                for key, _ in selector.select(CHECK_SECONDS):
                    if not self._read(key.fd):
                        selector.unregister(key.fd)
                now = time.monotonic()
                if now - checked >= CHECK_SECONDS:
                    checked = now
                    monitor.check()
                    self._check(limits, now)
                if self.process.poll() is not None and not selector.select(0):
                    break
        while self.process.poll() is None:  # it closed its pipes and still runs
            monitor.check()
            self._check(limits, time.monotonic())
            time.sleep(CHECK_SECONDS / 4)

    def _check(self, limits: Limits, now: float) -> None:
        if limits.wall_seconds is not None and now - self.started > limits.wall_seconds:
            raise JobTimeout(f"FFmpeg was stopped after {limits.wall_seconds:.0f} s")
        if limits.stall_seconds is not None and now - self._moved > limits.stall_seconds:
            raise EncodeFailed(f"FFmpeg made no progress for {limits.stall_seconds:.0f} s")

    def _read(self, fd: int) -> bool:
        try:
            chunk = os.read(fd, 65536)
        except BlockingIOError:
            return True
        lines = (self._rest[fd] + chunk).replace(b"\r", b"\n").split(b"\n")
        self._rest[fd] = lines.pop()[:_LINE_BYTES] if chunk else b""
        for line in lines:
            text = line.decode("utf-8", "replace").strip()
            if fd == self._stderr_fd:
                if text:
                    self.log.append(text)
            else:
                self._take(text)
        return bool(chunk)

    def _take(self, line: str) -> None:
        name, _, value = line.partition("=")
        if name in _READINGS:
            self._values[name] = value.strip()
        if name != "progress":
            return
        mark = tuple(self._values.get(key) for key in ("frame", "out_time_us", "total_size"))
        if mark != self._mark:
            self._mark, self._moved = mark, time.monotonic()
        self.reading = self._interpret(finished=value.strip() == "end")
        if self._on_progress is not None:
            self._on_progress(self.reading)

    def _interpret(self, *, finished: bool) -> FFmpegProgress:
        frame = _number(self._values.get("frame"))
        micros = _number(self._values.get("out_time_us"))
        seconds = None if micros is None else max(0.0, micros / 1e6)
        share = None
        if self._frames and frame is not None:
            share = frame / self._frames
        elif self._duration and seconds is not None:
            share = seconds / self._duration
        if share is not None:
            before = (self.reading.percent or 0.0) / 100
            share = 1.0 if finished else max(before, min(share, 1.0))
        speed = _number((self._values.get("speed") or "").rstrip("x"))
        elapsed = time.monotonic() - self.started
        percent = None if share is None else 100 * share
        eta = elapsed * (1 - share) / share if share else None
        return FFmpegProgress(
            percent=percent,
            speed=speed or None,
            fps=_number(self._values.get("fps")) or None,
            eta_seconds=eta,
            frame=None if frame is None else int(frame),
            media_seconds=seconds,
        )

    def close(self) -> None:
        os.close(self._progress_fd)
        assert self.process.stderr is not None
        self.process.stderr.close()


def stop_group(process: ChildProcess) -> None:
    """Stop a process that leads its own group, and its children: terminate, wait one second, kill."""
    if process.poll() is None:
        _signal_group(process.pid, signal.SIGTERM)
        try:
            process.wait(TERMINATE_SECONDS)
        except subprocess.TimeoutExpired:
            _signal_group(process.pid, signal.SIGKILL)
            process.wait()


def _signal_group(group: int, number: int) -> None:
    try:
        os.killpg(group, number)
    except ProcessLookupError:
        return


def _number(text: str | None) -> float | None:
    try:
        return float(text) if text else None
    except ValueError:  # "N/A"
        return None
