"""Who may agree, to what, and what proves it: every rule, and what holds for all approvals."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reconciler.core.approve import Agreement, Asked, People, agreement, key_fingerprint
from reconciler.model.approval import Approval, Person
from reconciler.model.decision import ApprovalNeed
from reconciler.model.desired import Loaded
from reconciler.model.freeze import Freeze
from tests.core.people import (
    ADA,
    ANYBODY,
    ASKED,
    AUTHOR,
    BOB,
    BOTH,
    CARL,
    HEAD,
    MINA,
    NEED,
    NOW,
    OTHER,
    PLAN,
    ROBOTS,
    SIGNED,
    TEAMS,
    WORLD,
    agent,
    document,
    member,
    people,
    said,
    team,
)


def judged(
    *approvals: Approval,
    needs: Sequence[ApprovalNeed] = (NEED,),
    asked: Asked = ASKED,
    who: People = WORLD,
) -> Agreement:
    return agreement(needs, approvals, asked, who)


def why(*approvals: Approval, **more: Any) -> str:
    """Why the one approval does not count; empty: it does."""
    found = judged(*approvals, **more)
    assert bool(found.missing) is bool(found.disregarded)
    return found.disregarded[0].why if found.disregarded else ""


@pytest.mark.parametrize(
    "approval",
    [
        ADA,
        replace(ADA, by=Person("whatever", "", 1)),
        replace(ADA, by=Person("Ada", "ADA@Example.com", 1)),
        BOB,
        replace(BOB, by=Person("Bob", "BOB@example.com", 77)),
        said("mina", None, signed_by=SIGNED["mina"]),
        said("mina", 3, signed_by=SIGNED["mina"]),
        said("luis", None, signed_by=SIGNED["luis"]),
        said("luis", 78, signed_by=SIGNED["luis"]),
        said("new-address", None, signed_by=SIGNED["luis"]),
        replace(ADA, at=NOW),
    ],
)
def test_a_member_who_is_proven_counts(approval: Approval) -> None:
    assert why(approval) == ""
    assert judged(approval).counted[0].at == approval.at


def test_the_name_is_that_of_the_document() -> None:
    (counted,) = judged(replace(ADA, by=Person("Mina Sato", "", 1))).counted
    assert counted == replace(ADA, by=Person("Ada", "", 1))


@pytest.mark.parametrize(
    "approval, words",
    [
        (said("eve", 66), "no team has this person"),
        (said("", None, " "), "no team has this person"),
        (said("ada", 66), "its id at the forge is not the one"),
        (said("ada", None), "an e-mail address proves nobody"),
        (said("mina", None), "an e-mail address proves nobody"),
        (said("luis", None), "an e-mail address proves nobody"),
        (said("luis", 78), "an e-mail address proves nobody"),
        (said("mina", 66, signed_by=SIGNED["mina"]), "its id at the forge is not the one"),
        (said("mina", 3, signed_by=SIGNED["no key"]), "a key that the team's document does not"),
        (said("bob", None, signed_by=SIGNED["no key"]), "a key that the team's document does not"),
        (said("ada", 3), "belong to different people"),
        (said("ada", 1, signed_by=SIGNED["mina"]), "belong to different people"),
        (said("bob", None, signed_by=SIGNED["mina"]), "belong to different people"),
        (said("carl", 4), "nobody asks for this person's team: ask somebody of team-a"),
        (said("robot", 9), "an agent does not count where humans are asked for"),
        (said("rover", 8), "an agent does not count where humans are asked for"),
        (said("ada", 9), "belong to different people"),
        (said("nobody", None, signed_by=SIGNED["robot"]), "an agent does not count"),
        (replace(ADA, at=NOW + timedelta(seconds=1)), "it is dated in the future"),
        (replace(ADA, head=OTHER), "given for the commit bbbbbbbbbbbb"),
        (replace(ADA, head=""), "given for the commit (none)"),
        (replace(ADA, plan="sha256:0"), "the plan is another one since"),
        (replace(ADA, plan=""), "before there was a plan"),
        (replace(ADA, policies="sha256:0"), "the policies are others since"),
    ],
)
def test_what_does_not_count_says_why_and_what_to_do(approval: Approval, words: str) -> None:
    told = why(approval)
    assert words in told
    assert ": " in told
    assert "\n" not in told


@given(st.timedeltas(timedelta(0), timedelta(microseconds=999_999)))
def test_whoever_agreed_within_the_second_of_the_judgement_did_so_before(late: timedelta) -> None:
    """A forge tells thousandths, and a judgement is as of a whole second."""
    assert why(replace(ADA, at=NOW + late)) == ""
    assert "in the future" in why(replace(ADA, at=NOW + timedelta(seconds=1) + late))


def test_what_binds_nothing_counts_for_nothing() -> None:
    """No commit, no digest: nobody can have looked at it."""
    loose = replace(ASKED, heads=frozenset({"working tree", ""}))
    assert "commit working tree" in why(replace(ADA, head="working tree"), asked=loose)
    assert why(replace(ADA, head=""), asked=loose)
    assert why(replace(ADA, policies=""), asked=replace(ASKED, policies=""))
    static = replace(ASKED, plan="")
    assert "here is none" in why(ADA, asked=static)
    assert why(replace(ADA, plan=""), asked=static) == ""


def test_the_caller_says_which_commits_have_what_is_judged() -> None:
    merged = replace(ASKED, heads=frozenset({HEAD, OTHER}))
    assert why(replace(ADA, head=OTHER), asked=merged) == ""
    assert why(replace(ADA, head="c" * 40), asked=merged)


@pytest.mark.parametrize(
    "author",
    [
        Person("Ada", "ada@example.com"),
        Person("x", "ADA@EXAMPLE.COM "),
        Person("Ada", "", 1),
        Person("Ada", "else@example.com", 1),
    ],
)
@pytest.mark.parametrize("others", [(), (AUTHOR,)])
def test_authors_do_not_agree_to_their_own_change(
    author: Person, others: tuple[Person, ...]
) -> None:
    asked = replace(ASKED, authors=(*others, author))
    for approval in (ADA, replace(ADA, by=Person("x", "", 1)), said("ada", None), said("ada", 66)):
        assert "who made the change" in why(approval, asked=asked)


def test_an_author_stays_one_under_another_mark() -> None:
    """The commit has the address of one document, the approval the id of another."""
    twice = people(
        team("team-a", member("ada", 1)), team("team-b", member("ada", 1, email="ada@b.example"))
    )
    asked = replace(ASKED, authors=(Person("Ada", "ada@b.example"),))
    assert "who made the change" in why(replace(ADA, by=Person("A", "", 1)), asked=asked, who=twice)
    asked = replace(ASKED, authors=(Person("robot", "robot@example.com"),))
    signed = said("x", None, signed_by=SIGNED["robot"])
    assert "who made the change" in why(signed, asked=asked, needs=[ANYBODY])


@pytest.mark.parametrize("authors", [(), (Person("x", ""),), (AUTHOR, Person("x", " "))])
def test_without_all_authors_nobody_counts(authors: tuple[Person, ...]) -> None:
    assert "it cannot be told who made" in why(ADA, asked=replace(ASKED, authors=authors))


def test_an_agent_counts_in_its_team_where_agents_may() -> None:
    assert why(said("robot", 9), needs=[ANYBODY]) == ""
    assert "team" in why(said("rover", 8), needs=[ANYBODY])
    found = judged(said("robot", 9), needs=[ANYBODY, NEED])
    assert found.missing == (NEED,)
    assert found.disregarded == ()


def test_a_person_whom_an_agent_document_names_is_an_agent() -> None:
    by_key = people(team("team-a", member("mina", 3, "mina")), agents=[agent("other", 5, "mina")])
    assert "an agent does not count" in why(MINA, who=by_key)


def test_a_stopped_agent_does_nothing() -> None:
    quarantine = {"reason": "It misbehaved.", "since": "2026-01-01"}
    held = people(*TEAMS, agents=[agent("robot", 9, quarantine=quarantine)])
    assert "stopped" in why(said("robot", 9), needs=[ANYBODY], who=held)
    spec = {"scope": {"agent": "robot"}, "reason": "It misbehaved.", "since": "2026-01-01"}
    freeze = Freeze.model_validate(document("Freeze", "stop", spec))
    frozen = people(*TEAMS, agents=ROBOTS, freezes={"stop": Loaded("stop.yaml", "1", freeze)})
    assert "stopped" in why(said("robot", 9), needs=[ANYBODY], who=frozen)


def test_a_person_counts_once_for_each_need_and_for_several_needs() -> None:
    two = replace(NEED, count=2)
    again = replace(MINA, reference="another", at=NOW)
    signed = said("mina", None, signed_by=SIGNED["mina"])
    assert judged(MINA, again, signed, needs=[two]).missing == (NEED,)
    assert judged(MINA, ADA, needs=[two]).missing == ()
    other = replace(NEED, teams=("team-b",), why="it becomes team-b's")
    assert judged(MINA, needs=[NEED, other]).missing == ()
    assert judged(ADA, needs=[NEED, other]).missing == (other,)
    found = judged(ADA, CARL, needs=[replace(BOTH, count=3)])
    assert found.missing == (BOTH,)
    assert found.counted == (ADA, CARL)


def test_two_documents_that_share_a_mark_are_one_person() -> None:
    """A document with less does not weaken what another one asks for."""
    twice = people(team("team-a", member("ada")), team("team-b", member("ada", 1)))
    assert "an e-mail address proves nobody" in why(said("ada", None), who=twice)
    assert judged(ADA, said("ada", 1, "x@example.com"), needs=[replace(BOTH, count=2)], who=twice
                  ).missing == (BOTH,)  # fmt: skip


def test_marks_join_in_any_order() -> None:
    one, two = member("ada", 1), member("ada", 2, email="b@example.com")
    bridge = member("ada", 2)
    for members in ((one, two, bridge), (bridge, one, two), (two, bridge, one)):
        twice = people(team("team-a", *members))
        for email, forge_id in (("ada@example.com", 2), ("b@example.com", 1)):
            assert why(said("ada", forge_id, email), who=twice) == ""
        whole = {id(one) for one in twice.by_mark.values()}
        assert len(whole) == 1


def test_nobody_counts_where_no_team_is_asked() -> None:
    assert "ask the owner's team" in why(ADA, needs=[replace(NEED, teams=())])


def test_nothing_asked_is_nothing_said() -> None:
    assert judged(ADA, CARL, needs=[]) == Agreement((), (), ())


def test_who_is_who_has_a_digest() -> None:
    assert WORLD.digest == people(*TEAMS, agents=ROBOTS).digest
    assert WORLD.digest != people(*TEAMS, agents=ROBOTS[:1]).digest


@pytest.mark.skipif(shutil.which("ssh-keygen") is None, reason="ssh-keygen is not installed")
def test_fingerprints_are_those_of_ssh_keygen(tmp_path: Path) -> None:
    file = tmp_path / "key"
    make = ["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", "ada laptop", "-f", str(file)]
    subprocess.run(make, check=True)
    shown = subprocess.run(
        ["ssh-keygen", "-l", "-f", f"{file}.pub"], check=True, capture_output=True, text=True
    )
    key = file.with_suffix(".pub").read_text(encoding="utf-8").strip()
    assert key_fingerprint(key) == shown.stdout.split()[1]


def test_a_fingerprint_that_is_known_and_what_is_no_key() -> None:
    key = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIJUNv332kTZQfOfU42VqSPmi/q8CYkNorqMVUs1fvJcj a b"
    assert key_fingerprint(key) == "SHA256:wcf59VcE5CCB7i5DhrtCUKw/WbV+njfEAwhrurrR55A"
    assert key_fingerprint("ssh-rsa AAA") == "ssh-rsa AAA"
    assert key_fingerprint("ssh-rsa") == "ssh-rsa"


# ------------------------------------------------------------------- what holds for all of them

NAMES = st.sampled_from(["ada", "bob", "mina", "luis", "carl", "robot", "rover", "eve"])
IDS = st.sampled_from([None, 1, 3, 4, 8, 9, 26, 66])
approvals = st.builds(
    said,
    NAMES,
    IDS,
    at=st.sampled_from([NOW, NOW - timedelta(days=1), NOW + timedelta(days=1)]),
    head=st.sampled_from([HEAD, HEAD, HEAD, OTHER]),
    plan=st.sampled_from([PLAN, PLAN, PLAN, ""]),
    signed_by=st.sampled_from(["", "", *SIGNED.values()]),
)
good = st.sampled_from([ADA, BOB, MINA, CARL, said("robot", 9)])
lists = st.lists(st.one_of(approvals, good), max_size=6).map(tuple)
needs = st.lists(
    st.builds(
        ApprovalNeed,
        st.integers(1, 3),
        st.sampled_from([("team-a",), ("team-b",), ("team-a", "team-b"), ()]),
        st.booleans(),
        st.sampled_from(["risk", "soft"]),
    ),
    max_size=3,
).map(tuple)


def left(found: Agreement) -> int:
    return sum(need.count for need in found.missing)


@given(needs, lists, st.data())
def test_order_and_duplicates_never_matter(
    wanted: tuple[ApprovalNeed, ...], given_: tuple[Approval, ...], data: st.DataObject
) -> None:
    again = data.draw(st.lists(st.sampled_from(given_), max_size=3)) if given_ else []
    other = data.draw(st.permutations([*given_, *again]))
    turned = data.draw(st.permutations(wanted))
    assert judged(*other, needs=turned) == judged(*given_, needs=wanted)


@given(needs, lists, approvals)
def test_one_more_never_takes_away(
    wanted: tuple[ApprovalNeed, ...], given_: tuple[Approval, ...], more: Approval
) -> None:
    before, after = judged(*given_, needs=wanted), judged(*given_, more, needs=wanted)
    assert left(after) <= left(before)
    assert set(before.counted) <= set(after.counted)
    if more in {one.approval for one in after.disregarded}:
        assert after.missing == before.missing


@given(needs, lists)
def test_every_approval_counts_or_says_why(
    wanted: tuple[ApprovalNeed, ...], given_: tuple[Approval, ...]
) -> None:
    found = judged(*given_, needs=wanted)
    away = {one.approval for one in found.disregarded}
    if wanted:
        assert len(found.counted) + len(away) <= len(set(given_))
        assert {one.reference for one in found.counted} | {one.reference for one in away} == {
            one.reference for one in given_
        }
    assert all(one.why for one in found.disregarded)
    assert found.missing or not any(need.count > len(found.counted) for need in wanted)


@given(
    needs,
    lists,
    st.sampled_from(["head", "plan", "policies"]),
)
def test_whatever_moves_all_of_them_are_stale(
    wanted: tuple[ApprovalNeed, ...], given_: tuple[Approval, ...], moved: str
) -> None:
    changes: dict[str, Any] = {moved: "c" * 40}
    found = judged(*(replace(one, **changes) for one in given_), needs=wanted)
    assert found.counted == ()
    assert left(found) == sum(need.count for need in set(wanted))


@given(needs, lists, st.sampled_from([*TEAMS[0].document.spec.members]))
def test_an_author_never_helps(
    wanted: tuple[ApprovalNeed, ...], given_: tuple[Approval, ...], one: Any
) -> None:
    asked = replace(ASKED, authors=(AUTHOR, Person("x", one.email.upper())))
    found = judged(*given_, needs=wanted, asked=asked)
    assert one.name not in {each.by.name for each in found.counted}


@given(needs, lists)
def test_an_agent_never_helps_where_humans_are_asked(
    wanted: tuple[ApprovalNeed, ...], given_: tuple[Approval, ...]
) -> None:
    humans = [replace(need, humans_only=True) for need in wanted]
    marks = {9, 8}
    without = [
        one
        for one in given_
        if one.by.forge_id not in marks and one.by.name not in ("Robot", "Rover")
        and one.signed_by != SIGNED["robot"]
    ]  # fmt: skip
    assert judged(*given_, needs=humans).missing == judged(*without, needs=humans).missing
