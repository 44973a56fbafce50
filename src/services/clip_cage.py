"""Runs the clip engine in a child process that sees its own files and, through our proxy, the site; nothing else.

Decoders of strangers' films are where weaknesses are found. In the worker they would stand beside the secrets and the
stores of the service. The child is started while the site is still being asked about the video, so that a clip does not
wait for it.
"""

from __future__ import annotations

import json
import logging
import os
import selectors
import socket
import ssl
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from pydantic import TypeAdapter, ValidationError

from src.errors import ErrorKind, InternalError, error_from_code
from src.models.progress import Monitor, Progress
from src.services.clip import ClipReport, ClipSource, Discontinuous, Keep, Mode, Network, SourceUnreadable, TimeRange
from src.services.clip import make_clip as make_one
from src.services.clip import make_clips as make_several
from src.services.clip import make_parts as make_stretches
from src.services.clip_child import LISTENER, Task, send_task
from src.services.egress import EgressProxy
from src.services.ffmpeg_utils_service import CHECK_SECONDS, ENVIRONMENT, stop_group
from src.utils.process import dying_with
from src.utils.sandbox import Cage, available

log = logging.getLogger(__name__)

_ROOT = Path(__file__).parents[2]
_LONGEST_LINE = 4 << 20  # a report of many clips with notes; nothing honest is longer
_KEPT_STDERR = 16 << 10
_PROGRESS, _REPORTS = TypeAdapter(Progress), TypeAdapter(list[ClipReport])


class EngineDied(Exception):
    """The child ended without an answer, or gave one that is none. Never shown to users."""


class ClipCage:
    """Starts engines. ``egress`` answers what they ask of the network."""

    def __init__(self, ffmpeg: Path, egress: EgressProxy) -> None:
        self._ffmpeg, self._egress = ffmpeg, egress

    @contextmanager
    def engine(self) -> Iterator[CagedEngine]:
        """An engine that is being started, for one call; it ends with the block, whatever it is doing."""
        with CagedEngine(self._ffmpeg, self._egress) as engine:
            yield engine


class CagedEngine:
    """``make_clip`` and ``make_clips`` like those of ``services/clip``, somewhere else. For the thread that made it."""

    def __init__(self, ffmpeg: Path, egress: EgressProxy) -> None:
        self._ffmpeg, self._egress, self._kind = ffmpeg, egress, available()
        self._channel, theirs = socket.socketpair()
        with theirs:
            kind = (self._kind.files, self._kind.network, str(self._kind.namespaces))
            self._process = subprocess.Popen(
                [sys.executable, "-m", "src.services.clip_child", str(theirs.fileno()), *kind],
                cwd=_ROOT,
                env={**ENVIRONMENT, "PYTHONDONTWRITEBYTECODE": "1", "OPENSSL_CONF": os.devnull, **_certificates()},
                stdin=subprocess.PIPE,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.PIPE,
                pass_fds=(theirs.fileno(),),
                process_group=0,
                preexec_fn=dying_with(os.getpid()),
            )

    def __enter__(self) -> CagedEngine:
        return self

    def __exit__(self, *_: object) -> None:
        stop_group(self._process)
        self._channel.close()
        for pipe in (self._process.stdin, self._process.stderr):
            if pipe is not None:
                with suppress(OSError):
                    pipe.close()

    def make_clip(
        self,
        source: ClipSource,
        wanted: TimeRange,
        output: Path,
        *,
        work_dir: Path,
        network: Network,
        mode: Mode = "exact",
        ffmpeg: Path | None = None,
        monitor: Monitor,
        refresh: Callable[[], ClipSource] | None = None,
        keep: Keep | None = None,
    ) -> ClipReport:
        """One clip; see ``services/clip``.

        Raises:
            EngineDied: it did not survive what it read.
        """
        if keep:
            keep.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        writes = [work_dir, output.parent, *([keep.folder] if keep else [])]
        asked = {"source": source, "wanted": wanted, "output": output, "keep": keep}
        shared = {"work_dir": work_dir, "network": network, "mode": mode, "ffmpeg": ffmpeg}
        return self.run(_one, {**asked, **shared}, writes, network.proxy, monitor, refresh)[0]

    def make_clips(
        self,
        source: ClipSource,
        ranges: Sequence[TimeRange],
        outputs: Sequence[Path],
        *,
        work_dir: Path,
        network: Network,
        mode: Mode = "exact",
        ffmpeg: Path | None = None,
        monitor: Monitor,
        refresh: Callable[[], ClipSource] | None = None,
    ) -> list[ClipReport]:
        """Several clips of one video; see ``make_clip``."""
        writes = [work_dir, *{output.parent for output in outputs}]
        asked = {"source": source, "ranges": ranges, "outputs": outputs}
        shared = {"work_dir": work_dir, "network": network, "mode": mode, "ffmpeg": ffmpeg}
        return self.run(make_several, {**asked, **shared}, writes, network.proxy, monitor, refresh)

    def make_parts(
        self,
        source: ClipSource,
        wanted: TimeRange,
        folder: Path,
        suffix: str,
        *,
        work_dir: Path,
        network: Network,
        ffmpeg: Path | None = None,
        monitor: Monitor,
        refresh: Callable[[], ClipSource] | None = None,
    ) -> list[tuple[Path, ClipReport]]:
        """The stretches of a clip, in a child of their own: this one may have ended when they turned out."""
        asked = {"source": source, "wanted": wanted, "folder": folder, "suffix": suffix}
        shared = {"work_dir": work_dir, "network": network, "ffmpeg": ffmpeg}
        with CagedEngine(self._ffmpeg, self._egress) as another:
            reports = another.run(_parts, {**asked, **shared}, [work_dir, folder], network.proxy, monitor, refresh)
        return [(folder / f"part{number}{suffix}", report) for number, report in enumerate(reports)]

    def run(
        self,
        function: Callable[..., list[ClipReport]],
        arguments: dict[str, Any],
        writes: Sequence[Path],
        proxy: str | None,
        monitor: Monitor,
        refresh: Callable[[], ClipSource] | None = None,
        *,
        reads: Sequence[Path] = (),
    ) -> list[ClipReport]:
        """The answer of a function of ours that takes these arguments, a ``monitor`` and, where there is one, a
        ``refresh``. Raises what it raises, what ``monitor`` and ``refresh`` raise, and EngineDied."""
        task = Task(function, arguments, self._cage(reads, writes, proxy), refresh is not None)
        assert self._process.stdin is not None
        try:
            send_task(self._process.stdin, task)
        except BrokenPipeError:
            raise EngineDied("it did not start") from None
        with ExitStack() as stack:
            self._answer_there(stack, proxy, monitor)
            made = _Talk(self._process, self._channel, monitor, refresh).run()
        stop_group(self._process)  # what is looked at from here on, nobody changes any more
        return made

    def _cage(self, reads: Sequence[Path], writes: Sequence[Path], proxy: str | None) -> Cage:
        """Python and its packages, our code, FFmpeg, the files of the task, and the port of its proxy."""
        python = Path(sys.executable)
        trusted = [Path(path) for path in _certificates().values()]
        return Cage(
            reads=(Path(sys.prefix), Path(sys.base_prefix, "lib"), _ROOT / "src", *trusted, *reads),
            writes=tuple(dict.fromkeys(writes)),
            programs=(python, python.resolve(), self._ffmpeg, self._ffmpeg.resolve()),
            lists=(_ROOT,),
            loopback_port=urlsplit(proxy).port if proxy else None,
        )

    def _answer_there(self, stack: ExitStack, proxy: str | None, monitor: Monitor) -> None:
        """Where the child has a loopback of its own, have the proxy answer there too."""
        with selectors.DefaultSelector() as selector:
            selector.register(self._channel, selectors.EVENT_READ)
            while not selector.select(CHECK_SECONDS):
                monitor.check()
        said, listeners, _, _ = socket.recv_fds(self._channel, 1, 1)
        if said == LISTENER and proxy:
            stack.enter_context(self._egress.also_at(socket.socket(fileno=listeners[0])))
        elif not said:
            raise EngineDied(_tail(self._process))


def _one(**arguments: Any) -> list[ClipReport]:
    return [make_one(**arguments)]


def _parts(**arguments: Any) -> list[ClipReport]:
    return [report for _, report in make_stretches(**arguments)]


class _Talk:
    """The conversation about one task."""

    def __init__(
        self,
        process: subprocess.Popen[bytes],
        channel: socket.socket,
        monitor: Monitor,
        refresh: Callable[[], ClipSource] | None,
    ) -> None:
        self._process, self._channel, self._monitor, self._refresh = process, channel, monitor, refresh
        self._rest, self._said = b"", b""

    def run(self) -> list[ClipReport]:
        """The reports; raises like ``CagedEngine.run``."""
        assert self._process.stderr is not None
        errors = self._process.stderr.fileno()
        os.set_blocking(errors, False)
        with selectors.DefaultSelector() as selector:
            selector.register(self._channel, selectors.EVENT_READ)
            selector.register(errors, selectors.EVENT_READ)
            while True:
                ready = {key.fd for key, _ in selector.select(CHECK_SECONDS)}
                self._monitor.check()
                if errors in ready and not self._listen(errors):
                    selector.unregister(errors)
                if self._channel.fileno() in ready:
                    for line in self._lines():
                        made = self._take(line)
                        if made is not None:
                            return made

    def _listen(self, errors: int) -> bool:
        said = os.read(errors, 65536)
        self._said = (self._said + said)[-_KEPT_STDERR:]
        return bool(said)

    def _lines(self) -> list[bytes]:
        data = self._channel.recv(65536)
        if not data or len(self._rest) > _LONGEST_LINE:
            self._process.wait(1) if not data else None
            raise EngineDied(self._said.decode("utf-8", "replace")[-2000:] or "it ended without a word")
        *lines, self._rest = (self._rest + data).split(b"\n")
        return lines

    def _take(self, line: bytes) -> list[ClipReport] | None:
        """One line of somebody who may be anybody by now."""
        try:
            ((what, value),) = json.loads(line).items()
            if what == "progress":
                progress = _PROGRESS.validate_python(value)
            elif what == "made":
                return _REPORTS.validate_python(value)
        except (ValueError, AttributeError, RecursionError, ValidationError) as error:
            raise EngineDied(f"it said what it never says: {type(error).__name__}") from None
        if what == "progress":
            self._monitor.report(progress)
        elif what == "refresh" and self._refresh is not None:
            assert self._process.stdin is not None
            send_task(self._process.stdin, self._refresh())
        elif what == "discontinuous":
            raise Discontinuous(str(value))
        elif what == "unreadable":
            raise SourceUnreadable(str(value))
        elif what == "failed" and isinstance(value, dict):
            failure = error_from_code(str(value.get("code")), str(value.get("message"))[:2000])
            # Codes of our own inner workings (a lease lost, a job handed back) are not the engine's to say.
            raise InternalError() if failure.kind is ErrorKind.INTERNAL else failure
        else:
            raise EngineDied("it said what it never says")
        return None


def _tail(process: subprocess.Popen[bytes]) -> str:
    """What a child that has ended said last."""
    with suppress(subprocess.TimeoutExpired):
        return process.communicate(timeout=2)[1].decode("utf-8", "replace")[-2000:] or "it did not start"
    return "it did not start"


def _certificates() -> dict[str, str]:
    """The operator's own certificates, where the environment names some: OpenSSL's variables (man 7 openssl-env)."""
    paths = ssl.get_default_verify_paths()
    found = {paths.openssl_cafile_env: paths.cafile, paths.openssl_capath_env: paths.capath}
    return {name: path for name, path in found.items() if path and path != paths.openssl_cafile}
