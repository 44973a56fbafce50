"""Whose job begins next when there are more jobs than workers: pure rules over what waits and what runs.

Captures of live moments cannot wait: they need no turn, and workers that are free belong to those that wait first.

With two workers or more, a long job (a recording, a whole download) never takes the last free one. With a single
worker a long job begins when nothing else waits. While others wait, one owner holds at most half of the workers, but
at least one. Of those that may begin, the owner with the fewest running jobs comes first, then the oldest request.

Where nothing that waits may begin, an owner whose running jobs are all long ones may run one ordinary job beyond its
share: otherwise recordings of others, which wait for a second free worker, or others who have their own share, would
hold up its clips beside an idle worker until its recording ends.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from datetime import datetime

from src.models.turns import Running, Waiting


def next_turns(
    waiting: Sequence[Waiting], running: Iterable[Running], workers: int, *, urgent: int = 0
) -> list[Waiting]:
    """The groups of ``waiting`` whose jobs may begin now, one entry a job, in order: at most as many as workers are
    free and not taken by the ``urgent`` captures that wait.

    Whoever asks is a free worker, so one counts as free even if the others seem to be more than there are.
    """
    begun = list(running)
    held = Counter(each.owner for each in begun if each.owner is not None)
    ordinary = Counter(each.owner for each in begun if each.owner is not None and not each.long)
    free = max(workers - len(begun), 1) - urgent
    left = {id(group): group.number for group in waiting}
    turns: list[Waiting] = []
    while free > 0:
        open_groups = [group for group in waiting if left[id(group)]]
        able = [group for group in open_groups if _may_begin(group, open_groups, held, free, workers)]
        if not able and workers >= 2:
            able = [group for group in open_groups if not group.long and not ordinary[group.owner]]
        if not able:
            break
        chosen = min(able, key=lambda group: _rank(group, held))
        turns.append(chosen)
        held[chosen.owner] += 1
        ordinary[chosen.owner] += not chosen.long
        left[id(chosen)] -= 1
        free -= 1
    return turns


def _may_begin(group: Waiting, waiting: Iterable[Waiting], held: Counter[str], free: int, workers: int) -> bool:
    if group.long and workers >= 2 and free < 2:
        return False
    if group.long and workers < 2 and any(not other.long for other in waiting):
        return False
    if any(other.owner != group.owner for other in waiting):
        return held[group.owner] < max(1, workers // 2)
    return True


def _rank(group: Waiting, held: Counter[str]) -> tuple[int, datetime]:
    return held[group.owner], group.since
