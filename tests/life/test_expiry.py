"""The end of what does not live for ever."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Final

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reconciler.adapters.workers import Workers
from reconciler.app.expiry import expire, extend, settle
from reconciler.app.freezes import freeze
from reconciler.app.judge import read_terraform
from reconciler.app.render import Rendering
from reconciler.app.world import World as Seeing
from reconciler.core.decide import decide
from reconciler.core.expiry import DAY, Life, due, ended_by, step, to_announce
from reconciler.core.records.facts import Action
from reconciler.core.saved import holders, unsaved
from reconciler.errors import NotAllowedError, ReconcilerError, TransientError, UsageError
from reconciler.model.decision import Decision, Verdict
from reconciler.model.freeze import Scope
from reconciler.model.record import Actor
from reconciler.model.rendered import Rendered
from tests.life.home import Home
from tests.repos import MemoryTree, shipped
from tests.verify.history import ADA, SCOUT, person, plan_for

PATH: Final = "environments/demo/trade-fair.yaml"
NAME: Final = "trade-fair"
SARA: Final = person("Sara Lind", 3001)
RENDERING: Final = Rendering(Workers(1), 60)
WHY: Final = "The board wants to see it"


def look(home: Home) -> list[tuple[str, str]]:
    found = expire(home.steward(), [NAME, "acme-portal"], RENDERING)
    return [(one.environment, one.step) for one in found]


@pytest.fixture
def fair(home: Home) -> Home:
    """Applied for the first time; it lives ten days."""
    home.world.applied(NAME)
    return home


def test_it_is_announced_a_day_before_and_then_taken_out(fair: Home) -> None:
    assert look(fair) == []
    fair.passes(days=9, hours=1)
    assert look(fair) == [(NAME, "warned")]
    assert look(fair) == []
    fair.passes(hours=22)
    assert look(fair) == []
    assert fair.law().has(NAME)
    fair.passes(hours=2)
    assert look(fair) == [(NAME, "ended")]
    assert not fair.law().has(NAME)
    assert fair.head.author.email == "reconciler@example.com"
    assert look(fair) == []
    assert fair.kinds()[-2:] == ["expiry", "expiry"]
    assert [one.body.step for one in fair.records if one.body.kind == "expiry"] == [
        "warned",
        "ended",
    ]


def test_what_is_destroyed_is_told_once(fair: Home) -> None:
    fair.passes(days=9, hours=1)
    look(fair)
    fair.passes(days=1)
    look(fair)
    assert settle(fair.steward(), [NAME]) == ()
    fair.world.applied(NAME, action="destroy")
    (one,) = settle(fair.steward(), [NAME])
    assert one.step == "destroyed"
    assert settle(fair.steward(), [NAME]) == ()
    assert fair.last().step == "destroyed"


def test_nothing_ends_that_was_not_announced_in_time(fair: Home) -> None:
    fair.passes(days=300)
    assert look(fair) == [(NAME, "warned")]
    fair.passes(hours=23)
    assert look(fair) == []
    assert fair.law().has(NAME)
    fair.passes(hours=2)
    assert look(fair) == [(NAME, "ended")]


def test_what_stands_still_does_not_end(fair: Home) -> None:
    freeze(fair.steward(), fair.caller(), (Scope(track="demo"),), "The fair burns", None)
    fair.passes(days=9, hours=1)
    assert look(fair) == [(NAME, "warned")]
    fair.passes(days=3)
    assert look(fair) == []
    assert fair.law().has(NAME)


def test_whoever_dies_between_the_record_and_the_commit_goes_on(
    fair: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    fair.passes(days=9, hours=1)
    look(fair)
    fair.passes(days=1)

    def away(*_: object, **__: object) -> None:
        raise TransientError("away", "the target branch is away")

    with monkeypatch.context() as patch:
        patch.setattr("reconciler.app.proposing.Bot.put", away)
        with pytest.raises(TransientError):
            look(fair)
    assert fair.law().has(NAME)
    before = len(fair.records)
    assert look(fair) == [(NAME, "ended")]
    assert not fair.law().has(NAME)
    assert len(fair.records) == before


def test_where_nobody_may_push_its_end_is_proposed_once(fair: Home) -> None:
    fair.passes(days=9, hours=1)
    look(fair)
    fair.passes(days=1)
    fair.protected = True
    first, second = (expire(fair.steward(), [NAME], RENDERING)[0] for _ in range(2))
    assert first.proposed is not None
    assert second.proposed is not None
    assert first.proposed.number == second.proposed.number
    assert fair.law().has(NAME)


def test_an_end_that_is_put_off_is_proposed_no_more(fair: Home) -> None:
    fair.passes(days=9, hours=1)
    look(fair)
    fair.passes(days=1)
    fair.protected = True
    look(fair)
    fair.world.edit(PATH, "ttl: 10d", "ttl: 12d")
    look(fair)
    assert [one.state for one in fair.forge.requests.values()] == ["closed"]
    assert "put off" in fair.forge.said[-1].text


@pytest.mark.parametrize(
    "mode, comes_to", [("keep", "kept"), ("snapshot", "kept"), ("destroy", "ended")]
)
def test_what_holds_data_goes_only_as_the_profile_says(
    tmp_path: Path, mode: str, comes_to: str
) -> None:
    files = shipped()
    path = "profiles/tracks/demo.yaml"
    home = Home.make(tmp_path, {path: files[path].replace("data: destroy", f"data: {mode}")})
    home.world.applied(NAME)
    home.passes(days=9, hours=1)
    look(home)
    home.passes(days=1)
    assert look(home) == [(NAME, comes_to)]
    assert home.law().has(NAME) == (comes_to == "kept")
    assert look(home) == []
    if comes_to == "kept":
        assert "aws_kms_key.main" in home.last().because


# -- putting it off


def test_its_owner_lets_it_live_longer_and_nothing_else_changes(fair: Home) -> None:
    before = fair.world.text(PATH)
    found = extend(fair.steward(), fair.at_forge(SARA), NAME, timedelta(days=3), WHY)
    assert fair.world.text(PATH) == before.replace("ttl: 10d", "ttl: 13d")
    assert fair.head.author.email == "sara@example.com"
    assert (fair.last().step, fair.last().because) == ("extended", WHY)
    fair.passes(days=9, hours=1)
    assert look(fair) == []
    fair.passes(days=3)
    assert look(fair) == [(NAME, "warned")]
    assert found.step == "extended"


def test_what_was_announced_is_put_off_and_announced_again(fair: Home) -> None:
    fair.passes(days=9, hours=1)
    look(fair)
    extend(fair.steward(), fair.at_forge(SARA), NAME, timedelta(days=3), WHY)
    fair.passes(days=1)
    assert look(fair) == []
    fair.passes(days=2)
    assert look(fair) == [(NAME, "warned")]


def test_an_end_that_a_merge_request_put_off_is_recorded(fair: Home) -> None:
    fair.passes(days=9, hours=1)
    look(fair)
    fair.world.edit(PATH, "ttl: 10d", "ttl: 12d")
    assert look(fair) == []
    assert fair.last().step == "extended"
    before = len(fair.records)
    look(fair)
    assert len(fair.records) == before


@pytest.mark.parametrize(
    "who, by, error, said",
    [
        (SARA, timedelta(days=5), NotAllowedError, "may live 14d, and has 10d"),
        (ADA, DAY, NotAllowedError, "it is team-sales's"),
        (SCOUT, DAY, NotAllowedError, "ask a human"),
        (person("Eve Evil", 666), DAY, NotAllowedError, "no team has this person"),
        (SARA, timedelta(minutes=90), ReconcilerError, "whole hours"),
    ],
    ids=["too long", "another team", "an agent", "nobody", "minutes"],
)
def test_nobody_extends_beyond_what_they_may(
    fair: Home, who: Actor, by: timedelta, error: type[ReconcilerError], said: str
) -> None:
    before = fair.world.head
    with pytest.raises(error, match=said) as caught:
        extend(
            fair.steward(), fair.caller(who) if who is ADA else fair.at_forge(who), NAME, by, WHY
        )
    assert said in str(caught.value)
    assert fair.world.head == before


def test_what_lives_for_ever_has_no_end_to_put_off(home: Home) -> None:
    tom = home.at_forge(person("Tom Weber", 2002))
    with pytest.raises(UsageError, match="lives for ever"):
        extend(home.steward(), tom, "acme-portal", DAY, WHY)


# -- the rules by themselves

HOURS: Final = st.integers(0, 2000).map(lambda hours: timedelta(hours=hours))
BEGINS: Final = datetime(2026, 11, 2, tzinfo=UTC)


@given(HOURS.filter(bool), HOURS.filter(bool), st.lists(HOURS, min_size=1, max_size=12))
def test_no_end_comes_sooner_than_it_was_announced(
    lives: timedelta, warn: timedelta, looks: list[timedelta]
) -> None:
    """However rarely somebody looks, and however the clock jumps."""
    announced: datetime | None = None
    told: datetime | None = None
    for since in looks:
        now = BEGINS + since
        life = Life("one", BEGINS, lives, warn, announced)
        what = step(life, now)
        if what == "warn":
            announced, told = to_announce(life, now), now
        elif what == "end":
            assert told is not None
            assert announced is not None
            assert now >= announced >= told + warn
            assert now >= life.ends
        else:
            assert now < due(life)


def rendered(path: str) -> Any:
    seen = Seeing(MemoryTree(shipped()), RENDERING).look(path).rendered
    assert seen is not None
    return read_terraform(seen)


def test_what_the_shipped_blueprints_hold_and_what_has_a_copy() -> None:
    portal = rendered("environments/customer/acme-portal.yaml")
    assert "aws_db_instance.main" in holders(portal)
    assert "aws_db_instance.main" not in unsaved(portal)
    assert {"aws_kms_key.main", "aws_s3_bucket.assets"} <= set(unsaved(portal))
    demo = rendered(PATH)
    assert unsaved(demo) == ("aws_kms_key.main",)


# -- what is destroyed, since its end has come


def destroyed(home: Home, rests_on: int | None, action: Action = "destroy") -> Decision:
    """Decided, begun and ended by somebody who knows the program."""
    world, plan = home.world, plan_for(NAME)
    question = replace(world.asked(NAME, plan, ()), risk="L3", over=rests_on)
    recorder, found = world.recorder(), decide(question)
    made = recorder.decided(found, question, plan, action=action)
    intent = recorder.starting(made, plan, world.head, action, "run-1")
    recorder.ended(intent, world.outcome(NAME), Rendered(NAME, ()))
    return found


def the_end(home: Home) -> int:
    home.passes(days=9, hours=1)
    look(home)
    home.passes(days=1)
    look(home)
    found = ended_by(home.world.records().status(NAME))
    assert found is not None
    return found


def test_what_has_come_to_its_end_is_destroyed_without_anybody_and_that_is_whole(
    fair: Home,
) -> None:
    end = the_end(fair)
    assert destroyed(fair, end).verdict is Verdict.ALLOW
    assert fair.world.broken() == set()
    assert ended_by(fair.world.records().status(NAME)) is None
    (one,) = settle(fair.steward(), [NAME])
    assert one.step == "destroyed"
    assert fair.world.broken() == set()


@pytest.mark.parametrize("how", ["another record", "an apply", "twice"])
def test_nothing_rests_on_an_end_that_is_none(fair: Home, how: str) -> None:
    end = the_end(fair)
    if how == "twice":
        destroyed(fair, end)
        fair.world.applied(NAME)
    destroyed(fair, end - (how == "another record"), "apply" if how == "an apply" else "destroy")
    assert "decision" in {code for code, _ in fair.world.broken()}
