"""Runs the clip engine in a child process that sees its own files and, through our proxy, the site; nothing else.

Decoders of strangers' films are where weaknesses are found. In the worker they would stand beside the secrets and the
stores of the service. The child is started while the site is still being asked about the video, so that a clip does not
wait for it.
"""

from __future__ import annotations

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

from src.models.media_source import ClipSource, Mode, NetworkSettings, TimeRange
from src.models.progress import Monitor
from src.services.cutting.engine.engine import make_clip as make_one
from src.services.cutting.engine.engine import make_clips as make_several
from src.services.cutting.engine.engine import make_parts as make_stretches
from src.services.cutting.engine.model import ClipReport, Keep
from src.services.cutting.sandbox_channel import SandboxChannel, engine_died, final_output
from src.services.cutting.sandbox_child import LISTENER, Task, send_task
from src.services.egress.proxy import EgressProxy
from src.services.ffmpeg_utils_service import CHECK_SECONDS, ENVIRONMENT, stop_group
from src.utils.process import dying_with
from src.utils.sandbox import SandboxRules, available

_ROOT = Path(__file__).parents[3]


class EngineSandbox:
    """Starts engines. ``egress`` answers what they ask of the network."""

    def __init__(self, ffmpeg: Path, egress: EgressProxy) -> None:
        self._ffmpeg, self._egress = ffmpeg, egress

    @contextmanager
    def engine(self) -> Iterator[SandboxedEngine]:
        """An engine that is being started, for one call; it ends with the block, whatever it is doing."""
        with SandboxedEngine(self._ffmpeg, self._egress) as engine:
            yield engine


class SandboxedEngine:
    """``make_clip`` and ``make_clips`` like those of ``cutting/engine``, elsewhere. For the thread that made it."""

    def __init__(self, ffmpeg: Path, egress: EgressProxy) -> None:
        self._ffmpeg, self._egress, self._kind = ffmpeg, egress, available()
        self._channel, theirs = socket.socketpair()
        with theirs:
            kind = (self._kind.files, self._kind.network, str(self._kind.namespaces))
            self._process = subprocess.Popen(
                [sys.executable, "-m", "src.services.cutting.sandbox_child", str(theirs.fileno()), *kind],
                cwd=_ROOT,
                env={**ENVIRONMENT, "PYTHONDONTWRITEBYTECODE": "1", "OPENSSL_CONF": os.devnull, **_certificates()},
                stdin=subprocess.PIPE,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.PIPE,
                pass_fds=(theirs.fileno(),),
                process_group=0,
                preexec_fn=dying_with(os.getpid()),
            )

    def __enter__(self) -> SandboxedEngine:
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
        network: NetworkSettings,
        mode: Mode = "exact",
        ffmpeg: Path | None = None,
        monitor: Monitor,
        refresh: Callable[[], ClipSource] | None = None,
        keep: Keep | None = None,
    ) -> ClipReport:
        """One clip; see ``cutting/engine``.

        Raises:
            EngineInterrupted: it did not survive what it read.
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
        network: NetworkSettings,
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
        network: NetworkSettings,
        ffmpeg: Path | None = None,
        monitor: Monitor,
        refresh: Callable[[], ClipSource] | None = None,
    ) -> list[tuple[Path, ClipReport]]:
        """The stretches of a clip, in a child of their own: this one may have ended when they turned out."""
        asked = {"source": source, "wanted": wanted, "folder": folder, "suffix": suffix}
        shared = {"work_dir": work_dir, "network": network, "ffmpeg": ffmpeg}
        with SandboxedEngine(self._ffmpeg, self._egress) as another:
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
        ``refresh``. Raises what it raises, what ``monitor`` and ``refresh`` raise, and EngineInterrupted."""
        task = Task(function, arguments, self._sandbox(reads, writes, proxy), refresh is not None)
        assert self._process.stdin is not None
        try:
            send_task(self._process.stdin, task)
        except BrokenPipeError:
            raise engine_died("it did not start") from None
        with ExitStack() as stack:
            self._answer_there(stack, proxy, monitor)
            made = SandboxChannel(self._process, self._channel, monitor, refresh).run()
        stop_group(self._process)  # what is looked at from here on, nobody changes any more
        return made

    def _sandbox(self, reads: Sequence[Path], writes: Sequence[Path], proxy: str | None) -> SandboxRules:
        """Python and its packages, our code, FFmpeg, the files of the task, and the port of its proxy."""
        python = Path(sys.executable)
        trusted = [Path(path) for path in _certificates().values()]
        return SandboxRules(
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
            raise engine_died(final_output(self._process))


def _one(**arguments: Any) -> list[ClipReport]:
    return [make_one(**arguments)]


def _parts(**arguments: Any) -> list[ClipReport]:
    return [report for _, report in make_stretches(**arguments)]


def _certificates() -> dict[str, str]:
    """The operator's own certificates, where the environment names some: OpenSSL's variables (man 7 openssl-env)."""
    paths = ssl.get_default_verify_paths()
    found = {paths.openssl_cafile_env: paths.cafile, paths.openssl_capath_env: paths.capath}
    return {name: path for name, path in found.items() if path and path != paths.openssl_cafile}
