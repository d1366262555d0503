"""Rules in use are never undone by somebody with an older clone."""

from __future__ import annotations

import pytest

from reconciler.core.decide import decide
from reconciler.errors import ReconcilerError
from reconciler.model.rendered import Rendered, RenderedFile
from tests.verify.history import TOM, World, plan_for


def test_who_has_older_rules_decides_nothing(fresh: World) -> None:
    old = fresh.head
    fresh.applied("acme-portal")
    fresh.edit("reconciler.yaml", "retry: 5m", "retry: 7m")
    fresh.applied("globex-shop")
    plan = plan_for("acme-portal")
    question = fresh.asked("acme-portal", plan, [TOM], old)
    before = fresh.tip
    with pytest.raises(ReconcilerError, match="newer ones are in use"):
        fresh.recorder().decided(decide(question), question, plan, action="apply")
    assert fresh.tip == before
    assert fresh.verify().whole


def test_rules_that_change_before_an_apply_begins_stop_it(fresh: World) -> None:
    plan, head, recorder = plan_for("acme-portal"), fresh.head, fresh.recorder()
    found = fresh.decided("acme-portal", recorder)
    fresh.edit("reconciler.yaml", "retry: 5m", "retry: 7m")
    fresh.applied("globex-shop")
    with pytest.raises(ReconcilerError, match="newer ones are in use"):
        recorder.starting(found, plan, head, "apply", "run-1")
    assert fresh.verify().whole


def test_what_has_begun_ends_whatever_the_rules_are_by_then(fresh: World) -> None:
    recorder = fresh.recorder()
    intent = fresh.started("acme-portal", recorder)
    fresh.edit("reconciler.yaml", "retry: 5m", "retry: 7m")
    fresh.applied("globex-shop")
    fresh.drift("globex-shop")
    recorder.ended(intent, fresh.outcome("acme-portal"), rendered())
    found = fresh.verify()
    assert found.whole
    assert not found.unsettled


def rendered() -> Rendered:
    return Rendered("acme-portal", (RenderedFile("terraform/main.tf", b"#\n"),))
