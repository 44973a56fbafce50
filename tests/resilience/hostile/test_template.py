"""Children that are forks of the template are in the same sandbox as programs, and end with whoever they belong to."""

from __future__ import annotations

import logging
import os
import random
import signal
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

import av
import pytest

from src.errors import Busy, EngineInterrupted, MediaInvalid
from src.launcher import template as launcher_template
from src.launcher.processes import Child
from src.launcher.template import SOCKET_VARIABLE, ensure_template, with_template
from src.models.media_source import NetworkSettings
from src.models.progress import SilentMonitor
from src.services.cutting import sandbox
from src.services.cutting.sandbox import EngineSandbox, SandboxedEngine
from src.services.egress.policy import Policy
from src.services.egress.proxy import EgressProxy
from src.services.media import probe as probing
from src.services.media.child import ProbeLimits
from src.services.media.probe import SCAN_LIMITS, WaitingProbe, examine, poster, probe
from src.utils import template as requests
from src.utils.sandbox import available
from src.utils.template import ForkedChild, fork_child, use_template
from tests.resilience.hostile import forked, sandboxed
from tests.resilience.hostile.test_engine_sandbox import Place, clip_of, place, run
from tests.tools.live_service import ROOT
from tests.tools.media_kit import FFMPEG, Film, cached_film, first_last
from tests.tools.template import running_template
from tests.tools.waiting import HANG_SECONDS, eventually

pytestmark = [pytest.mark.slow, pytest.mark.skipif(sys.platform != "linux", reason="the template needs Linux")]
__all__ = ["place"]
FILM = Film()


@pytest.fixture(scope="module")
def template() -> Iterator[subprocess.Popen[bytes]]:
    """One that also forks the children of these tests."""
    with running_template(forked.__name__) as running:
        yield running


@pytest.fixture
def hostile(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sandbox, "CHILD", sandboxed.__name__)


@pytest.fixture
def engine(template: subprocess.Popen[bytes], hostile: None) -> Iterator[SandboxedEngine]:
    with EngineSandbox(Path(FFMPEG), EgressProxy(Policy())).engine() as started:
        assert isinstance(started._process, ForkedChild)
        yield started


def state(pid: int) -> str:
    """The state of a process (man 5 proc), nothing once it is gone."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0]
    except OSError:
        return ""


def gone(pid: int) -> bool:
    return state(pid) in ("", "Z", "X")


# --- the sandbox ------------------------------------------------------------------------------------------------------


@pytest.mark.skipif(str(available()) != "files: landlock, network: namespace", reason="this kernel has less")
def test_nothing_outside_can_be_read_written_listed_called_or_started(engine: SandboxedEngine, place: Place) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        listener.settimeout(0)
        given = {"outside": str(place.outside), "work": str(place.work), "port": listener.getsockname()[1]}
        (report,) = run(engine, "misbehave", place, **given)
        with pytest.raises(BlockingIOError):
            listener.accept()
    told = dict(note.text.split(": ", 1) for note in report.notes)
    assert told.pop("own file") == "done"
    assert set(told.pop("environment").strip("[]").replace("'", "").split(", ")) == set(requests.template_environment())
    assert "done" not in told.values(), told


def test_a_fork_has_nothing_of_the_template_or_of_another_job(engine: SandboxedEngine, place: Place) -> None:
    with EngineSandbox(Path(FFMPEG), EgressProxy(Policy())).engine():  # another job
        (report,) = run(engine, "belongings", place)
    kinds = sorted(note.text.split(":")[0] for note in report.notes)
    assert kinds == ["/dev/null", "pipe", "pipe", "socket", "socket"], "its outputs, its task, its channel, its life"


def test_a_fork_loads_nothing_of_its_parent(engine: SandboxedEngine, place: Place) -> None:
    (report,) = run(engine, "modules", place)
    loaded = {note.text for note in report.notes}
    assert not loaded & {"src.config", "src.services.cutting.sandbox", "src.services.cutting.cutter", "src.launcher"}
    assert not {name.split(".")[0] for name in loaded} & {"yt_dlp", "pymongo", "flask", "celery", "redis"}
    assert not [name for name in loaded if name.startswith("src.services.egress")]


@pytest.mark.parametrize("act", ["die", "lie"])
def test_a_fork_that_dies_or_lies_is_told(engine: SandboxedEngine, place: Place, act: str) -> None:
    with pytest.raises(EngineInterrupted):
        run(engine, act, place, **({"what": "nonsense\n"} if act == "lie" else {}))


@pytest.mark.parametrize("name", ["h264-sidx", "vp9-webm"])
def test_a_clip_comes_out_exact(template: subprocess.Popen[bytes], place: Place, name: str) -> None:
    assert first_last(clip_of(name, place)) == (83, 218)


def test_forks_do_not_share_their_random_numbers(template: subprocess.Popen[bytes]) -> None:
    told = set()
    for _ in range(2):
        child = fork_child(forked.DICE, stdout=True)
        assert child is not None
        told.add(child.communicate(b"", 60, 1000)[0])
        child.close()
    assert len(told) == 2 and all(told)


def test_the_probe_answers_the_same_with_the_same_limits(
    template: subprocess.Popen[bytes], place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    film = cached_film(FILM)
    broken = place.work / "broken.mp4"
    broken.write_bytes(b"nothing" * 1000)
    asked: list[ForkedChild | None] = []
    original = fork_child

    def counted(*given: object, **also: object) -> ForkedChild | None:
        asked.append(original(*given, **also))  # type: ignore[arg-type]
        return asked[-1]

    monkeypatch.setattr(probing, "fork_child", counted)
    forked_answers = (examine(film, check=True), probe(film), poster(film))
    for limits, error in ((ProbeLimits(wall_seconds=0), Busy), (ProbeLimits(memory_bytes=1), MediaInvalid)):
        with pytest.raises(error):
            probe(film, limits=limits)
    with pytest.raises(MediaInvalid, match="not a video"):
        probe(broken)
    assert len(asked) == 6 and None not in asked
    monkeypatch.setattr(requests, "_used", [])
    assert (examine(film, check=True), probe(film), poster(film)) == forked_answers


def waiting_children(waiting: WaitingProbe) -> list[ForkedChild]:
    children = [child for child in waiting._starting.result() if child is not None]
    assert len(children) == 2
    return children


def test_children_that_wait_read_one_file_and_their_death_costs_nothing(template: subprocess.Popen[bytes]) -> None:
    film = cached_film(FILM)
    with WaitingProbe() as waiting:
        children = waiting_children(waiting)
        assert not any(gone(child.pid) for child in children)
        assert examine(film, check=True, waiting=waiting) == examine(film, check=True, waiting=waiting)
        assert not waiting._starting.result() and [child.returncode for child in children] == [0, 0], "each was used"
    for dead in (0, 1):
        with WaitingProbe() as waiting:
            child = waiting_children(waiting)[dead]
            child.kill()
            child.wait(HANG_SECONDS)
            assert examine(film, check=True, waiting=waiting) == examine(film, check=True)
    with WaitingProbe() as unused:
        pids = [child.pid for child in waiting_children(unused)]
    eventually(lambda: not any(map(state, pids)))


def test_two_processes_find_what_one_finds(template: subprocess.Popen[bytes], tmp_path: Path) -> None:
    """In a whole file, and in files whose audio, key frame or last group of pictures is damaged."""
    film = cached_film(FILM)
    with av.open(str(film)) as opened:
        read = [(each.stream.type, each.is_keyframe, each.pos or 0, each.size) for each in opened.demux() if each.size]
    heard = [(begin, size) for kind, _, begin, size in read if kind == "audio"]
    pictures = [(begin, size) for kind, _, begin, size in read if kind == "video"]
    keys = [(begin, size) for kind, key, begin, size in read if kind == "video" and key]
    last_group = pictures[pictures.index(keys[-1]) :]
    damages = {"none": [], "audio": heard[20:30], "key frame": keys[1:2], "last group": last_group}
    found: dict[str, int] = {}
    for name, damaged in damages.items():
        path = tmp_path / f"{name}.mp4"
        data = bytearray(film.read_bytes())
        for begin, size in damaged:
            data[begin : begin + size] = b"\xff" * size
        path.write_bytes(data)
        with WaitingProbe() as waiting:
            by_two = examine(path, check=True, waiting=waiting)
        assert by_two == examine(path, check=True), name
        found[name] = by_two[1].errors
    assert found["none"] == 0 and found["audio"] > 0 and found["last group"] > 0


def test_what_one_process_refuses_ends_the_other_one(template: subprocess.Popen[bytes], tmp_path: Path) -> None:
    broken = tmp_path / "broken.mp4"
    broken.write_bytes(b"no film")
    with WaitingProbe() as waiting:
        pids = [child.pid for child in waiting_children(waiting)]
        with pytest.raises(MediaInvalid, match="not a video"):
            examine(broken, check=True, waiting=waiting)
    eventually(lambda: not any(map(state, pids)))


# --- the ends ---------------------------------------------------------------------------------------------------------

WORKER = """
import sys
from pathlib import Path
from src.models.media_source import NetworkSettings
from src.models.progress import SilentMonitor
from src.services.cutting import sandbox
from src.services.egress.policy import Policy
from src.services.egress.proxy import EgressProxy
from tests.resilience.hostile import sandboxed
from src.utils.template import use_template
sandbox.CHILD = sandboxed.__name__
use_template(int(sys.argv[3]))
work = Path(sys.argv[1])
with sandbox.EngineSandbox(Path(sys.argv[2]), EgressProxy(Policy())).engine() as engine:
    order = sandboxed.order_to("stall", work, NetworkSettings(), work=str(work))
    engine.run("clip", order, SilentMonitor())
"""


def stalled(place: Place) -> tuple[subprocess.Popen[bytes], int, int]:
    """A worker whose engine and its FFmpeg never end by themselves, and the ids of these two."""
    number = requests._used[0]._requests.fileno()
    worker = subprocess.Popen(
        [sys.executable, "-c", WORKER, str(place.work), FFMPEG, str(number)],
        cwd=ROOT,
        pass_fds=(number,),
        stderr=subprocess.DEVNULL,
    )
    pids = place.work / "pids"
    eventually(pids.exists)
    child, ffmpeg = map(int, pids.read_text().split())
    eventually((place.work / "endless.nut").exists)
    assert not gone(child) and not gone(ffmpeg)
    return worker, child, ffmpeg


@pytest.mark.parametrize("stopped", [False, True])
def test_a_fork_and_its_ffmpeg_end_with_the_worker(
    template: subprocess.Popen[bytes], place: Place, stopped: bool
) -> None:
    worker, child, ffmpeg = stalled(place)
    assert parent(child) == template.pid, "it is a fork of the template"
    if stopped:  # the kernel ends it, without help of the template
        template.send_signal(signal.SIGSTOP)
    worker.kill()
    worker.wait()
    eventually(lambda: gone(child) and gone(ffmpeg))
    template.send_signal(signal.SIGCONT)
    eventually(lambda: not state(child))  # the template leaves no zombie
    assert template.poll() is None


@pytest.mark.parametrize("both", [False, True])
def test_a_fork_and_its_ffmpeg_end_with_the_template_and_programs_replace_it(
    hostile: None, place: Place, caplog: pytest.LogCaptureFixture, both: bool
) -> None:
    with running_template(forked.__name__) as template:
        worker, child, ffmpeg = stalled(place)
        for process in (worker, template)[not both :]:
            process.kill()
        eventually(lambda: gone(child) and gone(ffmpeg))
        assert worker.wait(60) != 0  # where only the template was killed, it was told
        template.wait()
        if not both:
            with caplog.at_level(logging.WARNING):
                program_runs(place)
            assert "programs are started instead" in caplog.text


def parent(pid: int) -> int:
    return int(Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[1])


def test_a_fork_ends_when_its_engine_is_closed_and_leaves_no_zombie(
    template: subprocess.Popen[bytes], hostile: None, place: Place
) -> None:
    with EngineSandbox(Path(FFMPEG), EgressProxy(Policy())).engine() as engine:
        child = engine._process.pid
        assert not gone(child)
    eventually(lambda: not state(child))


# --- without a template -----------------------------------------------------------------------------------------------


def program_runs(place: Place) -> None:
    """A cut and a probe by programs that start from nothing."""
    film = cached_film(FILM)
    with EngineSandbox(Path(FFMPEG), EgressProxy(Policy())).engine() as engine:
        assert isinstance(engine._process, subprocess.Popen)
        order = sandboxed.order_to("modules", place.work, NetworkSettings())
        assert engine.run("clip", order, SilentMonitor())
    assert examine(film)[0].main_video is not None


def test_a_process_that_escaped_from_its_fork_ends_with_the_job(engine: SandboxedEngine, place: Place) -> None:
    run(engine, "escape", place, work=str(place.work))
    escaped = int((place.work / "pids").read_text())
    engine.__exit__()
    eventually(lambda: gone(escaped))


def test_a_template_that_hangs_is_replaced_by_programs_after_one_wait(
    template: subprocess.Popen[bytes], hostile: None, place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    waits = []
    original: Callable[..., tuple[int, int]] = requests._started

    def counted(answers: socket.socket) -> tuple[int, int]:
        waits.append(answers)
        return original(answers)

    monkeypatch.setattr(requests, "_ANSWER_SECONDS", 0.05)
    monkeypatch.setattr(requests, "_REST_SECONDS", HANG_SECONDS)
    monkeypatch.setattr(requests, "_started", counted)
    template.send_signal(signal.SIGSTOP)
    try:
        program_runs(place)
        assert len(waits) == 1
    finally:
        template.send_signal(signal.SIGCONT)
        requests._used[0]._not_before = 0.0


@pytest.mark.parametrize("number", ["", "nonsense", "99999", "0"])
def test_a_variable_that_leads_to_no_template_is_ignored(monkeypatch: pytest.MonkeyPatch, number: str) -> None:
    monkeypatch.setattr(requests, "_used", [])
    monkeypatch.setenv(SOCKET_VARIABLE, number)
    ensure_template()
    assert fork_child(sandboxed.__name__) is None


def test_a_program_that_the_template_does_not_have_is_started(
    template: subprocess.Popen[bytes], monkeypatch: pytest.MonkeyPatch
) -> None:
    assert fork_child("os") is None
    assert fork_child(sandboxed.__name__, ("none", "none", "0")) is not None, "it goes on"


# --- what the template holds ------------------------------------------------------------------------------------------


def test_no_secret_descriptor_or_job_is_in_the_template(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    secret, job = (f"{random.getrandbits(128):032x}" for _ in range(2))
    monkeypatch.setenv("JWT_SECRET_KEY", secret)
    monkeypatch.setattr(requests, "_used", [])
    earlier = _packet_sockets()
    with (place.outside / "secret").open() as opened, with_template([]) as (spec,):
        (other_end,) = _packet_sockets() - earlier - set(spec.pass_fds)
        os.set_inheritable(opened.fileno(), True)
        child = Child(spec)
        child.start()
        try:
            use_template(other_end)
            film = place.work / f"{job}.mp4"
            film.write_bytes(cached_film(FILM).read_bytes())
            answered(child)
            assert probe(film).main_video is not None
            assert child.process is not None
            folder = Path(f"/proc/{child.process.pid}")
            names = {line.split("=")[0] for line in (folder / "environ").read_text().split("\0") if line}
            assert names == set(requests.template_environment())
            eventually(lambda: held(folder) == ["anon_inode", "socket"])
            assert list((folder / "task").iterdir()) == [folder / "task" / folder.name], "one thread"
            content = memory(folder)
            assert b"die_with_peer" in content, "the search finds what is there"
            assert secret.encode() not in content and job.encode() not in content
        finally:
            child.sweep()


def answered(template: Child) -> None:
    """Wait until it answers; requests themselves do not wait so long."""
    with pytest.MonkeyPatch.context() as patient:
        patient.setattr(requests, "_ANSWER_SECONDS", HANG_SECONDS)
        assert fork_child("no such program") is None
    assert template.alive()


def held(process: Path) -> list[str]:
    """The kinds of its descriptors but the standard ones, without their numbers."""
    found = []
    for each in (process / "fd").iterdir():
        with suppress(FileNotFoundError):  # closed meanwhile
            if int(each.name) > 2:
                found.append(str(each.readlink()).split(":")[0])
    return sorted(found)


def _packet_sockets() -> set[int]:
    """The descriptors of this process that are such sockets as the template uses."""
    return {int(each.name) for each in Path("/proc/self/fd").iterdir() if _is_packet_socket(int(each.name))}


def _is_packet_socket(number: int) -> bool:
    try:
        with socket.socket(fileno=os.dup(number)) as opened:
            return opened.type == socket.SOCK_SEQPACKET
    except OSError:
        return False


def memory(folder: Path) -> bytes:
    """All that a process has written in its memory."""
    parts = []
    with (folder / "mem").open("rb", buffering=0) as source:
        for line in (folder / "maps").read_text().splitlines():
            places, rights, *_ = line.split()
            if rights.startswith("rw") and "[v" not in line:
                start, end = (int(part, 16) for part in places.split("-"))
                source.seek(start)
                parts.append(source.read(end - start))
    return b"".join(parts)


def test_a_worker_by_itself_starts_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(requests, "_used", [])
    monkeypatch.delenv(SOCKET_VARIABLE, raising=False)
    monkeypatch.setattr(requests, "_ANSWER_SECONDS", HANG_SECONDS)
    ensure_template()
    try:
        fork = fork_child(probing.FORK, ("none", "none", "0"))
        assert fork is not None
        fork.close()
        ensure_template()
        assert len(launcher_template._started) == 1, "one is enough"
    finally:
        launcher_template._started.pop().kill()


def test_the_limits_of_a_file_are_those_of_its_fork_alone(template: subprocess.Popen[bytes]) -> None:
    assert examine(cached_film(FILM))[0].main_video is not None
    limits = Path(f"/proc/{template.pid}/limits").read_text()
    assert f"{SCAN_LIMITS.memory_bytes}" not in limits
