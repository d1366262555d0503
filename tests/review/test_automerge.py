"""Merging by itself, with a real repository, real gates and a forge: once, or not at all."""

from __future__ import annotations

import pygit2
import pytest

from reconciler.app.review import review
from reconciler.core.chatops import mark_of
from reconciler.errors import ReconcilerError, TransientError, UsageError, WaitingError
from reconciler.model.decision import Verdict
from reconciler.model.review import Merging, Outcome
from tests.check.project import ADA, CUSTOMER, FAIR, PITCH, SARA
from tests.check.project import DEMO as PROFILE
from tests.repos import edited
from tests.review.conftest import Desk
from tests.review.memory_forge import AWAY, BUSY
from tests.review.test_review import BAD, BIGGER, DEMO, note, states, verdict

SAYS = ("\n  drift:\n", "\n  autoMerge: {stages: [dev, staging, production]}\n  drift:\n")
FREEZE = (
    "apiVersion: reconciler/v1\nkind: Freeze\nmetadata: {name: stop, owner: team-platform}\n"
    "spec: {scope: {everything: true}, reason: It burns., since: 2026-01-01}\n"
)


@pytest.fixture
def auto(desk: Desk) -> Desk:
    """The tracks demo and customer want it."""
    desk.moved(edited(edited(desk.files, PROFILE, *SAYS), CUSTOMER, *SAYS), ADA)
    return desk


def merged(desk: Desk, number: int = 1) -> bool:
    return desk.forge.requests[number].state == "merged"


def why_not(outcome: Outcome) -> str:
    assert outcome.merging is not None, outcome
    assert not outcome.merging.commit
    return "; ".join(outcome.merging.why_not)


def on_main(desk: Desk, path: str) -> str:
    found = desk.project.repo.repository.revparse_single(f"main:{path}")
    return found.peel(pygit2.Blob).data.decode()


def test_what_is_allowed_is_merged_once_with_the_commit_that_was_judged(auto: Desk) -> None:
    number = auto.open("fix", edited(auto.files, *DEMO), SARA)
    head = auto.forge.requests[number].head
    outcome = auto.look(number)
    assert verdict(outcome) is Verdict.ALLOW
    assert outcome.merging == Merging(auto.forge.requests[number].merged)
    assert outcome.mishaps == ()
    assert "size: medium" in on_main(auto, PITCH)
    tip = auto.project.repo.repository.references["refs/heads/main"].peel(pygit2.Commit)
    assert str(tip.parent_ids[1]) == head
    # What people see was said before.
    assert note(auto.forge).startswith("## ✅ ALLOW")
    assert states(auto)["reconciler"] == "success"
    assert auto.look(number).state == "merged"
    assert auto.look_all() == []
    assert auto.forge.calls["merge"] == 1


def test_without_a_word_in_the_profile_nobody_merges(desk: Desk) -> None:
    number = desk.open("fix", edited(desk.files, *DEMO), SARA)
    outcome = desk.look(number)
    assert verdict(outcome) is Verdict.ALLOW
    assert outcome.merging is None
    assert desk.forge.calls["merge"] == 0


def test_what_was_said_before_is_merged_when_the_profile_comes_to_want_it(desk: Desk) -> None:
    number = desk.open("fix", edited(desk.files, *DEMO), SARA)
    for _ in range(2):
        desk.look_all()
    assert [one.state for one in desk.look_all()] == ["skipped"]
    desk.moved(edited(desk.files, PROFILE, *SAYS), ADA)
    (outcome,) = desk.look_all()
    assert outcome.merging is not None
    assert merged(desk, number)


def test_a_dry_run_merges_nothing(auto: Desk) -> None:
    number = auto.open("fix", edited(auto.files, *DEMO), SARA)
    outcome = auto.look(number, post=False)
    assert (verdict(outcome), outcome.merging) == (Verdict.ALLOW, None)
    assert auto.forge.calls["merge"] == 0


def test_what_needs_approval_is_merged_when_it_has_it(auto: Desk) -> None:
    number = auto.open("more", edited(auto.files, *BIGGER))
    assert why_not(auto.look(number)) == "it is not allowed: NEEDS_APPROVAL"
    auto.forge.agree(number)
    assert auto.look(number).merging == Merging(auto.forge.requests[number].merged)
    assert auto.forge.calls["merge"] == 1


def test_an_approval_that_is_taken_back_meanwhile_counts_no_more(auto: Desk) -> None:
    number = auto.open("more", edited(auto.files, *BIGGER))
    auto.look(number)
    auto.forge.agree(number)
    auto.forge.before["statuses"] = auto.forge.agreed.clear
    outcome = auto.look(number)
    assert verdict(outcome) is Verdict.NEEDS_APPROVAL
    assert auto.forge.calls["merge"] == 0
    assert note(auto.forge).startswith("## 🟡 NEEDS APPROVAL")


@pytest.mark.parametrize("call", ["merge", "notes", "consents", "statuses", "merge_request"])
def test_a_push_in_between_is_judged_and_not_merged(auto: Desk, call: str) -> None:
    number = auto.open("fix", edited(auto.files, *DEMO), SARA)
    request = auto.forge.requests[number]

    def push() -> None:
        auto.push("fix", edited(auto.files, *BAD), SARA)
        auto.forge.push(number)

    auto.forge.before[call] = push
    outcome = review(auto.room(), number, request)
    assert verdict(outcome) is Verdict.DENY
    assert why_not(outcome) == "it is not allowed: DENY"
    assert not merged(auto)
    assert note(auto.forge).startswith("## ❌ DENY")
    if call == "merge":  # what was said first is told, too
        assert outcome.posted[0] == "the note"
        assert "the note, anew" in outcome.posted


def test_a_target_that_moved_meanwhile_judges_anew(auto: Desk) -> None:
    number = auto.open("fix", edited(auto.files, *DEMO), SARA)
    auto.forge.before["labelled"] = lambda: auto.moved(
        {**auto.files, "policies/freezes/stop.yaml": FREEZE}, ADA
    )
    outcome = auto.look(number)
    assert verdict(outcome) is Verdict.DENY
    assert auto.forge.calls["merge"] == 0


@pytest.mark.parametrize("call", ["merge", "labelled"])
def test_one_that_is_closed_meanwhile_is_told(auto: Desk, call: str) -> None:
    number = auto.open("fix", edited(auto.files, *DEMO), SARA)
    auto.forge.before[call] = lambda: auto.forge.state(number, "closed")
    outcome = auto.look(number)
    assert (outcome.state, outcome.told) == ("closed", "it is closed")
    assert "the note" in outcome.posted
    assert not merged(auto)


def test_one_that_became_a_draft_meanwhile_is_not_merged(auto: Desk) -> None:
    number = auto.open("fix", edited(auto.files, *DEMO), SARA)
    auto.forge.before["labelled"] = lambda: auto.forge.touch(number, draft=True)
    assert why_not(auto.look(number)) == "it is a draft"
    auto.forge.touch(number, draft=False)
    assert auto.look(number).merging == Merging(auto.forge.requests[number].merged)


@pytest.mark.parametrize(
    "what, why", [("draft", "it is a draft"), ("fork", "it comes from a fork")]
)
def test_a_draft_and_a_fork_are_for_people(auto: Desk, what: str, why: str) -> None:
    number = auto.open("fix", edited(auto.files, *DEMO), SARA)
    auto.forge.touch(number, **{what: True})
    assert why_not(auto.look(number)) == why
    assert not merged(auto)


@pytest.mark.parametrize(
    "path, text",
    [
        ("README.md", "# Read me\n"),
        ("environments/notes.md", "Bread, milk\n"),
        (FAIR, ""),  # a comment in the document of another environment
    ],
)
def test_a_change_of_anything_else_is_for_people(auto: Desk, path: str, text: str) -> None:
    files = edited(auto.files, *DEMO)
    number = auto.open("fix", {**files, path: text or files[path] + "# a word\n"}, SARA)
    outcome = auto.look(number)
    assert f"more than the environments that were judged: `{path}`" in why_not(outcome)
    assert not merged(auto)


def test_a_change_of_the_rules_is_for_people_also_when_they_agree(auto: Desk) -> None:
    number = auto.open("law", edited(edited(auto.files, *DEMO), PROFILE, "6h", "7h"), SARA)
    assert "the environments that were judged: `profiles/tracks/demo.yaml`" in why_not(
        auto.look(number)
    )
    auto.forge.agree(number)
    assert why_not(auto.look(number))
    assert auto.forge.calls["merge"] == 0


def test_the_law_of_the_target_branch_counts_and_not_the_change_own(desk: Desk) -> None:
    number = desk.open("law", edited(edited(desk.files, *DEMO), PROFILE, *SAYS), ADA)
    assert desk.look(number).merging is None
    assert desk.forge.calls["merge"] == 0


def test_an_order_is_answered_first(auto: Desk) -> None:
    number = auto.open("fix", edited(auto.files, *DEMO), SARA)
    order = auto.forge.comment(number, "/reconciler freeze environment pitch-acme")
    outcome = auto.look(number)
    assert why_not(outcome) == "an order in its notes is not answered"
    auto.forge.say(number, f"No.\n\n{mark_of(order.id)}", thread=order.thread)
    assert auto.look(number).merging == Merging(auto.forge.requests[number].merged)


def test_the_note_is_settled_first_where_a_forge_merges_nothing_that_is_open(auto: Desk) -> None:
    auto.forge.settles = True
    number = auto.open("fix", edited(auto.files, *DEMO), SARA)
    found: list[bool | None] = []
    auto.forge.before["merge"] = lambda: found.extend(
        one.resolved for one in auto.forge.ours(number)
    )
    outcome = auto.look(number)
    assert "a thread settled" in outcome.posted
    assert found == [True]
    assert merged(auto)


# --- the forge does not


def test_a_forge_that_is_not_ready_is_asked_again_by_the_next_look(auto: Desk) -> None:
    number = auto.open("fix", edited(auto.files, *DEMO), SARA)

    def busy() -> None:
        raise BUSY

    for _ in range(2):
        auto.forge.before["merge"] = busy
        (outcome,) = auto.look_all()
        assert outcome.mishaps == ()
        assert outcome.merging is not None
        assert outcome.merging.later
        assert BUSY.message in why_not(outcome)
    (outcome,) = auto.look_all()
    assert outcome.posted == ()
    assert outcome.merging == Merging(auto.forge.requests[number].merged)


@pytest.mark.parametrize(
    "error",
    [
        UsageError("conflict", "!1 conflicts with `main` in a.yaml", hint="mend it"),
        ReconcilerError("not-mergeable", "!1 cannot be merged: its pipeline has not succeeded"),
    ],
)
def test_what_keeps_it_from_being_merged_is_told(auto: Desk, error: ReconcilerError) -> None:
    auto.open("fix", edited(auto.files, *DEMO), SARA)

    def refused() -> None:
        raise error

    for _ in range(2):  # and asked again, since nothing here tells when that is mended
        auto.forge.before["merge"] = refused
        (outcome,) = auto.look_all()
        assert error.message in why_not(outcome)
        assert outcome.mishaps == ()


@pytest.mark.parametrize(
    "error", [AWAY, ReconcilerError("forge-denied", "we may not merge", hint="make us able to")]
)
def test_a_forge_that_fails_is_a_mishap(auto: Desk, error: ReconcilerError) -> None:
    auto.open("fix", edited(auto.files, *DEMO), SARA)

    def fails() -> None:
        raise error

    auto.forge.before["merge"] = fails
    (outcome,) = auto.look_all()
    (mishap,) = outcome.mishaps
    assert (mishap.what, mishap.why) == ("the merge", error.message)
    (outcome,) = auto.look_all()
    assert outcome.merging is not None
    assert merged(auto)


@pytest.mark.parametrize("answer", ["faults", "late"])
@pytest.mark.parametrize("error", [AWAY, BUSY])
def test_nothing_is_merged_before_all_of_it_is_said(
    auto: Desk, error: TransientError | WaitingError, answer: str
) -> None:
    number = auto.open("fix", edited(auto.files, *DEMO), SARA)
    getattr(auto.forge, answer)[2] = error
    outcome = auto.look(number)
    assert len(outcome.mishaps) == 1
    assert "could be posted" in why_not(outcome)
    assert not merged(auto)
    assert auto.look(number).mishaps == ()
    assert merged(auto)


def test_one_that_never_rests_is_told_with_what_was_said(auto: Desk) -> None:
    number = auto.open("fix", edited(auto.files, *DEMO), SARA)

    def push() -> None:
        count = auto.forge.calls["merge"]
        auto.push("fix", edited(auto.files, PITCH, "size: small", f"size: medium # {count}"), SARA)
        auto.forge.push(number)
        auto.forge.before["merge"] = push

    auto.forge.before["merge"] = push
    outcome = auto.look(number)
    assert outcome.state == "moved"
    assert "the note" in outcome.posted
    assert not merged(auto)
