"""Who may change what."""

from dataclasses import replace
from datetime import UTC, datetime
from functools import cache
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reconciler.core.authority import ChangeRequest, Touch, authority
from reconciler.core.globs import matches
from reconciler.core.load import load
from reconciler.model.author import Author
from reconciler.model.desired import Shared
from reconciler.model.environment import Environment
from tests.memory_tree import MemoryTree
from tests.repos import shipped

NOW = datetime(2026, 6, 1, 12, tzinfo=UTC)
INES = Author("ines@example.com", "Ines Duarte")
ADA = Author("ada@example.com", "Ada Berg")
MINA = Author("mina@example.com", "Mina Sato")
SCOUT = Author("scout@agents.example.com", "scout")
STRANGER = Author("somebody@elsewhere.example.com", "Somebody")


@pytest.fixture(scope="module")
def files() -> dict[str, str]:
    return shipped()


@pytest.fixture(scope="module")
def shared(files: dict[str, str]) -> Shared:
    return load(MemoryTree(files))[0].shared


@pytest.fixture(scope="module")
def environments(files: dict[str, str]) -> dict[str, Environment]:
    desired, _ = load(MemoryTree(files))
    return {one.document.metadata.name: one.document for one in desired.environments}


def change(*authors: Author, **fields: Any) -> ChangeRequest:
    return replace(ChangeRequest(authors, (), {}, "L0", {}), **fields)


def touch(environment: Environment, path: str = "") -> Touch:
    name, track = environment.metadata.name, environment.spec.track
    return Touch(path or f"environments/{track}/{name}.yaml", environment, environment)


def rules(asked: ChangeRequest, shared: Shared) -> list[str]:
    return [one.rule for one in authority(asked, shared, NOW)]


def test_owners_change_their_environments(
    shared: Shared, environments: dict[str, Environment]
) -> None:
    mine = (touch(environments["acme-portal"]),)
    assert rules(change(INES, touches=mine), shared) == []
    (finding,) = authority(change(MINA, touches=mine), shared, NOW)
    assert (finding.rule, finding.environment) == ("AUT001", "acme-portal")
    assert finding.message == (
        "acme-portal is team-web's, and Mina Sato (team-security) changes it"
    )


def test_the_owner_before_decides(shared: Shared, environments: dict[str, Environment]) -> None:
    before = environments["acme-portal"]
    taken = before.model_copy(
        update={"metadata": before.metadata.model_copy(update={"owner": "team-security"})}
    )
    path = "environments/customer/acme-portal.yaml"
    assert rules(change(MINA, touches=(Touch(path, before, taken),)), shared) == ["AUT001"]
    assert rules(change(MINA, touches=(Touch(path, None, taken),)), shared) == []


@pytest.mark.parametrize(
    "author, path, expected",
    [
        (ADA, "profiles/tracks/demo.yaml", []),
        (INES, "profiles/tracks/demo.yaml", ["AUT002"]),
        (MINA, "policies/waivers/x.yaml", []),
        (ADA, "policies/waivers/x.yaml", ["AUT002"]),
        (ADA, "reconciler.yaml", []),
        (INES, "reconciler.yaml", ["AUT002"]),
        (INES, "README.md", []),
        (STRANGER, "README.md", ["AUT008"]),
    ],
)
def test_teams_change_what_they_own(
    shared: Shared, author: Author, path: str, expected: list[str]
) -> None:
    assert rules(change(author, touches=(Touch(path),)), shared) == expected


def test_what_judges_has_an_owner(shared: Shared) -> None:
    nobody = replace(shared, teams={k: v for k, v in shared.teams.items() if k == "team-web"})
    assert rules(change(INES, touches=(Touch("policies/x.rego"),)), nobody) == ["AUT003"]


def test_a_change_of_nobody_is_refused(shared: Shared) -> None:
    assert rules(change(), shared) == ["AUT008"]


def test_every_author_of_a_range_counts(
    shared: Shared, environments: dict[str, Environment]
) -> None:
    asked = change(INES, STRANGER, touches=(touch(environments["acme-portal"]),))
    assert rules(asked, shared) == ["AUT008"]


def test_an_agent_stays_within_its_track_paths_and_kinds(
    shared: Shared, environments: dict[str, Environment]
) -> None:
    assert rules(change(SCOUT, touches=(touch(environments["pitch-acme"]),)), shared) == []
    found = authority(change(SCOUT, touches=(touch(environments["acme-portal"]),)), shared, NOW)
    assert {one.message for one in found} == {
        "environments/customer/acme-portal.yaml is not in the paths of the agent scout",
        "the agent scout may not change the track customer",
    }
    profile = change(SCOUT, touches=(Touch("profiles/tracks/demo.yaml"),), rules_risk="L3")
    assert rules(profile, shared) == ["AUT004", "AUT004", "AUT005"]


@pytest.mark.parametrize("risk, expected", [("L0", []), ("L2", []), ("L3", ["AUT005"])])
def test_an_agent_stays_within_its_risk(
    shared: Shared, environments: dict[str, Environment], risk: Any, expected: list[str]
) -> None:
    asked = change(SCOUT, touches=(touch(environments["pitch-acme"]),), risk={"pitch-acme": risk})
    assert rules(asked, shared) == expected


def test_the_track_may_allow_less_than_the_agent(
    shared: Shared, environments: dict[str, Environment]
) -> None:
    gardener = Author("gardener@agents.example.com", "gardener")
    asked = change(
        gardener, touches=(touch(environments["pitch-acme"]),), risk={"pitch-acme": "L2"}
    )
    (finding,) = authority(asked, shared, NOW)
    assert finding.message == "the change of pitch-acme is L2, and the agent gardener goes up to L1"


def test_an_agent_has_so_many_changes_a_day(
    shared: Shared, environments: dict[str, Environment]
) -> None:
    mine = (touch(environments["pitch-acme"]),)
    assert rules(change(SCOUT, touches=mine, changes_today={"scout": 29}), shared) == []
    assert rules(change(SCOUT, touches=mine, changes_today={"scout": 30}), shared) == ["AUT006"]


@pytest.mark.parametrize(
    "path, text",
    [
        (
            "profiles/agents/scout.yaml",
            "  quarantine: {reason: It opened forty requests, since: 2026-05-31}\n",
        ),
        (
            "policies/freezes/stop.yaml",
            (
                "apiVersion: reconciler/v1\nkind: Freeze\n"
                "metadata: {name: stop, owner: team-sales}\n"
                "spec: {scope: {agent: scout}, reason: strange requests, since: 2026-05-31}\n"
            ),
        ),
    ],
)
def test_a_stopped_agent_does_nothing(
    files: dict[str, str], environments: dict[str, Environment], path: str, text: str
) -> None:
    stopped = {**files, path: files.get(path, "") + text}
    desired, problems = load(MemoryTree(stopped))
    assert problems == ()
    asked = change(SCOUT, touches=(touch(environments["pitch-acme"]),))
    (finding,) = authority(asked, desired.shared, NOW)
    assert (finding.rule, finding.severity) == ("AUT007", "critical")


@given(st.lists(st.sampled_from([INES, ADA, MINA, SCOUT, STRANGER]), max_size=4), st.data())
def test_one_more_author_never_loosens(authors: list[Author], data: st.DataObject) -> None:
    shared = _shared()
    paths = data.draw(
        st.lists(st.sampled_from(["reconciler.yaml", "policies/a", "x/y"]), max_size=3)
    )
    asked = change(*authors, touches=tuple(Touch(path) for path in paths))
    more = replace(asked, authors=(*asked.authors, STRANGER))
    if authors:
        assert set(authority(asked, shared, NOW)) <= set(authority(more, shared, NOW))
    shuffled = replace(asked, authors=tuple(data.draw(st.permutations(asked.authors))))
    assert authority(shuffled, shared, NOW) == authority(asked, shared, NOW)


@cache
def _shared() -> Shared:
    return load(MemoryTree(shipped()))[0].shared


@pytest.mark.parametrize(
    "pattern, path, expected",
    [
        ("profiles/**", "profiles/tracks/demo.yaml", True),
        ("profiles/*", "profiles/tracks/demo.yaml", False),
        ("profiles/*/demo.yaml", "profiles/tracks/demo.yaml", True),
        ("**/demo.yaml", "demo.yaml", True),
        ("**/demo.yaml", "a/b/demo.yaml", True),
        ("a/**/b", "a/b", True),
        ("a/**/b", "a/x/y/b", True),
        ("a.b", "aXb", False),
        ("reconciler.yaml", "reconciler.yaml", True),
        ("reconciler.yaml", "x/reconciler.yaml", False),
    ],
)
def test_patterns(pattern: str, path: str, *, expected: bool) -> None:
    assert matches(pattern, path) is expected
