"""The supervisor with small stand-ins for the service: start, restart, giving up, and the order of the end."""

from __future__ import annotations

import os
import signal
import sys
import time
from pathlib import Path

import pytest

from src.launcher.problems import ChildFailed, SettingsUnusable
from src.launcher.processes import ChildSpec, Stage
from src.launcher.readiness import ReadySocket, notify_ready
from src.launcher.supervisor import QUICK_DEATHS, Supervisor
from tests.tools.waiting import eventually

SLEEP = ("sleep", "60")


def python(code: str, *arguments: object) -> tuple[str, ...]:
    return (sys.executable, "-S", "-c", code, *map(str, arguments))


def child(name: str, argv: tuple[str, ...], stage: Stage = Stage.WORKERS, **fields: object) -> ChildSpec:
    return ChildSpec(name=name, argv=argv, stage=stage, **fields)  # type: ignore[arg-type]


def running(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] != "Z"
    except OSError:
        return False


def test_a_dead_child_begins_again() -> None:
    supervisor = Supervisor([child("one", SLEEP), child("two", SLEEP)], first_pause_seconds=0.01)
    try:
        supervisor.start()
        before = supervisor.pids
        os.kill(before["one"], signal.SIGKILL)
        eventually(lambda: (supervisor.tend(), supervisor.pids.get("one") not in (None, before["one"]))[1])
        assert supervisor.pids["two"] == before["two"]
    finally:
        supervisor.stop()
    assert not any(running(pid) for pid in (before["two"], *supervisor.pids.values()))


def test_a_child_that_dies_at_once_every_time_is_given_up(tmp_path: Path) -> None:
    flag = tmp_path / "broken"
    lives_until_flag = python(
        "import os,sys,time\nwhile not os.path.exists(sys.argv[1]): time.sleep(.01)\nsys.exit('no licence')", flag
    )
    log = tmp_path / "log"
    supervisor = Supervisor([child("fragile", lives_until_flag, output=log)], first_pause_seconds=0.001)
    try:
        supervisor.start()
        flag.touch()
        with pytest.raises(ChildFailed, match=r"fragile ended with exit code 1, 6 times in a row(.|\n)*no licence"):
            eventually(lambda: (supervisor.tend(), False)[1])
    finally:
        supervisor.stop()


def test_a_child_that_somebody_kills_again_and_again_is_not_given_up() -> None:
    supervisor = Supervisor([child("struck", SLEEP)], first_pause_seconds=0.001)
    seen: set[int] = set()
    try:
        supervisor.start()
        while len(seen) < QUICK_DEATHS + 3:
            eventually(lambda: (supervisor.tend(), supervisor.pids.get("struck", 0) not in {0, *seen})[1])
            seen.add(supervisor.pids["struck"])
            os.kill(supervisor.pids["struck"], signal.SIGKILL)
    finally:
        supervisor.stop()
    assert not any(running(pid) for pid in seen)


def test_a_child_that_cannot_start_is_told_with_its_last_words(tmp_path: Path) -> None:
    exits = python("import sys; sys.exit('port taken')")
    broken = child("broken", exits, ready=lambda: False, output=tmp_path / "log")
    supervisor = Supervisor([child("fine", SLEEP), broken])
    with pytest.raises(ChildFailed, match=r"broken ended with exit code 1 while starting(.|\n)*port taken"):
        supervisor.start()
    fine = supervisor.pids["fine"]
    supervisor.stop()
    assert not running(fine)


def test_a_child_that_cannot_use_its_settings_is_given_up_at_once(tmp_path: Path) -> None:
    log = tmp_path / "log"
    once = python("import sys; print('SURFACES: backed', flush=True); sys.exit(2)")
    supervisor = Supervisor([child("strict", once, ready=lambda: False, output=log)])
    with pytest.raises(SettingsUnusable, match=r"strict ended with exit code 2 while starting(.|\n)*SURFACES") as ended:
        supervisor.start()
    assert ended.value.exit_code == 2

    flag = tmp_path / "changed"
    later = python("import os,sys,time\nwhile not os.path.exists(sys.argv[1]): time.sleep(.01)\nsys.exit(2)", flag)
    supervisor = Supervisor([child("strict", later)])
    supervisor.start()
    flag.touch()
    with pytest.raises(SettingsUnusable, match=r"strict ended with exit code 2\."):
        eventually(lambda: (supervisor.tend(), False)[1])


def test_a_service_starts_and_goes_on_without_an_optional_child() -> None:
    unusable = child("optional", python("raise SystemExit(2)"), optional=True, ready=lambda: False)
    supervisor = Supervisor([unusable, child("needed", SLEEP)], first_pause_seconds=0.001)
    try:
        supervisor.start(timeout_seconds=30)
        ended = supervisor._children[0]
        eventually(lambda: (supervisor.tend(), ended.quick_deaths > QUICK_DEATHS)[1])
        assert "needed" in supervisor.pids
    finally:
        supervisor.stop()


def test_a_child_that_is_never_ready_is_not_waited_for_for_ever() -> None:
    supervisor = Supervisor([child("slow", SLEEP, ready=lambda: False)])
    try:
        with pytest.raises(ChildFailed, match="Not ready in time: slow"):
            supervisor.start(timeout_seconds=0.2)
    finally:
        supervisor.stop()


def test_a_slow_machine_gets_the_time_that_it_needs(monkeypatch: pytest.MonkeyPatch) -> None:
    passed, clock = [0.0], time.monotonic
    monkeypatch.setattr(time, "monotonic", lambda: clock() + passed[0])

    def take(seconds: float) -> None:
        passed[0] += seconds

    def ready_late() -> bool:
        take(200)
        return next(second)

    first, second = iter([False, True]), iter([False, False, False, True])
    store = child("store", SLEEP, Stage.STORES, ready=lambda: next(first))
    worker = child("worker", SLEEP, ready=ready_late)
    other = child("other", SLEEP, ready=lambda: True)
    supervisor = Supervisor([store, worker, other])
    try:
        # The functions take longer than the limit, and the children together as well.
        supervisor.start(500, while_stores_start=lambda: take(600), once_stores_answer=lambda: take(600))
        assert set(supervisor.pids) == {"store", "worker", "other"}
    finally:
        supervisor.stop()


def test_children_are_stopped_in_order_api_first_stores_last(tmp_path: Path) -> None:
    diary = tmp_path / "diary"
    writes_when_stopped = """
import os, signal, sys, time
def stop(*_):
    time.sleep(.1)
    with open(sys.argv[1], "a") as diary: diary.write(sys.argv[2] + "\\n")
    os._exit(0)
signal.signal(signal.SIGTERM, stop)
open(sys.argv[1] + "." + sys.argv[2], "w").close()
while True: signal.pause()
"""
    names = {"store": Stage.STORES, "api": Stage.API, "worker": Stage.WORKERS}
    supervisor = Supervisor(
        [
            child(
                name,
                python(writes_when_stopped, diary, name),
                stage,
                ready=Path(f"{diary}.{name}").exists,
            )
            for name, stage in names.items()
        ]
    )
    supervisor.start()
    supervisor.stop()
    assert diary.read_text().split() == ["api", "worker", "store"]


def test_a_child_that_ignores_the_wish_is_killed_with_its_own_children(tmp_path: Path) -> None:
    note = tmp_path / "pid"
    stubborn = """
import signal, subprocess, sys, time
signal.signal(signal.SIGTERM, signal.SIG_IGN)
grandchild = subprocess.Popen(["sleep", "60"])
with open(sys.argv[1] + ".new", "w") as note: note.write(str(grandchild.pid))
__import__("os").rename(sys.argv[1] + ".new", sys.argv[1])
time.sleep(60)
"""
    supervisor = Supervisor([child("stubborn", python(stubborn, note), ready=note.exists, stop_seconds=0.2)])
    supervisor.start()
    pids = [*supervisor.pids.values(), int(note.read_text())]
    supervisor.stop()
    eventually(lambda: not any(running(pid) for pid in pids))


def test_a_child_is_ready_when_it_says_so() -> None:
    said = ReadySocket()
    try:
        assert not said.ready()
        notify_ready(said.address)
        assert said.ready()
        assert said.ready(), "what was said stays said"
        notify_ready(None)  # nobody asked: nothing happens
        notify_ready("@nobody-listens-here")
    finally:
        said.close()
