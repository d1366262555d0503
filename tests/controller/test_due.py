"""What is due: whatever is not as declared, unless something speaks against it."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from reconciler.core.due import key_of, later, rank_of, slot, standing, wants
from reconciler.model.work import (
    Halt,
    Job,
    Known,
    Memory,
    Outcome,
    Refused,
    Standing,
    Tried,
    Wanted,
)
from tests.controller.board import HOUR, NOON, known, law, wanted

RETRY = timedelta(minutes=5)
TIMES = st.timedeltas(-timedelta(days=2000), timedelta(days=2000)).map(lambda one: NOON + one)
WANTED = st.none() | st.builds(
    wanted,
    st.just("shop"),
    files=st.sampled_from(["v1", "v2"]),
    stage=st.sampled_from(["dev", "staging", "production"]),
    look_every=st.timedeltas(timedelta(seconds=1), timedelta(days=400)),
    ttl=st.none() | st.timedeltas(timedelta(0), timedelta(days=30)),
    problem=st.sampled_from(["", "", "it cannot be read"]),
    checked=st.booleans(),
    trial=st.booleans(),
)
KNOWN = st.builds(
    known,
    st.just("shop"),
    files=st.sampled_from(["", "v1"]),
    commit=st.sampled_from(["", "c1"]),
    applied=st.none() | TIMES,
    opened=st.none() | TIMES,
    result=st.sampled_from(["", "done", "failed", "interrupted"]),
    tried=st.sampled_from(["", "v1", "v2"]),
    failures=st.integers(-5, 10**6),
    ended=st.none() | TIMES,
    drift=st.sampled_from(["", "d1"]),
    warned=st.none() | TIMES,
    there=st.booleans(),
)
STATES: st.SearchStrategy[Outcome] = st.sampled_from(["done", "again", "held", "waiting", "stuck"])


@st.composite
def memories(draw: st.DrawFn, one: Wanted | None, is_known: Known) -> Memory:
    tried = None
    if draw(st.booleans()):
        job = draw(st.sampled_from([Job.APPLY, Job.DESTROY, Job.LOOK, Job.ROLL]))
        same = key_of(job, one, is_known, law())
        key = draw(st.sampled_from([same, "other"]))
        tried = Tried(job, key, draw(STATES), draw(TIMES), draw(st.integers(0, 10**6)), "so")
    mend = draw(st.sampled_from(["", "d1"]))
    perhaps = st.none() | TIMES
    return Memory(draw(TIMES), tried, draw(perhaps), mend, rolled=draw(perhaps), roll=draw(perhaps))


@st.composite
def cases(draw: st.DrawFn) -> tuple[Wanted | None, Known, Memory]:
    one, is_known = draw(WANTED), draw(KNOWN)
    return one, is_known, draw(memories(one, is_known))


def stood(
    one: Wanted | None, of: Known, memory: Memory, waits: str = "", **more: object
) -> Standing:
    return standing("shop", one, of, law(**more), memory, waits, NOON)


@given(cases())
def test_what_is_not_as_declared_is_done_unless_something_speaks_against_it(
    case: tuple[Wanted | None, Known, Memory],
) -> None:
    one, of, memory = case
    wish = wants(one, of, memory)
    found = stood(*case)
    if wish is None:
        assert found.task is None or found.task.job in (Job.LOOK, Job.ROLL)
        return
    job, _ = wish
    tried = memory.tried
    same = tried is not None and tried.job is job and tried.key == key_of(job, one, of, law())
    stuck = same and tried is not None and tried.state == "stuck"
    if stuck:
        assert found.task is None or found.task.job is Job.LOOK
        assert found.of("Stalled") is not None
        return
    assert found.task is not None
    assert found.task.job is job
    assert found.task.due <= NOON + RETRY
    assert found.of("Ready") is None


@given(cases())
def test_what_is_frozen_kept_or_waits_is_left_alone_and_says_so(
    case: tuple[Wanted | None, Known, Memory],
) -> None:
    one, of, memory = case
    wish = wants(one, of, memory)
    frozen = stood(*case, frozen={"shop": Halt("it burns")})
    assert frozen.task is None or frozen.task.job is Job.LOOK
    assert frozen.of("Frozen") is not None
    if wish is None:
        return
    waits = stood(*case, waits="network")
    assert waits.task is None or waits.task.job is Job.LOOK
    if wish[0] is Job.DESTROY:
        kept = stood(*case, kept={"shop": "too many"})
        assert kept.task is None
        assert kept.of("Stalled") is not None


@given(cases(), st.sampled_from(["passes", "stays"]), st.sampled_from([{}, {"shop": Halt("so")}]))
def test_what_was_refused_stands_still_while_just_that_is_declared(
    case: tuple[Wanted | None, Known, Memory], how: str, frozen: dict[str, Halt]
) -> None:
    one, of, memory = case
    passes = how == "passes"
    stopped = Refused("v2", "c" * 40, NOON, "AUT001: not theirs", "Eve <eve@x.example>", passes)
    of = replace(of, refused=stopped)
    found = stood(one, of, memory, frozen=frozen)
    wish = wants(one, of, memory)
    if one is None or one.problem or wish is None or of.opened is not None:
        assert found == stood(one, replace(of, refused=None), memory, frozen=frozen)
        return
    stalled = found.of("Stalled")
    if one.files == "v2" and not passes:
        assert stalled is not None
        assert (stalled.since, stalled.by) == (NOON, "Eve <eve@x.example>")
        assert "AUT001" in stalled.why
        assert "revert cccccccccccc" in stalled.hint
        assert found.task == stood(one, replace(of, refused=None), memory, frozen=frozen).task
    elif one.files == "v2" and not frozen:
        waits = found.of("Reconciling") or stalled
        assert waits is not None
    else:
        assert found == stood(one, replace(of, refused=None), memory, frozen=frozen)


def test_a_freeze_says_who_since_until_and_why() -> None:
    halt = Halt("stop: it burns", "Ada <ada@x.example> for team-web", NOON, NOON + HOUR)
    found = stood(wanted("shop"), known("shop"), Memory(NOON), frozen={"shop": halt}).of("Frozen")
    assert found is not None
    assert (found.since, found.by, found.until) == (NOON, halt.by, NOON + HOUR)
    assert found.said == (
        "stop: it burns; by Ada <ada@x.example> for team-web; until 2026-07-01T13:00:00Z"
    )


@given(cases(), TIMES)
def test_whoever_asks_twice_is_told_the_same_and_something_is_always_so(
    case: tuple[Wanted | None, Known, Memory], now: datetime
) -> None:
    found = standing("shop", *case[:2], law(), case[2], "", now)
    assert found == standing("shop", *case[:2], law(), case[2], "", now)
    if case[0] is not None:
        assert found.conditions
        assert (found.of("Ready") is None) or (found.of("Stalled") is None)


@given(st.integers(-5, 10**9), st.timedeltas(timedelta(seconds=1), timedelta(days=1)))
def test_it_waits_longer_and_longer_and_never_longer_than_told(
    failures: int, retry: timedelta
) -> None:
    assert timedelta(0) < later(failures, retry) <= retry
    assert later(failures, retry) <= later(failures + 1, retry)


@given(st.text(max_size=20), st.timedeltas(timedelta(seconds=1), timedelta(days=400)), TIMES)
def test_each_has_its_own_time_in_the_interval(name: str, every: timedelta, now: datetime) -> None:
    last = slot(name, every, now)
    assert last == slot(name, every, now)
    tick = timedelta(milliseconds=1)  # seconds since 2000 as a float
    assert now - every - tick <= last <= now + tick
    assert abs(slot(name, every, last + every / 2) - last) <= tick


def test_looks_of_many_are_spread() -> None:
    slots = sorted(slot(f"env-{number}", HOUR, NOON) for number in range(1000))
    tenth = HOUR / 10
    counts = [
        sum(NOON - HOUR + tenth * part <= one < NOON - HOUR + tenth * (part + 1) for one in slots)
        for part in range(10)
    ]
    assert sum(counts) >= 999
    assert min(counts) > 60


def test_a_clock_that_was_set_back_delays_nothing_for_long() -> None:
    ahead = NOON + timedelta(days=400)
    broken = known("shop", files="", tried="v1", result="failed", failures=9, ended=ahead)
    assert (task := stood(wanted("shop"), broken, Memory(ahead)).task)
    assert task.due <= NOON + RETRY
    assert (task := stood(wanted("shop"), known("shop"), Memory(ahead)).task)
    assert task.job is Job.LOOK
    assert task.due <= NOON + HOUR


def test_since_when_an_apply_stands_failed_is_told() -> None:
    failed = known("shop", tried="v1", result="failed", failures=2, ended=NOON - HOUR)
    condition = stood(wanted("shop"), failed, Memory(NOON)).of("Reconciling")
    assert condition is not None
    assert (condition.since, condition.why) == (NOON - HOUR, "its last apply failed")


def test_what_is_removed_goes_first_and_looking_last() -> None:
    stages = [wanted("shop", stage=stage) for stage in ("production", "staging", "dev")]
    ranks = [rank_of(Job.DESTROY, None)]
    ranks += [rank_of(job, one) for job in (Job.APPLY, Job.ROLL, Job.LOOK) for one in stages]
    assert ranks == sorted(ranks)
    assert len({*ranks}) == len(ranks)
