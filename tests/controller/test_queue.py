"""The queue: nothing waits for ever, and of each environment one thing is done at a time."""

from __future__ import annotations

from datetime import timedelta

from hypothesis import given
from hypothesis import strategies as st

from reconciler.core.queue import PATIENCE, order
from reconciler.model.work import Job, Task
from tests.controller.board import NOON

JOBS = (Job.APPLY, Job.DESTROY, Job.LOOK, Job.ROLL)
TASKS = st.builds(
    Task,
    st.sampled_from(["a", "b", "c", "d"]),
    st.sampled_from(JOBS),
    st.timedeltas(-timedelta(days=2), timedelta(hours=1)).map(lambda ago: NOON + ago),
    rank=st.integers(0, 30),
) | st.builds(
    Task, st.just(""), st.sampled_from([Job.REVIEW, Job.CHORES]), st.just(NOON), rank=st.just(5)
)
SOME = st.lists(TASKS, max_size=12)
RUNNING = st.lists(TASKS, max_size=4, unique_by=lambda one: (one.environment, one.job))


@given(SOME, RUNNING, st.integers(0, 6))
def test_one_at_a_time_as_far_as_there_is_room_and_nothing_early(
    tasks: list[Task], running: list[Task], free: int
) -> None:
    begun = order(tasks, running, free, NOON)
    names = [one.environment for one in (*begun,) if one.environment]
    assert len({*names}) == len(names)
    assert not {*names} & {one.environment for one in running}
    assert len(names) <= free
    assert all(one.due <= NOON and one in tasks for one in begun)
    own = [one.job for one in begun if not one.environment]
    assert len({*own}) == len(own)
    assert not {*own} & {one.job for one in running if not one.environment}


@given(SOME, RUNNING, st.integers(1, 6))
def test_no_place_stays_empty_while_something_is_to_be_applied(
    tasks: list[Task], running: list[Task], free: int
) -> None:
    begun = order(tasks, running, free, NOON)
    busy = {one.environment for one in (*running, *begun)}
    left = [one for one in tasks if one.due <= NOON and one.environment not in busy]
    taken = sum(bool(one.environment) for one in begun)
    assert taken == free or all(one.job is Job.LOOK for one in left if one.environment)


@given(SOME, st.sampled_from(JOBS), st.integers(0, 30))
def test_nothing_waits_for_ever(others: list[Task], job: Job, rank: int) -> None:
    """What waited longer than everything else, and long enough, goes first."""
    old = Task("old", job, NOON - timedelta(days=3) - PATIENCE * 31, rank=rank)
    begun = order([*others, old], [], 1, NOON)
    assert next(one for one in begun if one.environment) == old


def test_production_goes_first_and_what_waited_overtakes_it() -> None:
    production = Task("production", Job.APPLY, NOON, rank=10)
    demo = Task("demo", Job.APPLY, NOON, rank=12)
    assert order([demo, production], [], 1, NOON) == (production,)
    old = Task("demo", Job.APPLY, NOON - PATIENCE * 2, rank=12)
    assert order([old, production], [], 1, NOON) == (old,)


def test_looking_leaves_a_place_for_what_is_to_be_applied() -> None:
    looks = [Task(name, Job.LOOK, NOON, rank=20) for name in "abcd"]
    assert len(order(looks, [], 3, NOON)) == 2
    assert len(order(looks, looks[:2], 1, NOON)) == 0
    assert len(order(looks, [], 1, NOON)) == 1
