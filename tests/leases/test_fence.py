"""A holder that wakes up late writes nothing, and no end is told twice."""

from __future__ import annotations

import pytest

from reconciler.app.record import Recorder
from reconciler.core.records.facts import ended_body
from reconciler.errors import ReconcilerError, WaitingError
from reconciler.model.rendered import Rendered, RenderedFile
from tests.verify.history import World, plan_for

NAME = "acme-portal"
RENDERED = Rendered(NAME, (RenderedFile("terraform/main.tf", b"#\n"),))


def started(world: World, recorder: Recorder, fence: int | None, holder: str = "") -> int:
    found = world.decided(NAME, recorder)
    intent = recorder.starting(
        found, plan_for(NAME), world.head, "apply", "run-1", fence=fence, holder=holder
    )
    return intent.started.sequence


def applied(world: World, recorder: Recorder, fence: int | None, holder: str = "") -> None:
    found = world.decided(NAME, recorder)
    intent = recorder.starting(
        found, plan_for(NAME), world.head, "apply", "run-1", fence=fence, holder=holder
    )
    recorder.ended(intent, world.outcome(NAME), RENDERED)


def test_an_apply_says_by_which_lease_it_is_done(fresh: World) -> None:
    recorder = fresh.recorder()
    number = started(fresh, recorder, 0, "controller on a, process 1")
    kept = recorder.records.kept(fresh.tip)
    assert kept.record.chain.sequence == number
    assert b'"fence":0' in kept.data
    message = fresh.repository[fresh.tip].message  # type: ignore[attr-defined]  # of a commit
    assert "held by controller on a, process 1, since there were 0 records" in message
    assert fresh.verify().whole


@pytest.mark.parametrize("theirs", ["b", ""])
def test_whoever_wakes_up_late_begins_nothing(fresh: World, theirs: str) -> None:
    one, other = fresh.recorder(), fresh.recorder()
    fresh.decided(NAME, one)
    fence = one.records.count()
    applied(fresh, other, fence if theirs else None, theirs)
    with pytest.raises(WaitingError) as late:
        started(fresh, one, fence, "a")
    assert late.value.reason == "late"
    assert "somebody else applied it" in late.value.message
    started(fresh, one, one.records.count(), "a")
    assert fresh.verify().whole


def test_one_holder_may_apply_twice(fresh: World) -> None:
    recorder = fresh.recorder()
    applied(fresh, recorder, 0, "a")
    applied(fresh, recorder, 0, "a")
    assert fresh.verify().whole


def test_whoever_settles_what_another_began_goes_on(fresh: World) -> None:
    one, other = fresh.recorder(), fresh.recorder()
    started(fresh, one, 0, "a")
    fence = other.records.count()
    assert other.settle(fresh.head, NAME, "the machine is gone") is not None
    started(fresh, other, fence, "b")


def test_what_others_told_the_end_of_is_not_told_twice(fresh: World) -> None:
    one, other = fresh.recorder(), fresh.recorder()
    found = fresh.decided(NAME, one)
    intent = one.starting(found, plan_for(NAME), fresh.head, "apply", "run-1", fence=0, holder="a")
    fence = other.records.count()
    other.settle(fresh.head, NAME, "the machine is gone")
    number = started(fresh, other, fence, "b")
    before = fresh.tip
    with pytest.raises(ReconcilerError) as refused:
        one.ended(intent, fresh.outcome(NAME), RENDERED)
    assert refused.value.reason == "apply-settled"
    assert fresh.tip == before
    assert other.records.status(NAME)["applying"]["record"] == number
    assert fresh.verify().whole


def test_records_without_leases_come_to_what_they_came_to(fresh: World) -> None:
    recorder = fresh.recorder()
    intent = fresh.started(NAME, recorder)
    assert set(recorder.records.status(NAME)["applying"]).isdisjoint({"fence", "holder"})
    assert b"fence" not in recorder.records.kept(fresh.tip).data
    recorder.ended(intent, fresh.outcome(NAME), RENDERED)
    last = recorder.records.status(NAME)["lastApply"]
    assert set(last).isdisjoint({"began", "fence", "holder"})
    body = ended_body(fresh.outcome(NAME), {}, commit=None, started=None, action="apply")
    recorder.happened(NAME, fresh.head, body)
    assert recorder.records.status(NAME)["lastApply"]["result"] == "done"
