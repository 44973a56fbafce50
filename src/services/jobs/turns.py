"""Decides which waiting jobs start next when there are more jobs than workers, from the waiting and running jobs alone.

Captures of live moments cannot wait: they need no turn, and free workers are reserved for waiting captures first.

With two workers or more, a long job (a recording, a whole download) never takes the last free worker. With a single
worker a long job starts when no other job waits. While others wait, one owner holds at most half of the workers, but at
least one. Among the jobs that may start, the owner with the fewest running jobs comes first, then the oldest request.

If no waiting job may start, an owner that runs only long jobs may run one ordinary job beyond its share. Otherwise the
clips of this owner would wait next to an idle worker until its recording ends, while the jobs of others wait for a
second free worker or have used their share.

Previews without an account have one owner together, take at most one worker, and start only while nothing waits but
long jobs. No other job waits for them.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from datetime import datetime

from src.models.turns import PREVIEWS, Running, Waiting


def next_turns(
    waiting: Sequence[Waiting], running: Iterable[Running], workers: int, *, urgent: int = 0
) -> list[Waiting]:
    """Return the groups of ``waiting`` whose jobs may start now, one entry per job, in order: at most as many as
    workers are free and not reserved for the ``urgent`` waiting captures.

    The calling worker is free, so at least one worker counts as free even if more jobs seem to run than there are
    workers.
    """
    started = list(running)
    held = Counter(each.owner for each in started if each.owner is not None)
    ordinary = Counter(each.owner for each in started if each.owner is not None and not each.long)
    free = max(workers - len(started), 1) - urgent
    left = {id(group): group.number for group in waiting}
    turns: list[Waiting] = []
    while free > 0:
        open_groups = [group for group in waiting if left[id(group)]]
        able = [group for group in open_groups if _may_start(group, open_groups, held, free, workers)]
        if not able and workers >= 2:
            able = [group for group in open_groups if not group.long and not ordinary[group.owner]]
            able = [group for group in able if group.owner != PREVIEWS]
        if not able:
            break
        chosen = min(able, key=lambda group: _rank(group, held))
        turns.append(chosen)
        held[chosen.owner] += 1
        ordinary[chosen.owner] += not chosen.long
        left[id(chosen)] -= 1
        free -= 1
    return turns


def _may_start(group: Waiting, waiting: Iterable[Waiting], held: Counter[str], free: int, workers: int) -> bool:
    others = [other for other in waiting if other.owner != PREVIEWS]  # who waits for no preview
    if group.owner == PREVIEWS:
        return not held[PREVIEWS] and all(other.long for other in others)
    if group.long and workers >= 2 and free < 2:
        return False
    if group.long and workers < 2 and any(not other.long for other in others):
        return False
    if any(other.owner != group.owner for other in others):
        return held[group.owner] < max(1, workers // 2)
    return True


def _rank(group: Waiting, held: Counter[str]) -> tuple[int, datetime]:
    return held[group.owner], group.since
