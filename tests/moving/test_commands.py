"""`reconciler promote` and `rollback` as people type them, on records that are signed."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tests.docs.scenes import run
from tests.moving.desks import NEW_IMAGE, PORTAL, forge, new_image, recorded
from tests.verify.history import World


@pytest.fixture
def world(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> World:
    """A new image runs in staging; Ada sits at the keyboard, with her key."""
    made = World.make(tmp_path)
    new_image(made)
    made.applied("acme-portal-staging")
    made.key("ada")
    monkeypatch.setenv("RECONCILER_ACTOR_NAME", "Ada Berg")
    monkeypatch.setenv("RECONCILER_ACTOR_EMAIL", "ada@example.com")
    monkeypatch.setenv("RECONCILER_ACTOR_ID", "1001")
    monkeypatch.setenv("RECONCILER_SIGNING_KEY", str(tmp_path / "key-ada"))
    monkeypatch.setenv("RECONCILER_STATE_DIR", str(tmp_path / "state"))
    return made


def said(world: World, line: str) -> tuple[int, str, str]:
    return run(line, world.path)


def told(world: World, line: str) -> dict[str, Any]:
    code, out, err = said(world, f"{line} --format json")
    assert code == 0, err
    found: dict[str, Any] = json.loads(out)
    return found


def test_promote_says_what_it_proposed(world: World) -> None:
    code, out, err = said(world, "promote acme-portal-staging --to production")
    assert code == 0, err
    assert out.startswith("!1 is open: Promote acme-portal-staging to acme-portal: 1 value\n")
    assert NEW_IMAGE in out
    assert "Next: reconciler mr check 1" in out
    (record,) = recorded(world, "acme-portal", "promotion")
    assert (record.actor.email, record.environment) == ("ada@example.com", "acme-portal")
    again = told(world, "promote acme-portal-staging")
    assert again["mergeRequest"] == 1
    assert again["changes"] == [
        {
            "path": "spec.parameters.image",
            "before": again["changes"][0]["before"],
            "after": NEW_IMAGE,
        }
    ]
    assert len(recorded(world, "acme-portal", "promotion")) == 1
    assert world.codes() == set()


def test_promote_says_that_there_is_nothing_to_carry(world: World) -> None:
    new_image(world, PORTAL)
    code, out, _ = said(world, "promote acme-portal-staging")
    assert (code, "nothing to do" in out) == (0, True)
    assert told(world, "promote acme-portal-staging")["mergeRequest"] is None
    assert list(forge(world).open_ones("main")) == []


def test_promote_says_why_it_does_not(world: World) -> None:
    world.drift("acme-portal-staging")
    code, _, err = said(world, "promote acme-portal-staging")
    assert code == 1
    assert "it has drifted since" in err
    assert said(world, "promote acme-portal --to production")[0] == 2


def test_rollback_says_what_it_proposed(world: World) -> None:
    world.applied("acme-portal")
    new_image(world, PORTAL)
    world.applied("acme-portal")
    code, out, err = said(world, "rollback acme-portal --because '5xx since the release'")
    assert code == 0, err
    assert out.startswith("!1 is open: Roll acme-portal back to ")
    assert "Next: reconciler mr check 1" in out
    again = told(world, "rollback acme-portal --because '5xx since the release'")
    assert (again["mergeRequest"], again["commit"]) == (1, None)
    assert [one["before"] for one in again["changes"]] == [NEW_IMAGE]
    assert world.codes() == set()


def test_a_fast_rollback_is_agreed_to_afterwards(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    world.applied("acme-portal")
    new_image(world, PORTAL)
    world.applied("acme-portal")
    profile = "profiles/tracks/customer.yaml"
    rule = "  rollback: {fast: {stages: [production]}}\n  promotionRequired: true\n"
    world.edit(profile, "  promotionRequired: true\n", rule)
    code, out, err = said(world, "rollback acme-portal --fast --because 'The shop is down'")
    assert code == 0, err
    assert out.startswith("acme-portal is rolled back on main, in commit ")
    assert "rollback acme-portal --agree" in out
    own = said(world, "rollback acme-portal --agree --because 'It was right'")
    assert own[0] == 10
    assert "somebody else has to agree" in own[2]
    assert said(world, "rollback acme-portal --agree --fast --because 'It was right'")[0] == 2
    world.key("tom")
    monkeypatch.setenv("RECONCILER_ACTOR_NAME", "Tom Weber")
    monkeypatch.setenv("RECONCILER_ACTOR_EMAIL", "tom@example.com")
    monkeypatch.setenv("RECONCILER_ACTOR_ID", "2002")
    monkeypatch.setenv("RECONCILER_SIGNING_KEY", str(world.folder / "key-tom"))
    made = told(world, "rollback acme-portal --agree --because 'It was right'")
    assert made["environment"] == "acme-portal"
    assert world.records().status("acme-portal")["rollback"]["agreed"]["by"] == "tom@example.com"
    assert world.codes() == set()
