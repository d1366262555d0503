"""What the program proposes, from its proposal to the merge: a person agrees, as to anything."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from reconciler.app.proposing import Wish
from reconciler.cli.building import declared_tree, settings_of
from reconciler.wiring import build
from tests.check.project import CUSTOMER, DEMO, PLATFORM, quiet
from tests.docs.scenes import run
from tests.moving.desks import PORTAL, new_image
from tests.repos import edited, shipped
from tests.verify.history import World

PEOPLE = {"controller": "controller", "tom": "Tom Weber", "ines": "Ines Duarte"}
Machine = Callable[[str, str], None]
"""Somebody sits at this machine, and the key that it has; none where its name is empty."""


@pytest.fixture
def world(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> World:
    """A release in production that is to be taken back."""
    files = quiet(shipped())
    made = World.make(tmp_path, {path: files[path] for path in (DEMO, CUSTOMER, PLATFORM)})
    made.applied("acme-portal")
    new_image(made, PORTAL)
    made.applied("acme-portal")
    monkeypatch.setenv("RECONCILER_STATE_DIR", str(tmp_path / "state"))
    return made


@pytest.fixture
def machine(world: World, monkeypatch: pytest.MonkeyPatch) -> Machine:
    def sits(who: str, key: str) -> None:
        email = "reconciler@example.com" if who == "controller" else f"{who}@example.com"
        monkeypatch.setenv("RECONCILER_ACTOR_NAME", PEOPLE[who])
        monkeypatch.setenv("RECONCILER_ACTOR_EMAIL", email)
        monkeypatch.delenv("RECONCILER_SIGNING_KEY", raising=False)
        if key:
            world.key(key)
            monkeypatch.setenv("RECONCILER_SIGNING_KEY", str(world.folder / f"key-{key}"))

    return sits


def told(world: World, line: str) -> tuple[int, dict[str, Any]]:
    code, out, err = run(f"{line} --format json", world.path)
    assert out, err
    found: dict[str, Any] = json.loads(out)
    return code, found


def remedied(world: World) -> int:
    """Something that the program wants by itself."""
    ports = build()
    bot = ports.bot(world.path, settings_of(declared_tree(ports, world.path, None)))
    text = world.text(PORTAL)
    after = edited({PORTAL: text}, PORTAL, "desired_count: 4", "desired_count: 5")[PORTAL]
    return bot.propose(Wish("drift/1", "More", "Why", {PORTAL: after.encode()}, bot.me)).number


def why(world: World) -> str:
    """What the decisions of a look at it say, and who was not heard."""
    _, found = told(world, "mr check 1 --dry-run")
    return json.dumps(found)


def test_what_it_wants_itself_a_person_agrees_to(world: World, machine: Machine) -> None:
    machine("controller", "controller")
    assert remedied(world) == 1
    code, found = told(world, "mr check 1")
    assert (code, found["reviews"][0]["verdict"]) == (11, "NEEDS_APPROVAL")
    assert told(world, "mr approve 1")[0] == 0
    assert told(world, "mr merge 1")[0] == 11, "its own word is no approval"
    machine("tom", "tom")
    assert told(world, "mr approve 1")[0] == 0
    before = world.head
    code, found = told(world, "mr merge 1")
    assert (code, found["verdict"]) == (0, "ALLOW")
    assert found["merged"] == world.head != before
    assert "desired_count: 5" in world.text(PORTAL)


def test_without_a_key_it_is_a_stranger(world: World, machine: Machine) -> None:
    machine("controller", "")
    assert remedied(world) == 1
    code, _ = told(world, "mr check 1")
    assert code == 10
    assert "is a name of the program" in why(world)


def test_who_asked_for_it_made_it(world: World, machine: Machine) -> None:
    machine("ines", "controller")
    code, made = told(world, "rollback acme-portal --because 'It is slow'")
    assert (code, made["mergeRequest"]) == (0, 1)
    machine("controller", "controller")
    assert told(world, "mr check 1")[0] == 11
    machine("ines", "ines")
    assert told(world, "mr approve 1")[0] == 0
    assert told(world, "mr merge 1")[0] == 11
    assert "who made the change does not agree to it" in why(world)
    machine("tom", "tom")
    assert told(world, "mr approve 1")[0] == 0
    assert told(world, "mr merge 1")[0] == 0
