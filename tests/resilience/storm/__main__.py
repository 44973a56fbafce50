"""``make storm``: five seeds of a hundred kills each, then kills at production settings; one table, exit code 1 if bad.

``python -m tests.resilience.storm --seeds 1 --strikes 20`` is a small one.
"""

from __future__ import annotations

import argparse
import signal
import statistics
import sys
import time
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from tests.resilience.storm.judge import Verdict
from tests.resilience.storm.run import QUICK, run_storm
from tests.resilience.storm.storm import Plan
from tests.resilience.storm.victims import Kind
from tests.tools.offline_youtube.site import OfflineYoutube

FIRST_SEED = 2026
LONGEST_MINUTES = 45
# As shipped: what a self-hoster's service needs to notice that a worker is gone. Only workers are struck.
PRODUCTION: dict[str, str] = {}
PRODUCTION_PLAN = Plan(30, pause_seconds=(4.0, 10.0), kinds={Kind.CHILD: 4, Kind.WORKER: 1, Kind.FFMPEG: 1})


def main() -> int:
    """Storm after storm."""
    options = _options()
    began, verdicts = time.monotonic(), []
    with OfflineYoutube() as site:
        for seed in range(options.first, options.first + options.seeds):
            if time.monotonic() - began > LONGEST_MINUTES * 60:
                print(f"No more storms: {LONGEST_MINUTES} minutes are over.")
                break
            how = {signal.Signals[options.only]: 1} if options.only else Plan(0).how
            verdicts.append(_one(site, seed, Plan(options.strikes, how=how), QUICK))
        table([*verdicts, total(verdicts)])
        if options.production:
            slow = _one(site, FIRST_SEED, PRODUCTION_PLAN, PRODUCTION)
            print("\nWith the settings as shipped (a lease of 30 s), only workers and FFmpeg struck:")
            table([slow])
            verdicts.append(slow)
    return 1 if any(verdict.bad for verdict in verdicts) else 0


def _one(site: OfflineYoutube, seed: int, plan: Plan, settings: dict[str, str]) -> Verdict:
    began = time.monotonic()
    verdict = run_storm(site, seed, plan, settings)
    verdict.seconds = time.monotonic() - began
    print(
        f"seed {seed}, {verdict.seconds:.0f} s: {dict(verdict.strikes)}, {dict(verdict.signals)}, "
        f"failures {dict(verdict.failures)}, {verdict.stumbles} requests sent again, "
        f"{len(verdict.unanswered)} orders not taken",
        flush=True,
    )
    for line in [*verdict.bad, *(f"alarm: {alarm}" for alarm in sorted(set(verdict.alarms))[:20])]:
        print(f"   {line}", flush=True)
    if verdict.evidence:
        kept = Path("logs", f"storm-{seed}.log")
        kept.write_text(verdict.evidence)
        print(f"   the log: {kept}", flush=True)
    return verdict


def total(verdicts: Sequence[Verdict]) -> Verdict:
    """All storms as one."""
    whole = Verdict(0)
    for each in verdicts:
        whole.strikes += each.strikes
        whole.failures += each.failures
        for name in ("jobs", "completed", "stumbles", "seconds"):
            setattr(whole, name, getattr(whole, name) + getattr(each, name))
        for name in ("lost", "twice", "corrupt", "orphans", "claimed", "ended", "healthy"):
            getattr(whole, name).extend(getattr(each, name))
    return whole


def table(verdicts: Sequence[Verdict]) -> None:
    """One line for each; recovery times in seconds as p50/p95."""
    print(
        f"\n{'seed':>6} {'kills':>6} {'jobs':>5} {'done':>5} {'told why':>9} {'lost':>5} {'twice':>6} {'corrupt':>8}"
        f" {'orphans':>8} {'begun again':>12} {'ended':>12} {'store back':>11} {'minutes':>8}"
    )
    for each in verdicts:
        print(
            f"{each.seed or 'all':>6} {each.strikes.total():>6} {each.jobs:>5} {each.completed:>5}"
            f" {each.failures.total():>9} {len(each.lost):>5} {len(each.twice):>6} {len(each.corrupt):>8}"
            f" {len(each.orphans):>8} {_percentiles(each.claimed):>12} {_percentiles(each.ended):>12}"
            f" {_percentiles(each.healthy):>11} {each.seconds / 60:>8.1f}"
        )
    whole = sum((each.strikes for each in verdicts if each.seed), Counter())
    print("   ".join(f"{kind}: {number}" for kind, number in whole.most_common()), flush=True)


def _percentiles(seconds: Sequence[float]) -> str:
    if len(seconds) < 2:
        return "-"
    cuts = statistics.quantiles(seconds, n=20, method="inclusive")
    return f"{cuts[9]:.1f}/{cuts[18]:.1f}"


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.resilience.storm", description=__doc__)
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--first", type=int, default=FIRST_SEED, help="the first seed")
    parser.add_argument("--only", choices=("SIGKILL", "SIGTERM", "SIGSTOP"), help="nothing but this signal")
    parser.add_argument("--strikes", type=int, default=100)
    parser.add_argument("--production", action=argparse.BooleanOptionalAction, default=True)
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
