"""`audit who-did` and `audit who-could`."""

from __future__ import annotations

from datetime import UTC, datetime

import pygit2
import pytest
from hypothesis import given
from hypothesis import strategies as st

from reconciler.core.load import lazy_shared, load_environments
from reconciler.core.powers import powers
from reconciler.core.records.chain import first_chain
from reconciler.core.records.deeds import deeds
from reconciler.core.records.document import fields_of, record_of
from reconciler.core.records.refusals import forced, hurried, pushed
from reconciler.model.audit import Powers
from reconciler.model.record import Actor, Draft, Record
from tests.audit.conftest import Run
from tests.audit.story import (
    ADA,
    CONTROLLER,
    INES,
    PROGRAM,
    TOM,
    Told,
    agreed,
    decision,
    ended,
    policy,
    started,
)
from tests.repos import MemoryTree, edited, shipped

HEAD = "1" * 40


def record(number: int, actor: Actor, body: dict[str, object], day: int = 2) -> Record:
    at = datetime(2026, 11, day, 8, tzinfo=UTC)
    draft = Draft(f"{number:032x}", at, "shop", actor, PROGRAM, body)
    return record_of(fields_of(draft, first_chain().model_copy(update={"sequence": number})))


# -------------------------------------------------------------------------------------- who did


def test_an_approval_counts_once_however_many_decisions_rest_on_it() -> None:
    given = [agreed(TOM, "2026-11-01T08:00:00Z", HEAD)]
    found = deeds(record(one, CONTROLLER, decision(HEAD, agreed=given)) for one in range(3))
    assert [(one.name, one.did, one.count) for one in found] == [
        ("reconciler", "decided", 3),
        ("Tom Weber", "approved", 1),
    ]
    assert found[1].last == "2026-11-01T08:00:00Z"


def test_an_id_tells_people_apart_and_a_name_does_not() -> None:
    renamed = Actor(name="T.", email="other@example.com", forgeId=2002)
    twin = Actor(name="Tom Weber", email="tom@example.com", forgeId=7)
    found = deeds(
        [
            record(1, TOM, started(0, HEAD)),
            record(2, renamed, started(0, HEAD), 3),
            record(3, twin, started(0, HEAD)),
        ]
    )
    assert [(one.name, one.forge_id, one.count) for one in found] == [
        ("T.", 2002, 2),
        ("Tom Weber", 7, 1),
    ]


def test_an_apply_is_one_deed_though_it_has_a_beginning_and_an_end() -> None:
    whole = [record(1, TOM, started(0, HEAD)), record(2, TOM, ended(1, HEAD))]
    assert [(one.did, one.count) for one in deeds(whole)] == [("applied", 1)]
    assert [(one.did, one.count) for one in deeds([record(2, TOM, ended(None, HEAD))])] == [
        ("applied", 1)
    ]
    gone = record(1, TOM, started(0, HEAD, action="destroy"))
    assert [one.did for one in deeds([gone])] == ["destroyed"]


@given(st.permutations(range(8)))
def test_the_order_of_records_makes_no_difference(order: list[int]) -> None:
    people = (TOM, INES, CONTROLLER)
    many = [
        record(one, people[one % 3], started(0, HEAD), 1 + one % 4)
        if one % 2
        else record(
            one,
            CONTROLLER,
            decision(HEAD, agreed=[agreed(people[one % 3], f"2026-11-0{1 + one}T08:00:00Z", HEAD)]),
        )
        for one in range(8)
    ]
    assert deeds(many[one] for one in order) == deeds(many)


def test_a_bypass_is_told_of_whoever_made_the_commit() -> None:
    def refusal(what: str) -> dict[str, object]:
        body = {"kind": "refusal", "what": what, "why": "denied", "commit": HEAD, "decision": None}
        return dict(body)

    def author(commit: str) -> tuple[str, str, int | None, str]:
        assert commit == HEAD
        return "Caretaker", "caretaker@agents.example.com", None, "agent"

    for what in (
        pushed(HEAD, "main"),
        forced(HEAD, "main"),
        hurried(HEAD, "shop", "not-promoted"),
    ):
        found = deeds([record(1, CONTROLLER, refusal(what))], author)
        assert {(one.name, one.kind, one.did) for one in found} == {
            ("reconciler", "program", "refused a change"),
            ("Caretaker", "agent", "was refused"),
        }
        unknown = deeds([record(1, CONTROLLER, refusal(what))])
        assert [(one.name, one.did) for one in unknown] == [("reconciler", "refused a change")]
    asked = deeds([record(1, TOM, refusal("unfreeze shop by a command"))], author)
    assert [(one.name, one.did) for one in asked] == [("Tom Weber", "was refused")]


def test_who_did_from_the_command_line(run: Run, told: Told) -> None:
    found = run("who-did", "acme-portal", "--format", "json").json
    assert [(one["name"], one["did"], one["count"]) for one in found["deeds"]] == [
        ("reconciler", "rolled back", 1),
        ("reconciler", "applied", 3),
        ("reconciler", "decided", 4),
        ("Tom Weber", "approved", 2),
    ]
    since = run("who-did", "acme-portal", "--since", "2026-11-03", "--format", "json").json
    assert [one["did"] for one in since["deeds"]] == ["rolled back"]
    assert "scout (agent)" in run("who-did", "trade-fair").out
    assert run("who-did", "identity").code == 0
    assert "did you mean `trade-fair`" in run("who-did", "trade-fare").err
    told.commit({"x": "y"}, ADA, "2026-11-09T08:00:00Z", "Hello", told.tip, branch="records")
    assert run("who-did", "acme-portal").code == 1


# ------------------------------------------------------------------------------------ who could


def test_the_commit_that_judged_then_answers(run: Run, told: Told) -> None:
    head = told.head
    team = told.text("profiles/teams/team-web.yaml").replace("Tom Weber", "Tomas Weber")
    later = told.commit({"profiles/teams/team-web.yaml": team}, ADA, "2026-11-06T08:00:00Z", "Name")
    number = told.write("2026-11-06T09:00:00Z", "", CONTROLLER, policy(later))

    def asked(at: str) -> tuple[str, int | None, str]:
        found = run("who-could", "acme-portal", "--at", at, "--format", "json").json
        return found["commit"], found["record"], found["owner"]["people"][1]["name"]

    assert asked("2026-11-06T09:00:00Z") == (later, number, "Tomas Weber")
    assert asked("2026-11-06T08:59:59Z")[2] == "Tom Weber"
    assert asked("2026-11-02T12:30:00Z") == (
        str(told.repository[head].peel(pygit2.Commit).parent_ids[0]), 5, "Tom Weber",
    )  # fmt: skip


def test_without_records_the_dates_of_the_target_branch_answer(run: Run, told: Told) -> None:
    told.repository.references.delete("refs/heads/records")
    found = run("who-could", "acme-portal", "--at", "2026-11-02T10:00:00Z", "--format", "json").json
    assert found["record"] is None
    assert "by the dates in commits" in found["why"]
    before = run(
        "who-could", "acme-portal", "--at", "2026-11-02T09:59:59Z", "--format", "json"
    ).json
    assert before["commit"] != found["commit"]
    done = run("who-could", "acme-portal", "--at", "2020-01-01")
    assert done.code == 2
    assert "is as old as 2020-01-01T23:59:59Z" in done.err


def test_an_environment_younger_than_the_rules(run: Run, told: Told) -> None:
    text = told.text("environments/demo/trade-fair.yaml").replace("trade-fair", "young-one")
    made = told.commit(
        {"environments/demo/young-one.yaml": text}, ADA, "2026-11-06T08:00:00Z", "New"
    )
    found = run("who-could", "young-one", "--at", "2026-11-07", "--format", "json").json
    assert (found["commit"], found["record"]) == (made, None)
    assert "has no such environment" in found["notes"][0]
    done = run("who-could", "young-one", "--at", "2026-11-05")
    assert done.code == 2
    assert "there was no environment `young-one`" in done.err


def test_a_commit_that_is_not_here(run: Run, told: Told) -> None:
    other = Told(told.path, "records")
    other.count = 90
    other.write("2026-11-08T08:00:00Z", "", CONTROLLER, policy("e" * 40))
    done = run("who-could", "acme-portal", "--at", "2026-11-09")
    assert done.code == 1
    assert "eeeeeeeeeeee judged then" in done.err
    assert "--unshallow" in done.err


def test_a_broken_document_is_no_answer(run: Run, told: Told) -> None:
    path = "environments/demo/trade-fair.yaml"
    made = told.commit({path: "kind: [\n"}, ADA, "2026-11-06T08:00:00Z", "Break")
    told.write("2026-11-06T09:00:00Z", "", CONTROLLER, policy(made))
    done = run("who-could", "trade-fair", "--at", "2026-11-07")
    assert done.code == 1
    assert "could not be used" in done.err


AT = datetime(2026, 11, 2, tzinfo=UTC)
FREEZE = """\
apiVersion: reconciler/v1
kind: Freeze
metadata: {name: stop, owner: team-platform}
spec:
  scope: {SCOPE}
  reason: It is on fire.
  since: 2026-11-01
  expires: 2026-11-03
"""


def powers_of(files: dict[str, str], name: str, at: datetime = AT) -> Powers:
    tree = MemoryTree(files)
    (loaded,) = [one for one in load_environments(tree, []) if one.document.metadata.name == name]
    return powers(loaded, lazy_shared(tree), at)


def test_what_agents_may_and_what_holds_them_back() -> None:
    def agents(files: dict[str, str], name: str) -> list[tuple[str, str, int, str]]:
        found = powers_of(files, name)
        return [
            (one.name, one.highest_risk, one.changes_per_day, one.stopped) for one in found.agents
        ]

    files = shipped()
    assert agents(files, "trade-fair") == [("gardener", "L1", 10, ""), ("scout", "L2", 30, "")]
    assert agents(files, "identity") == []
    held = edited(
        files,
        "profiles/agents/scout.yaml",
        "  highestRisk: L2\n",
        "  highestRisk: L2\n  quarantine: {reason: It went mad, since: 2026-01-01}\n",
    )
    assert agents(held, "trade-fair")[1][3] == "in quarantine: It went mad"
    frozen = {**files, "policies/freezes/stop.yaml": FREEZE.replace("SCOPE", "agent: scout")}
    assert agents(frozen, "trade-fair")[1][3] == "frozen"


@pytest.mark.parametrize(
    "scope, holds",
    [
        ("everything: true", True),
        ("track: demo", True),
        ("track: customer", False),
        ("environment: trade-fair", True),
        ("environment: pitch-acme", False),
        ("agent: scout", True),
    ],
)
def test_freezes_that_held(scope: str, holds: bool) -> None:  # noqa: FBT001  # a table
    files = {**shipped(), "policies/freezes/stop.yaml": FREEZE.replace("SCOPE", scope)}
    for day, inside in ((1, True), (3, True), (4, False)):
        at = datetime(2026, 11, day, tzinfo=UTC)
        assert bool(powers_of(files, "trade-fair", at).freezes) is (holds and inside)
    assert not powers_of(files, "trade-fair", datetime(2026, 10, 31, tzinfo=UTC)).freezes


def test_who_approves_by_the_profile() -> None:
    found = powers_of(shipped(), "acme-portal")
    assert [
        (one.risks, one.count, [team.team for team in one.parties]) for one in found.approvers
    ] == [
        (("L1", "L2"), 1, ["team-web"]),
        (("L3",), 2, ["team-platform", "team-security"]),
        ((), 1, ["team-web"]),
    ]
    assert [one.name for one in powers_of(shipped(), "trade-fair").waivers] == [
        "demo-lambda-outside-vpc"
    ]
    after = datetime(2028, 1, 1, tzinfo=UTC)
    assert not powers_of(shipped(), "trade-fair", after).waivers


def test_people_read_it(run: Run, told: Told) -> None:
    out = run("who-could", "acme-portal", "--at", "2026-11-02T13:00:00Z").out
    for words in (
        "record 8, a decision of 2026-11-02T13:00:00Z, was judged by it",
        "change it: team-web",
        "the agent gardener of team-web: up to risk L1, 10 changes a day",
        "risk L3: 2 of team-platform or team-security",
        "credentials of the account 333333333333",
        "team-security: Mina Sato <mina@example.com>",
    ):
        assert words in out, words
    assert told.count == 16
