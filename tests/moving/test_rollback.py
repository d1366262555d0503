"""One environment goes back to what was good: that one, once, and by whoever may."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pygit2
import pytest

from reconciler.adapters.record_store import GitRecords
from reconciler.app.rollback import agree, agreed_by_rollback, roll_back
from reconciler.core.decide import decide
from reconciler.core.rollback import fast_one
from reconciler.errors import ReconcilerError, UsageError
from reconciler.model.decision import Verdict
from reconciler.model.profile import FastRollback
from reconciler.model.record import Actor, ApplyEnded
from reconciler.model.rendered import Rendered
from tests.chatops.office import Refusing
from tests.moving.desks import NEW_IMAGE, PORTAL, Proposed, desk, forge, new_image, recorded
from tests.verify.history import ADA, INES, SCOUT, TOM, World, plan_for

CUSTOMER = "profiles/tracks/customer.yaml"
NAME = "acme-portal"
EVE = Actor(name="Eve", email="eve@example.com")


@pytest.fixture
def world(tmp_path: Path) -> World:
    """A new image was applied to production, after one that was good."""
    made = World.make(tmp_path)
    made.applied(NAME)
    new_image(made, PORTAL)
    made.applied(NAME)
    return made


def fast(world: World, stages: str = "[production]", more: str = "") -> None:
    """The profile lets rollbacks go fast."""
    rule = f"  rollback: {{fast: {{stages: {stages}{more}}}}}\n"
    world.edit(CUSTOMER, "  promotionRequired: true\n", f"{rule}  promotionRequired: true\n")


def good_text(world: World) -> str:
    return world.text(PORTAL).replace(
        f"    image: {NEW_IMAGE}  # the next release", first_image(world)
    )


def first_image(world: World) -> str:
    commits = list(world.repository.walk(world.head))
    blob = commits[-1].tree[PORTAL]
    assert isinstance(blob, pygit2.Blob)
    return next(one for one in blob.data.decode().splitlines() if one.startswith("    image: "))


def parent(world: World) -> str:
    return str(world.repository[world.head].peel(pygit2.Commit).parents[0].id)


def agreed(world: World, risk: Any, digest: str) -> int | None:
    return agreed_by_rollback(world.records(), desk(world).tree, NAME, risk, digest)


def files(world: World) -> str:
    """The digest of what the newest good apply rendered to."""
    found = recorded(world, NAME, "apply-ended")[-1].body
    assert isinstance(found, ApplyEnded)
    return str(found.files)


def test_it_proposes_the_document_that_was_good(world: World) -> None:
    bad = world.head
    found = roll_back(desk(world), NAME, "5xx since the release", evidence=("alarm `5xx` rings",))
    assert found.request is not None
    made = Proposed(world, found.request)
    assert made.paths() == [PORTAL]
    assert made.text(PORTAL) == good_text(world)
    assert "5xx since the release" in made.request.description
    assert "alarm" in made.request.description
    (record,) = recorded(world, NAME, "rollback")
    body = record.body.model_dump(by_alias=True)
    assert (body["bad"], body["good"]) == (bad, found.good.commit)
    assert body["mergeRequest"] == f"!{made.request.number}"
    assert not body["fast"]
    assert world.codes() == set()


def test_asked_twice_it_is_proposed_and_recorded_once(world: World) -> None:
    first = roll_back(desk(world), NAME, "5xx")
    tip = world.tip
    second = roll_back(desk(world), NAME, "5xx")
    assert first.request is not None
    assert second.request is not None
    assert (first.request.number, first.request.head) == (
        second.request.number,
        second.request.head,
    )
    assert world.tip == tip
    assert len(list(forge(world).open_ones("main"))) == 1


def test_what_was_taken_back_is_not_good_again(world: World) -> None:
    found = roll_back(desk(world), NAME, "5xx")
    assert found.request is not None
    forge(world).merge(found.request.number, found.request.head)
    world.applied(NAME)
    with pytest.raises(UsageError) as caught:
        roll_back(desk(world), NAME, "It was something else")
    assert caught.value.reason == "no-good"


def test_the_same_again_later_is_a_merge_request_of_its_own(world: World) -> None:
    found = roll_back(desk(world), NAME, "5xx")
    assert found.request is not None
    forge(world).merge(found.request.number, found.request.head)
    world.applied(NAME)
    new_image(world, PORTAL, NEW_IMAGE.replace("1" * 64, "7" * 64))
    world.applied(NAME)
    again = roll_back(desk(world), NAME, "5xx again")
    assert again.request is not None
    assert again.request.number != found.request.number
    assert Proposed(world, again.request).paths() == [PORTAL]


def test_what_else_is_not_as_it_was_is_told(world: World) -> None:
    world.edit(CUSTOMER, "backupDays: 7", "backupDays: 8")
    found = roll_back(desk(world), NAME, "5xx")
    assert found.beside == ("the profile customer",)
    assert found.request is not None
    assert "the profile customer" in found.request.description
    assert Proposed(world, found.request).paths() == [PORTAL]


def test_where_only_something_else_differs_that_is_said(world: World) -> None:
    world.edit(CUSTOMER, "backupDays: 7", "backupDays: 8")
    before = parent(world)
    with pytest.raises(ReconcilerError) as caught:
        roll_back(desk(world), NAME, "5xx", to=before)
    assert caught.value.reason == "nothing-to-revert"
    assert "the profile customer" in caught.value.message


def test_only_commits_of_the_target_branch_can_be_named(world: World) -> None:
    opened = roll_back(desk(world), NAME, "5xx").request
    assert opened is not None
    with pytest.raises(UsageError) as caught:
        roll_back(desk(world), NAME, "5xx", to=opened.head)
    assert caught.value.reason == "not-agreed"


def test_without_a_good_one_that_is_said(tmp_path: Path) -> None:
    with pytest.raises(UsageError) as caught:
        roll_back(desk(World.make(tmp_path)), NAME, "5xx")
    assert caught.value.reason == "no-good"


# -- fast -----------------------------------------------------------------------------------------


def test_fast_is_on_the_target_branch_at_once(world: World) -> None:
    fast(world)
    before = world.head
    found = roll_back(desk(world, TOM, "tom"), NAME, "The shop is down", fast=True)
    assert found.request is None
    assert found.commit == world.head
    assert str(world.repository[world.head].peel(1).parents[0].id) == before  # type: ignore[call-overload]  # a commit
    assert world.text(PORTAL) == good_text(world)
    (record,) = recorded(world, NAME, "rollback")
    assert record.body.model_dump()["fast"]
    assert world.records().status(NAME)["rollback"]["agreed"] is None
    assert world.codes() == set()


@pytest.mark.parametrize("who", ["nobody", "agent", "stage", "elsewhere"])
def test_fast_is_for_whoever_may_where_the_profile_says_so(world: World, who: str) -> None:
    actor, key = {"nobody": (EVE, "eve"), "agent": (SCOUT, "controller"),
                  "elsewhere": (INES, "eve")}.get(who, (TOM, "tom"))  # fmt: skip
    fast(world, "[staging]" if who == "stage" else "[production]")
    before, tip = world.head, world.tip
    with pytest.raises(ReconcilerError) as caught:
        roll_back(desk(world, actor, key), NAME, "5xx", fast=True)
    assert caught.value.reason == ("not-fast" if who == "stage" else "not-entitled")
    assert (world.head, world.tip) == (before, tip)


def test_fast_moves_nothing_to_another_stage_or_team(tmp_path: Path) -> None:
    world = World.make(tmp_path)
    fast(world)
    world.applied(NAME)
    world.edit(PORTAL, "owner: team-web", "owner: team-platform")
    with pytest.raises(UsageError) as caught:
        roll_back(desk(world), NAME, "5xx", fast=True)
    assert caught.value.reason == "not-fast"
    assert "metadata.owner" in caught.value.message


def test_the_controller_may_by_itself_where_the_profile_says_so(world: World) -> None:
    fast(world)
    assert roll_back(desk(world), NAME, "The canary failed", fast=True).commit == world.head


def test_where_nobody_may_push_a_fast_one_is_proposed(world: World) -> None:
    fast(world)
    at = desk(world, TOM, "tom")

    def branch(name: str) -> Any:
        store = GitRecords(world.path, name)
        return Refusing(store) if name == "main" else store

    found = roll_back(replace(at, bot=replace(at.bot, branch=branch)), NAME, "5xx", fast=True)
    assert found.request is not None
    assert [one.body.model_dump()["fast"] for one in recorded(world, NAME, "rollback")] == [
        False,
        True,
    ]


def test_somebody_else_agrees_afterwards(world: World) -> None:
    fast(world)
    roll_back(desk(world, TOM, "tom"), NAME, "The shop is down", fast=True)
    with pytest.raises(ReconcilerError) as caught:
        agree(desk(world, TOM, "tom"), NAME, "Myself")
    assert caught.value.reason == "own-rollback"
    agree(desk(world, INES, "ines"), NAME, "Seen, it was right")
    assert world.records().status(NAME)["rollback"]["agreed"]["by"] == INES.email
    with pytest.raises(UsageError) as again:
        agree(desk(world, ADA, "ada"), NAME, "I, too")
    assert again.value.reason == "nothing-to-agree"
    assert world.codes() == set()


def test_an_apply_needs_nobody_else_when_it_brings_what_was_there_before(world: World) -> None:
    digest = files(world)
    assert agreed(world, "L1", digest) is None
    fast(world)
    assert agreed(world, "L1", digest) is None
    roll_back(desk(world, TOM, "tom"), NAME, "The shop is down", fast=True)
    assert agreed(world, "L1", digest) is not None
    assert agreed(world, "L3", digest) is None
    assert agreed(world, "L1", "sha256:" + "0" * 64) is None
    world.applied(NAME)
    assert agreed(world, "L1", digest) is None


@pytest.mark.parametrize("which, codes", [("right", set()), ("wrong", {"decision"})])
def test_what_it_allows_can_be_verified(world: World, which: str, codes: set[str]) -> None:
    fast(world)
    roll_back(desk(world, TOM, "tom"), NAME, "The shop is down", fast=True)
    back = agreed(world, "L1", files(world))
    assert back is not None
    recorder, plan = world.recorder(), plan_for(NAME)
    asked = world.asked(NAME, plan, ())
    assert decide(asked).verdict is Verdict.NEEDS_APPROVAL
    excused = replace(asked, rolled_back=back if which == "right" else back - 1)
    decision = decide(excused)
    assert decision.verdict is Verdict.ALLOW
    made = recorder.decided(decision, excused, plan, action="apply")
    recorder.ended(
        recorder.starting(made, plan, world.head, "apply", "run-9"),
        world.outcome(NAME),
        Rendered(NAME, ()),
    )
    assert world.codes() == codes
    assert world.codes(since=world.commits[-4]) == codes


def test_it_allows_once(world: World) -> None:
    fast(world)
    roll_back(desk(world, TOM, "tom"), NAME, "The shop is down", fast=True)
    back = agreed(world, "L1", files(world))
    world.applied(NAME)
    plan = plan_for(NAME)
    late = replace(world.asked(NAME, plan, ()), rolled_back=back)
    world.recorder().decided(decide(late), late, plan, action="apply")
    assert world.codes() == {"decision"}
    assert world.codes(since=world.commits[-2]) == {"decision"}


def test_no_rule_lets_nothing_go_fast(world: World) -> None:
    fast(world)
    roll_back(desk(world, TOM, "tom"), NAME, "The shop is down", fast=True)
    history = [one.record for one in world.records().of_environment(NAME)]
    allowed = FastRollback(stages=("production",), highestRisk="L1")
    for rules in ((), (allowed, FastRollback())):
        assert fast_one(history, rules, "production", "L1", files(world)) is None
    assert fast_one(history, (allowed,), "production", "L1", files(world)) is not None
    assert fast_one(history, (allowed,), "production", "L2", files(world)) is None
    assert fast_one(history, (allowed,), "staging", "L1", files(world)) is None
