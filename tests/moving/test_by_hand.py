"""What somebody brings by hand is held to what a promotion is held to, when it is to be applied."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reconciler.adapters.git import GitSource
from reconciler.app.environment import whole
from reconciler.app.held import Looked, Past, look, refuse
from reconciler.app.promotion import promote
from reconciler.core.promotion import did_well
from reconciler.errors import WaitingError
from reconciler.model.record import ApplyEnded, DriftGone, DriftSeen, Record
from tests.moving.desks import NEW_IMAGE, PORTAL, STAGING, desk, later, new_image
from tests.verify.history import World

NAME, BEFORE = "acme-portal", "acme-portal-staging"
OTHER_IMAGE = NEW_IMAGE.partition("@")[0] + "@sha256:" + "9" * 64


@pytest.fixture
def world(tmp_path: Path) -> World:
    """Both were applied as they are declared, two hours ago."""
    made = World.make(tmp_path)
    made.applied(BEFORE)
    made.applied(NAME)
    later(made)
    return made


def why(world: World, name: str = NAME) -> str:
    """Why the last commit is not to be applied; empty: nothing is in its way."""
    found = looked(world, name)
    if found is None or found.early is None:
        return ""
    try:
        refuse(found.early)
    except WaitingError as error:
        return error.reason


def looked(world: World, name: str) -> Looked | None:
    recorder, filled = world.recorder(), whole(GitSource(world.path).snapshot("main"), name)
    past = Past(recorder.records, recorder.commits, recorder.records.tip())
    return look(past, filled, (filled.profile.document,), world.now)


def test_what_the_step_before_never_ran_is_not_brought(world: World) -> None:
    new_image(world, PORTAL)
    assert why(world) == "not-promoted"


def test_what_did_well_before_for_long_enough_may_be_brought_by_hand(world: World) -> None:
    new_image(world)
    world.applied(BEFORE)
    new_image(world, PORTAL)
    assert why(world) == "not-green-long"
    world.now += timedelta(minutes=61)
    assert why(world) == ""


def test_what_did_well_may_be_brought_though_the_step_before_went_on(world: World) -> None:
    new_image(world)
    world.applied(BEFORE)
    later(world)
    assert promote(desk(world), BEFORE).request is not None
    new_image(world, STAGING, OTHER_IMAGE)
    world.applied(BEFORE)
    new_image(world, PORTAL)
    assert why(world) == ""
    new_image(world, PORTAL, OTHER_IMAGE)
    assert why(world) == "not-green-long"


def test_what_is_its_own_is_not_asked_for(world: World) -> None:
    world.edit(PORTAL, "desired_count: 4", "desired_count: 5")
    assert why(world) == ""


def test_what_ran_there_before_may_come_back(world: World) -> None:
    before = world.text(PORTAL)
    new_image(world)
    world.applied(BEFORE)
    new_image(world, PORTAL)
    world.applied(NAME)
    world.edit(PORTAL, world.text(PORTAL), before)
    assert why(world) == ""


def test_what_was_never_applied_may_be_brought(tmp_path: Path) -> None:
    world = World.make(tmp_path)
    world.applied(BEFORE)
    assert why(world) == ""


def test_what_follows_nothing_is_not_asked(world: World) -> None:
    world.applied("globex-shop-staging")
    new_image(world, "environments/customer/globex-shop-staging.yaml")
    assert why(world, "globex-shop-staging") == ""


START = datetime(2026, 1, 1, tzinfo=UTC)
KINDS = ("apply", "fails", "other", "drift", "gone")


def told(kinds: list[str]) -> list[Record]:
    """One of them each hour."""
    found = []
    for hour, kind in enumerate(kinds):
        at = (START + timedelta(hours=hour)).strftime("%Y-%m-%dT%H:%M:%SZ")
        found.append(record(at, kind))
    return found


def record(at: str, kind: str) -> Record:
    """As far as it is looked at."""
    made: Any
    if kind == "drift":
        made = DriftSeen.model_construct
    elif kind == "gone":
        made = DriftGone.model_construct
    else:
        result: Any
        result, commit = "failed" if kind == "fails" else "done", "b" if kind == "other" else "a"
        made = partial(ApplyEnded.model_construct, action="apply", result=result, commit=commit)
    whole: Any = Record.model_construct
    found: Record = whole(at=at, body=made())
    return found


@given(st.lists(st.sampled_from(KINDS), max_size=8))
def test_it_does_well_only_while_it_runs_and_nothing_is_wrong(kinds: list[str]) -> None:
    now = START + timedelta(hours=len(kinds))
    found = did_well(told(kinds), lambda commit: commit == "a", now)
    spans, runs, well = [], False, 0
    for kind in kinds:
        runs = kind == "apply" or (runs and kind in ("drift", "gone"))
        well = (well + 1) if runs and (kind != "drift") and (well or kind != "drift") else 0
        spans.append(well)
    assert found is None or found[0] <= timedelta(hours=len(kinds))
    assert (found is None) == (not any(spans))
    assert (found[0] if found else timedelta()) == timedelta(hours=max(spans, default=0))
