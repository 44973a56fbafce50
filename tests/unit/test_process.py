"""A child that asked for it ends with its parent, also when the parent was gone before it could ask."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

from src.utils.process import BACKGROUND_NICENESS, dying_with
from tests.tools.waiting import eventually

PARENT = """
import os, subprocess
from src.utils.process import BACKGROUND_NICENESS, dying_with
child = subprocess.Popen(["sleep", "60"], stdout=subprocess.DEVNULL, preexec_fn=dying_with(os.getpid()))
print(child.pid, flush=True)
child.wait()
"""


def test_a_child_ends_with_its_killed_parent() -> None:
    root = Path(__file__).parents[2]
    parent = subprocess.Popen([sys.executable, "-c", PARENT], stdout=subprocess.PIPE, text=True, cwd=root)
    assert parent.stdout is not None
    child = Path("/proc") / parent.stdout.readline().strip()
    assert child.exists()
    parent.kill()
    parent.wait()
    parent.stdout.close()
    eventually(lambda: not child.exists() or (child / "stat").read_text().rsplit(")", 1)[1].split()[0] == "Z")


def test_a_child_whose_parent_is_already_gone_does_not_begin() -> None:
    gone = subprocess.Popen(["true"])
    gone.wait()
    orphan = subprocess.Popen(["sleep", "60"], preexec_fn=dying_with(gone.pid))
    assert orphan.wait(timeout=60) == -signal.SIGKILL
    assert subprocess.run(["true"], preexec_fn=dying_with(os.getpid()), check=False).returncode == 0


def test_who_stands_back_is_nice_and_so_are_its_children() -> None:
    script = (
        "import os, subprocess, sys; from src.utils.process import stand_back; os.nice(3); stand_back(); stand_back();"
        "show = 'import os; print(os.nice(0), os.sched_getscheduler(0))';"
        "subprocess.run([sys.executable, '-c', show], check=True)"
    )
    began = os.nice(0)
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout.split() == [str(max(BACKGROUND_NICENESS, began + 3)), str(os.SCHED_BATCH)]


def test_who_stands_back_can_have_no_real_time_priority_nor_can_its_children() -> None:
    ask = (
        "import os\ntry: os.sched_setscheduler(0, os.SCHED_FIFO, os.sched_param(99)); print('real time')\n"
        "except PermissionError: print('refused')\n"
    )
    script = f"import subprocess, sys\nfrom src.utils.process import stand_back\nstand_back()\nask = {ask!r}\n"
    script += "exec(ask, {})\nsys.stdout.flush()\nsubprocess.run([sys.executable, '-c', ask], check=True)\n"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["refused", "refused"]


LIMITED = """
import os, resource
from src.utils.process import use_at_most
resource.setrlimit(resource.RLIMIT_CORE, (5, 5))
if os.geteuid() == 0:
    os.setuid(65534)  # root may raise what others may not
use_at_most(resource.RLIMIT_CORE, 10)
use_at_most(resource.RLIMIT_FSIZE, 1000)
print(resource.getrlimit(resource.RLIMIT_CORE), resource.getrlimit(resource.RLIMIT_FSIZE))
"""


def test_a_limit_of_the_system_that_is_lower_stays() -> None:
    root = Path(__file__).parents[2]
    done = subprocess.run([sys.executable, "-c", LIMITED], capture_output=True, text=True, cwd=root, check=False)
    assert done.stdout.strip() == "(5, 5) (1000, 1000)", done.stderr
