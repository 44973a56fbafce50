"""After a storm: what was lost, made twice, spoilt or left behind, and how long recovery took."""

from __future__ import annotations

import re
import time
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

from src.models.video import Status
from src.services.file_store import MARKS, SHARED_FOLDER
from tests.resilience.storm.customers import Customers
from tests.resilience.storm.storm import Storm
from tests.resilience.storm.victims import Kind, belongs_to, look, victims
from tests.resilience.storm.watch import Life, Watch
from tests.tools.live_service import LiveService, descendants

_ENDED = re.compile(r"src\.services\.jobs\.finishing: job ([0-9a-f]{24}) is completed after")
_ALARMS = ("failed unexpectedly", "raised unexpected")
_SECRETS = re.compile(r"eyJ[\w-]{5,}\.[\w-]{5,}\.|[?&]sig=(?!\[redacted\])|SecurePass")


@dataclass(slots=True)
class Verdict:
    """What a storm has left. Lists hold a line for each case; recovery times are seconds.

    ``claimed``: from the strike until another attempt began or the job had ended. ``ended``: until it had ended.
    ``healthy``: from the death of a store until ``/api/health`` says healthy.
    """

    seed: int
    strikes: Counter[str] = field(default_factory=Counter)
    signals: Counter[str] = field(default_factory=Counter)
    jobs: int = 0
    completed: int = 0
    failures: Counter[str] = field(default_factory=Counter)
    lost: list[str] = field(default_factory=list)
    twice: list[str] = field(default_factory=list)
    corrupt: list[str] = field(default_factory=list)
    orphans: list[str] = field(default_factory=list)
    leaks: list[str] = field(default_factory=list)
    """Lines of the log with a token, a signature or a password in them."""
    alarms: list[str] = field(default_factory=list)
    claimed: list[float] = field(default_factory=list)
    ended: list[float] = field(default_factory=list)
    healthy: list[float] = field(default_factory=list)
    unanswered: list[str] = field(default_factory=list)
    """Orders that the service did not take within a minute: nothing was promised."""
    stumbles: int = 0
    """Requests that had to be sent again."""
    seconds: float = 0
    evidence: str = ""
    """The log, when something is bad."""

    @property
    def bad(self) -> list[str]:
        """All that must not be."""
        named = {"lost": self.lost, "twice": self.twice, "corrupt": self.corrupt, "orphan": self.orphans}
        named["leak"] = self.leaks
        return [f"{name}: {each}" for name, found in named.items() for each in found]


def judge(service: LiveService, watch: Watch, customers: Customers, storm: Storm, seed: int, mark: str) -> Verdict:
    """Look at everything that a storm has left, once it is quiet again (and until then no longer than two minutes)."""
    verdict = Verdict(seed)
    verdict.strikes = Counter(strike.kind.value for strike in storm.strikes)
    verdict.signals = Counter(strike.signal.name for strike in storm.strikes)
    verdict.lost += storm.broken
    verdict.unanswered = storm.unanswered
    if not watch.quiet(120):
        verdict.lost += [f"{job_id} has not ended: {watch.lives[job_id].record}" for job_id in watch.open_jobs()]
    lives = watch.lives
    _lost(verdict, customers, lives)
    _twice(verdict, service, lives)
    _recovery(verdict, storm, lives, watch)
    _orphans(verdict, service, storm, lives, mark)
    for order in customers.orders:
        life = lives.get(order.job_id)
        if life is not None and life.record["status"] == Status.COMPLETED:
            wrong = customers.fetch(order, service.folder)
            if wrong is not None:
                verdict.corrupt.append(f"{order.kind} {order.job_id}: {wrong}")
    log = _log(service).splitlines()
    verdict.leaks = [line for line in log if _SECRETS.search(line)]
    verdict.alarms = [line for line in log if any(alarm in line for alarm in _ALARMS)]
    return verdict


def _lost(verdict: Verdict, customers: Customers, lives: dict[str, Life]) -> None:
    for order in customers.orders:
        life = lives.get(order.job_id)
        if life is None or not life.ends or life.ends[-1][0] == "vanished":
            verdict.lost.append(f"{order.kind} {order.job_id}: {life.record if life else 'no record'}")
    for job_id, life in lives.items():
        if not life.ends or life.ends[-1][0] == "vanished":
            continue  # it was never begun, or the order was taken back when the answer to it was an error
        verdict.jobs += 1
        if life.record["status"] == Status.COMPLETED:
            verdict.completed += 1
            continue
        code = life.record.get("error_code") or life.record["status"]
        verdict.failures[code] += 1
        if code in ("INTERNAL_ERROR", Status.CANCELLED):
            verdict.lost.append(f"{life.kind} {job_id} ended as {code}, which says nothing")


def _twice(verdict: Verdict, service: LiveService, lives: dict[str, Life]) -> None:
    for job_id, life in lives.items():
        done = [end for end in life.ends if end[0] != "vanished"]
        if len(done) > 1:
            verdict.twice.append(f"{life.kind} {job_id} ended {len(done)} times: {done}")
    told = Counter(_ENDED.findall(_log(service)))
    verdict.twice += [
        f"{job_id}: {number} workers say that they completed it" for job_id, number in told.items() if number > 1
    ]


def _recovery(verdict: Verdict, storm: Storm, lives: dict[str, Life], watch: Watch) -> None:
    for strike in storm.strikes:
        for job_id, fence in strike.held.items():
            life = lives[job_id]
            after = [at.timestamp() for number, _, at in life.claims if number > fence]
            ends = [at.timestamp() for _, at, _ in life.ends if at is not None]
            if ends and ends[-1] >= strike.at:
                verdict.ended.append(ends[-1] - strike.at)
                verdict.claimed.append(min([*after, ends[-1]]) - strike.at)
        if strike.kind in (Kind.BROKER, Kind.DATABASE):
            back = [at for at in watch.healthy_at if at > strike.at]
            verdict.healthy += [back[0] - strike.at] if back else []


def _orphans(verdict: Verdict, service: LiveService, storm: Storm, lives: dict[str, Life], mark: str) -> None:
    for strike in storm.strikes:
        verdict.orphans += [f"{strike.kind} killed, two seconds later still there: {each}" for each in strike.left]
    time.sleep(2)
    strangers = belongs_to(service, mark) - {service.pid, *descendants(service.pid)}
    commands = [found.command[:200] for pid in strangers if (found := look(pid)) is not None]
    verdict.orphans += [f"a process without a parent: {command}" for command in commands]
    # A worker may still compare two programs, in the background.
    until = time.monotonic() + 120
    while (left := victims(service, Kind.FFMPEG)) and time.monotonic() < until:
        time.sleep(0.5)
    verdict.orphans += [f"FFmpeg without a job: {found.command[:200]}" for pid in left if (found := look(pid))]
    # Cleanups come every few seconds in a storm, and spare what a killed API received in the last minute.
    until = time.monotonic() + 120
    while (strays := _strays(service, lives)) and time.monotonic() < until:
        time.sleep(0.5)
    verdict.orphans += [f"a file of nobody: {path}" for path in strays]


def _strays(service: LiveService, lives: dict[str, Life]) -> list[str]:
    """Files and folders that belong to no finished job: anything in work folders but what a finished live clip keeps
    for another cut, a second file of a job, a file of a job that has none. A file that names no job of the database (an
    upload whose record was never written) stays for a day, and is none."""
    downloads, uploads = service.folder / "downloads", service.folder / "uploads"
    strays = []
    seen: Counter[str] = Counter()
    for path in (path for path in downloads.rglob("*") if path.is_file() and path.name not in MARKS):
        job_id = path.name.split(".")[0]
        if ".work" in path.relative_to(downloads).parts:
            folder = path.relative_to(downloads / ".work").parts[0]
            if folder == SHARED_FOLDER:
                continue
            job_id = folder.split(".")[0]
            if not (folder.endswith(".kept") and _completed(lives.get(job_id))):
                strays.append(str(path))
        elif job_id in lives and (not _completed(lives[job_id]) or seen[job_id]):
            strays.append(str(path))
        else:
            seen[job_id] += 1
    strays += [str(path) for path in (uploads / ".incoming").iterdir()]
    uploaded = {path.stem: path for path in uploads.iterdir() if path.is_file() and path.stem in lives}
    strays += [str(path) for job_id, path in uploaded.items() if not lives[job_id].record.get("input_file_path")]
    return strays


def _completed(life: Life | None) -> bool:
    return life is not None and bool(life.record) and life.record["status"] == Status.COMPLETED


def _log(service: LiveService) -> str:
    return "".join(
        path.read_text(errors="replace")
        for path in sorted(Path(service.folder).glob("app.log*"))
        if path.suffix != ".gz"
    )
