"""Whose job begins next: the rules alone, on every small queue and on random larger ones."""

from __future__ import annotations

import itertools
from collections import Counter
from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from src.models.turns import PREVIEWS, Running, Waiting
from src.services.jobs.turns import next_turns

NOON = datetime(2026, 1, 18, 12, 0, tzinfo=UTC)


def group(owner: str, number: int = 1, *, long: bool = False, minute: int = 0) -> Waiting:
    return Waiting(owner, long, number, NOON + timedelta(minutes=minute))


def turns(waiting: list[Waiting], running: str, workers: int, urgent: int = 0) -> str:
    """The owners whose jobs begin, in order; long ones in capitals. ``running`` names an owner a job."""
    begun = next_turns(waiting, [Running(owner if owner != "-" else None) for owner in running], workers, urgent=urgent)
    return "".join(each.owner.upper() if each.long else each.owner for each in begun)


def test_a_long_job_never_takes_the_last_free_worker() -> None:
    recordings = group("a", 5, long=True)
    assert turns([recordings], "", 3) == "AA"
    assert turns([recordings], "aa", 3) == ""
    assert turns([recordings], "", 2) == "A"
    assert turns([recordings], "b", 2) == ""
    assert turns([recordings, group("b")], "aa", 3) == "b"
    assert turns([recordings], "--", 3) == "", "captures hold workers too"


def test_with_one_worker_a_long_job_begins_when_nothing_else_waits() -> None:
    assert turns([group("a", long=True), group("a", minute=5)], "", 1) == "a"
    assert turns([group("a", long=True), group("b", minute=5)], "", 1) == "b"
    assert turns([group("a", long=True), group("b", long=True, minute=5)], "", 1) == "A"


def test_previews_without_an_account_take_one_worker_and_none_while_others_wait() -> None:
    previews = Waiting(PREVIEWS, False, 5, NOON)
    assert [each.owner for each in next_turns([previews], [], 4)] == [PREVIEWS]
    assert next_turns([previews], [Running(PREVIEWS)], 4) == []
    begun = next_turns([previews, group("a", 2, minute=5)], [], 4)
    assert [each.owner for each in begun] == ["a", "a", PREVIEWS], "then nothing else waits"
    assert [each.owner for each in next_turns([previews, group("a", 9, minute=5)], [], 3)] == ["a", "a", "a"]
    waiting = [previews, group("a", 9, long=True, minute=5)]
    begun = next_turns(waiting, [Running("a", long=True)] * 2, 3)
    assert [each.owner for each in begun] == [PREVIEWS], "long jobs may wait for hours"
    assert [each.owner for each in next_turns([waiting[1], previews], [], 1)] == [PREVIEWS], "it has waited longer"


def test_one_owner_holds_at_most_half_while_others_wait() -> None:
    assert turns([group("a", 9), group("b", 9, minute=5)], "", 4) == "abab"
    assert turns([group("a", 9), group("b", minute=5)], "aa", 4) == "ba", "with b's only job begun, nobody else waits"
    assert turns([group("a", 9)], "aa", 4) == "aa", "nobody else waits"
    assert turns([group("a", 9), group("b", 9, minute=5)], "", 3) == "ab"
    assert turns([group("a", 9), group("b", minute=5)], "", 1) == "a", "at least one"
    assert turns([group("a", 9), group("b", 9, minute=5)], "--", 4) == "ab", "captures count against nobody's share"
    assert turns([group("a", 9), group("b", 9, long=True, minute=5)], "a", 2) == "", "who cannot begin yet waits, too"


def test_who_records_may_run_one_clip_while_only_recordings_wait_that_cannot_begin() -> None:
    def begins(running: list[Running], *waiting: Waiting, workers: int = 3) -> str:
        return "".join(
            each.owner.upper() if each.long else each.owner for each in next_turns(waiting, running, workers)
        )

    clips, recordings = group("a", 9), group("b", 9, long=True, minute=5)
    records, clip = Running("a", long=True), Running("a")
    assert begins([records], clips, recordings, workers=2) == "a"
    assert begins([records, Running("b", long=True)], clips, recordings) == "a"
    assert begins([clip, Running("b", long=True)], clips, recordings) == "", "a clip of the owner runs already"
    assert begins([records, Running("b", long=True)], clips, group("c", minute=5)) == "c", "a clip of another waits"
    assert begins([records, Running("c")], clips, recordings, workers=4) == "Ba", "a recording that can begin is first"


def test_the_owner_with_the_fewest_comes_first_then_the_oldest() -> None:
    assert turns([group("a", 9), group("b", minute=5), group("c", minute=1)], "aab", 5) == "cb"
    assert turns([group("a"), group("b", minute=-1)], "", 1) == "b"


def test_free_workers_belong_to_captures_that_wait() -> None:
    assert turns([group("a", 9)], "", 2, urgent=1) == "a"
    assert turns([group("a", 9)], "", 2, urgent=2) == turns([group("a", 9)], "b", 2, urgent=5) == ""
    assert turns([group("a", 9, long=True)], "", 3, urgent=1) == "A"


def test_whoever_asks_is_a_free_worker() -> None:
    assert turns([group("b")], "aaa", 2) == "b"


GROUPS = st.builds(group, st.sampled_from("abcd"), st.integers(1, 4), long=st.booleans(), minute=st.integers(-5, 5))


@given(
    st.lists(GROUPS, max_size=8, unique_by=lambda each: (each.owner, each.long)),
    st.text("abcd-", max_size=6),
    st.integers(1, 8),
)
def test_no_queue_breaks_a_bound_and_none_stands_still(waiting: list[Waiting], running: str, workers: int) -> None:
    begun = next_turns(waiting, [Running(owner if owner != "-" else None) for owner in running], workers)
    held, left = Counter(running.replace("-", "")), Counter({(each.owner, each.long): each.number for each in waiting})
    free, ordinary = max(workers - len(running), 1), Counter(running.replace("-", ""))
    if workers >= 2 and any(not each.long and not ordinary[each.owner] for each in waiting):
        assert begun, "nobody's first clip waits beside a free worker"
    for turn in begun:
        waits = [key for key, number in left.items() if number]
        if turn.long and workers >= 2:
            assert free >= 2
        if turn.long and workers == 1:
            assert all(long for _, long in waits)
        if any(owner != turn.owner for owner, _ in waits):
            beyond = workers >= 2 and not turn.long and not ordinary[turn.owner]
            assert beyond or held[turn.owner] < max(1, workers // 2)
        held[turn.owner] += 1
        ordinary[turn.owner] += not turn.long
        left[turn.owner, turn.long] -= 1
        free -= 1
    assert len(begun) <= max(workers - len(running), 1)
    if not running and any(not each.long for each in waiting):
        assert begun, "an idle service always begins something"
    if not running and waiting:
        assert begun, "long jobs too"


def test_every_idle_queue_of_three_groups_begins_something() -> None:
    kinds = [group(owner, long=long) for owner, long in itertools.product("ab", (False, True))]
    for size in (1, 2, 3):
        for waiting in itertools.combinations(kinds, size):
            for workers in range(1, 5):
                assert next_turns(list(waiting), [], workers)
