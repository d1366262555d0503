"""People, agents and approvals for tests of who agrees to what."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

from reconciler.core.approve import Asked, People, key_fingerprint
from reconciler.model.agent import Agent
from reconciler.model.approval import Approval, Person
from reconciler.model.decision import ApprovalNeed
from reconciler.model.desired import Loaded
from reconciler.model.team import Team

NOW = datetime(2026, 6, 1, 12, tzinfo=UTC)
HEAD, OTHER = "a" * 40, "b" * 40
PLAN, POLICIES = "sha256:91a0", "sha256:90ab"
KEYS = {
    name: f"ssh-ed25519 {'A' * 40}{letter * 4} {name}"
    for name, letter in (("mina", "M"), ("luis", "L"), ("robot", "R"), ("no key", "N"))
}
SIGNED = {name: key_fingerprint(key) for name, key in KEYS.items()}


def document(kind: str, name: str, spec: dict[str, Any]) -> dict[str, Any]:
    metadata = {"name": name, **({"owner": "team-a"} if kind != "Team" else {})}
    return {"apiVersion": "reconciler/v1", "kind": kind, "metadata": metadata, "spec": spec}


def team(name: str, *members: dict[str, Any]) -> Loaded[Team]:
    spec = {"members": members, "contact": "#x", "costCentre": "cc"}
    return Loaded(
        f"profiles/teams/{name}.yaml", "1", Team.model_validate(document("Team", name, spec))
    )


def member(name: str, forge_id: int | None = None, *keys: str, email: str = "") -> dict[str, Any]:
    return {
        "name": name.capitalize(),
        "email": email or f"{name}@example.com",
        "forgeId": forge_id,
        "keys": tuple(KEYS[key] for key in keys),
    }


def agent(name: str, forge_id: int | None = None, *keys: str, **more: Any) -> Loaded[Agent]:
    spec = {
        "identity": {
            "email": f"{name}@example.com",
            "forgeId": forge_id,
            "keys": tuple(KEYS[key] for key in keys),
        },
        "tracks": ("demo",),
        "paths": ("environments/**",),
        "highestRisk": "L1",
        "changesPerDay": 1,
        **more,
    }
    made = Agent.model_validate(document("Agent", name, spec))
    return Loaded(f"profiles/agents/{name}.yaml", "1", made)


def people(*teams: Loaded[Team], agents: Sequence[Loaded[Agent]] = (), **more: Any) -> People:
    by_name = {one.document.metadata.name: one for one in agents}
    return People({one.document.metadata.name: one for one in teams}, by_name, now=NOW, **more)


TEAMS = (
    team(
        "team-a",
        member("ada", 1),
        member("bob"),
        member("mina", 3, "mina"),
        member("luis", None, "luis"),
        member("robot", 9),
    ),
    team("team-b", member("mina", 3), member("carl", 4)),
)
ROBOTS = (agent("robot", 9, "robot"), agent("rover", 8))
WORLD = people(*TEAMS, agents=ROBOTS)
AUTHOR = Person("Zoe", "zoe@example.com", 26)
ASKED = Asked(frozenset({HEAD}), PLAN, POLICIES, (AUTHOR,), NOW)
NEED = ApprovalNeed(1, ("team-a",), humans_only=True, why="a change of risk L3")
BOTH = replace(NEED, teams=("team-a", "team-b"))
ANYBODY = replace(NEED, humans_only=False)


def said(name: str = "ada", forge_id: int | None = 1, email: str = "", **more: Any) -> Approval:
    by = Person(name.capitalize(), email or f"{name}@example.com", forge_id)
    return replace(Approval(by, NOW - timedelta(hours=1), HEAD, PLAN, POLICIES, "note 7"), **more)


ADA, BOB, MINA, CARL = said(), said("bob", None), said("mina", 3), said("carl", 4)
