"""What runs in one environment is proposed for the next: that, once, and not before it is green."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest

from reconciler.app.promotion import promote
from reconciler.errors import UsageError, WaitingError
from tests.moving.desks import (
    NEW_IMAGE,
    PORTAL,
    STAGING,
    Proposed,
    desk,
    forge,
    later,
    lines_changed,
    new_image,
    recorded,
)
from tests.verify.history import ADA, World


@pytest.fixture
def world(tmp_path: Path) -> World:
    """A new image was applied to staging two hours ago."""
    made = World.make(tmp_path)
    new_image(made)
    made.applied("acme-portal-staging")
    later(made)
    return made


def test_it_proposes_what_runs_and_nothing_else(world: World) -> None:
    found = promote(desk(world), "acme-portal-staging", "production")
    assert found.request is not None
    assert [(one.path, one.after) for one in found.moves] == [("spec.parameters.image", NEW_IMAGE)]
    made = Proposed(world, found.request)
    assert made.paths() == [PORTAL]
    assert lines_changed(world.text(PORTAL), made.text(PORTAL)) == [f"    image: {NEW_IMAGE}"]
    assert made.request.target == "main"
    assert made.request.title == "Promote acme-portal-staging to acme-portal: 1 value"
    assert "does well since" in made.request.description
    (record,) = recorded(world, "acme-portal", "promotion")
    assert record.body.model_dump(by_alias=True) == {
        "kind": "promotion",
        "source": "acme-portal-staging",
        "commit": world.head,
        "mergeRequest": f"!{made.request.number}",
    }
    assert world.codes() == set()


def test_asked_twice_it_is_proposed_and_recorded_once(world: World) -> None:
    first = promote(desk(world), "acme-portal-staging")
    tip = world.tip
    later(world)
    second = promote(desk(world), "acme-portal-staging", "acme-portal")
    assert first.request is not None
    assert second.request is not None
    assert second.request.number == first.request.number
    assert second.request.head == first.request.head
    assert world.tip == tip


def test_a_newer_release_takes_the_place_of_one_that_waits(world: World) -> None:
    first = promote(desk(world), "acme-portal-staging").request
    newer = NEW_IMAGE.replace("1" * 64, "2" * 64)
    new_image(world, image=newer)
    world.applied("acme-portal-staging")
    later(world)
    second = promote(desk(world), "acme-portal-staging").request
    assert first is not None
    assert second is not None
    assert [one.number for one in forge(world).open_ones("main")] == [second.number]
    assert f"merge request {second.number}" in forge(world).notes(first.number)[-1].text


def test_a_version_and_what_it_has_not_any_more(world: World) -> None:
    before = world.text("templates/web-service/1.0.0/blueprint.yaml")
    after = before.replace("version: 1.0.0", "version: 1.1.0").replace("size:", "tier:", 1)
    files: dict[str, str | None] = {"templates/web-service/1.1.0/blueprint.yaml": after}
    files["templates/web-service/1.1.0/terraform/main.tf"] = "# empty"
    world.change(files)
    world.edit(STAGING, "version: 1.0.0", "version: 1.1.0")
    world.edit(STAGING, "    size: small\n", "    tier: small\n")
    world.applied("acme-portal-staging")
    later(world)
    found = promote(desk(world), "acme-portal-staging")
    assert [(one.path, one.before, one.after) for one in found.moves][:1] == [
        ("spec.blueprint.version", "1.0.0", "1.1.0")
    ]
    assert ("spec.parameters.size", "medium", None) in [
        (one.path, one.before, one.after) for one in found.moves
    ]
    assert found.request is not None
    assert found.request.title.endswith("version 1.1.0")


def test_what_was_declared_since_is_not_carried(world: World) -> None:
    new_image(world, image=NEW_IMAGE.replace("1" * 64, "3" * 64))
    found = promote(desk(world), "acme-portal-staging")
    assert [one.after for one in found.moves] == [NEW_IMAGE]
    assert found.newer
    assert found.request is not None
    assert "declares something newer" in found.request.description


def test_nothing_to_carry_is_no_merge_request(world: World) -> None:
    new_image(world, PORTAL)
    found = promote(desk(world), "acme-portal-staging")
    assert found.request is None
    assert list(forge(world).open_ones("main")) == []
    assert recorded(world, "acme-portal", "promotion") == []


def test_not_before_it_did_well_for_as_long_as_the_profile_asks(tmp_path: Path) -> None:
    world = World.make(tmp_path)
    new_image(world)
    world.applied("acme-portal-staging")
    with pytest.raises(WaitingError) as caught:
        promote(desk(world), "acme-portal-staging")
    assert caught.value.reason == "not-green-long"
    assert "asks for 1h" in caught.value.message
    assert list(forge(world).open_ones("main")) == []
    world.now += timedelta(minutes=61)
    assert promote(desk(world), "acme-portal-staging").request is not None


def test_applied_again_as_it_was_begins_nothing_anew(world: World) -> None:
    world.edit("reconciler.yaml", "retry: 5m", "retry: 6m")
    world.applied("acme-portal-staging")
    assert promote(desk(world), "acme-portal-staging").request is not None


@pytest.mark.parametrize(
    "what, why",
    [
        ("drift", "it has drifted since"),
        ("open", "an apply began at"),
        ("never", "nothing was applied to it yet"),
    ],
)
def test_what_does_not_do_well_is_not_promoted(world: World, what: str, why: str) -> None:
    name = "acme-portal-staging"
    if what == "drift":
        world.drift(name)
    elif what == "open":
        world.started(name)
    else:
        name = "acme-portal-dev"
    with pytest.raises(WaitingError) as caught:
        promote(desk(world), name)
    assert caught.value.reason == "not-green"
    assert why in caught.value.message


def test_drift_that_is_gone_begins_it_anew(world: World) -> None:
    world.drift("acme-portal-staging")
    world.drift("acme-portal-staging", gone=True)
    with pytest.raises(WaitingError) as caught:
        promote(desk(world), "acme-portal-staging")
    assert caught.value.reason == "not-green-long"
    later(world)
    assert promote(desk(world), "acme-portal-staging").request is not None


@pytest.mark.parametrize(
    "name, to, reason",
    [
        ("acme-portal", "", "nothing-follows"),
        ("acme-portal-staging", "dev", "which-environment"),
        ("acme-portal-stagin", "", "unknown-environment"),
    ],
)
def test_what_does_not_follow_is_said(world: World, name: str, to: str, reason: str) -> None:
    with pytest.raises(UsageError) as caught:
        promote(desk(world), name, to)
    assert caught.value.reason == reason


def test_where_several_follow_one_is_named(world: World) -> None:
    text = world.text(PORTAL).replace("name: acme-portal\n", "name: acme-portal-two\n")
    world.change({PORTAL.replace("portal.", "portal-two."): text})
    with pytest.raises(UsageError) as caught:
        promote(desk(world), "acme-portal-staging", "production")
    assert "acme-portal-two" in caught.value.hint
    found = promote(desk(world), "acme-portal-staging", "acme-portal-two")
    assert found.target == "acme-portal-two"


def test_who_asked_is_the_author(world: World) -> None:
    found = promote(desk(world, ADA, "ada"), "acme-portal-staging")
    assert found.request is not None
    commit = Proposed(world, found.request).commit
    assert (commit.author.email, commit.committer.email) == (ADA.email, "reconciler@example.com")
