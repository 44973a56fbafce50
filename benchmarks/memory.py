"""How much memory the service takes at rest, by process, and what its start costs.

``python -m benchmarks.memory``: starts the whole service with its embedded stores on a free port of this machine,
waits, and prints the proportional set size (PSS) of each program: what is private to its processes, and their parts of
what they share. Files that are mapped, which are mostly libraries, have a row of their own and count once, because
other programs on this machine may map them as well. The sum is what the service takes from an idle machine. No job is
run.
"""

from __future__ import annotations

import argparse
import os
import re
import time
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from tests.tools.live_service import LiveService, descendants, running_service

# Words in the command lines of the processes, the more exact ones first.
_PROGRAMS = {
    "cutting.template": "template",
    "mongod": "MongoDB",
    "valkey": "Valkey",
    "src.scheduler": "scheduler",
    "gunicorn": "API",
    "downloads": "workers: downloads",
    "encodes": "workers: encodes",
    "captures": "worker: captures",
    "metadata": "worker: metadata",
    "start_server": "launcher",
}
_MAPPING = re.compile(r"[0-9a-f]+-[0-9a-f]+ \S+ (?P<offset>\S+) \S+ \S+ *(?P<path>/.*)?")
# Of /proc/PID/stat behind the name: utime, stime, cutime and cstime, in clock ticks (man 5 proc).
_TIMES = slice(11, 15)


@dataclass(frozen=True)
class Size:
    """The memory of one process in kB without mapped files: ``pss``, and ``private`` of it."""

    pss: int
    private: int


def main() -> None:
    """Measure and print."""
    options = argparse.ArgumentParser()
    options.add_argument("--seconds", type=float, default=60, help="how long the service rests before (60)")
    chosen = options.parse_args()
    started = time.monotonic()
    with running_service({"YTDLP_PROXY": "http://127.0.0.1:9"}) as service:
        wall = time.monotonic() - started
        print(f"start to ready line: {wall:.1f} s, of the processors {processor_seconds(service):.1f} s")
        time.sleep(chosen.seconds)
        print_table(*measure(service))


def processor_seconds(service: LiveService) -> float:
    """What all processes of the service have used so far, which does not depend on what else runs here."""
    return sum(processor_seconds_of(pid) for pid in [service.pid, *descendants(service.pid)])


def processor_seconds_of(pid: int) -> float:
    """What a process has used so far, with its children that have been waited for."""
    stat = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    return sum(map(int, stat[_TIMES])) / os.sysconf("SC_CLK_TCK")


def measure(service: LiveService) -> tuple[dict[str, list[Size]], int]:
    """The sizes of all processes of the service, by program, and that of the files that they map, in kB."""
    found: defaultdict[str, list[Size]] = defaultdict(list)
    files: dict[str, int] = {}
    for pid in [service.pid, *descendants(service.pid)]:
        try:
            maps = Path(f"/proc/{pid}/smaps").read_text()
            rollup = Path(f"/proc/{pid}/smaps_rollup").read_text()
            command = Path(f"/proc/{pid}/cmdline").read_text().replace("\0", " ")
        except OSError:  # it has ended meanwhile
            continue
        lines = {line.split(":")[0]: int(line.split()[1]) for line in rollup.splitlines()[1:]}
        program = next((name for word, name in _PROGRAMS.items() if word in command), "other")
        found[program].append(Size(lines["Pss_Anon"] + lines["Pss_Shmem"], lines["Private_Dirty"]))
        for place, kilobytes in mapped_files(maps):
            files[place] = max(files.get(place, 0), kilobytes)
    return found, sum(files.values())


def mapped_files(maps: str) -> Iterator[tuple[str, int]]:
    """Each part of a file that is in memory, and its size in kB without the pages that the process has changed."""
    place, resident = "", 0
    for line in maps.splitlines():
        if header := _MAPPING.fullmatch(line):
            place = f"{header['path']}@{header['offset']}" if header["path"] else ""
        elif place and line.startswith("Rss:"):
            resident = int(line.split()[1])
        elif place and line.startswith("Anonymous:"):
            yield place, resident - int(line.split()[1])


def print_table(found: dict[str, list[Size]], files: int) -> None:
    """One row for each program, one for the files, and the sum."""
    print("\n| program | processes | PSS MB | of it private |\n|---|---|---|---|")
    for program, sizes in sorted(found.items(), key=lambda item: -sum(size.pss for size in item[1])):
        pss, private = sum(size.pss for size in sizes), sum(size.private for size in sizes)
        print(f"| {program} | {len(sizes)} | {pss / 1024:.0f} | {private / 1024:.0f} |")
    every = [size for sizes in found.values() for size in sizes]
    print(f"| mapped files | | {files / 1024:.0f} | |")
    print(f"| all | {len(every)} | {(sum(size.pss for size in every) + files) / 1024:.0f} | |")


if __name__ == "__main__":
    main()
