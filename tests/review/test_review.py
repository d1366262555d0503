"""What a person meets on a merge request, with a real repository, real gates and a forge."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from reconciler.app.review import review
from reconciler.errors import TransientError, UsageError, WaitingError
from reconciler.model.approval import Person
from reconciler.model.decision import Verdict
from reconciler.model.review import Outcome
from tests.check.project import CUSTOMER, FAIR, PITCH, PORTAL, SARA
from tests.repos import edited
from tests.review.conftest import Desk
from tests.review.memory_forge import AWAY, BOT, BUSY, INES, TOM, MemoryForge

BIGGER = (PORTAL, "desired_count: 4", "desired_count: 5")
BIGGER_STILL = (PORTAL, "desired_count: 4", "desired_count: 6")
BAD = (FAIR, "\n  ttl: 10d", "\n  ttl: 90d")
DEMO = (PITCH, "size: small", "size: medium")


def verdict(outcome: Outcome) -> Verdict:
    assert outcome.review is not None, outcome
    return outcome.review.verdict


def note(forge: MemoryForge, number: int = 1) -> str:
    """The one sticky note."""
    (found,) = [one for one in forge.ours(number) if "<!-- reconciler:note " in one.text]
    return found.text


def states(desk: Desk, number: int = 1) -> dict[str, str]:
    head = desk.forge.requests[number].head
    return {name: one.state for name, one in desk.forge.shown[number, head].items()}


# --- what is said


def test_what_is_well_is_said_once_and_never_again(desk: Desk) -> None:
    number = desk.open("fix", edited(desk.files, *DEMO), SARA)
    outcome = desk.look(number)
    assert verdict(outcome) is Verdict.ALLOW
    assert outcome.mishaps == ()
    assert note(desk.forge).startswith("## ✅ ALLOW\n")
    assert "| `pitch-acme` | ✅ ALLOW | `changed: its document changed` | L1 |  |" in note(
        desk.forge
    )
    assert "It may be merged." in note(desk.forge)
    assert states(desk) == {
        "reconciler": "success",
        "reconciler/documents": "success",
        "reconciler/authority": "success",
        "reconciler/secrets": "success",
        "reconciler/policies": "success",
        "reconciler/checkov": "success",
    }
    assert desk.forge.requests[number].labels == ("risk::L1", "track::demo")
    writes = desk.forge.writes
    for _ in range(2):
        assert desk.look(number).posted == ()
    assert desk.forge.writes == writes
    assert len(desk.forge.said[number]) == 1


def test_whose_agreement_is_missing_is_said_and_they_are_asked_once(desk: Desk) -> None:
    number = desk.open("more", edited(desk.files, *BIGGER))
    outcome = desk.look(number)
    assert verdict(outcome) is Verdict.NEEDS_APPROVAL
    text = note(desk.forge)
    assert text.startswith("## 🟡 NEEDS APPROVAL\n")
    assert "1 approval |" in text
    assert "Let somebody of `team-web` who did not make it look at it, and agree" in text
    assert "`reconciler mr approve 1`" in text
    # Ines made it.
    assert [one.forge_id for one in desk.forge.asked[number]] == [2002]
    assert states(desk)["reconciler"] == "failed"
    desk.forge.asked.clear()  # somebody takes the reviewer out again
    desk.forge.touch(number)
    assert desk.look(number).posted == ()
    assert desk.forge.asked == {}


def test_an_agreement_counts_for_what_was_shown(desk: Desk) -> None:
    number = desk.open("more", edited(desk.files, *BIGGER))
    desk.forge.agree(number)  # before anything was shown
    assert verdict(desk.look(number)) is Verdict.NEEDS_APPROVAL
    assert "does not count: Tom: the policies are others since" in note(desk.forge)
    desk.forge.agreed.clear()
    desk.forge.agree(number)
    outcome = desk.look(number)
    assert verdict(outcome) is Verdict.ALLOW
    assert "agreed: Tom Weber" in note(desk.forge)
    assert set(states(desk).values()) == {"success"}
    desk.push("more", edited(desk.files, *BIGGER_STILL))
    desk.forge.push(number)
    assert verdict(desk.look(number)) is Verdict.NEEDS_APPROVAL
    assert "it was given for the commit" in note(desk.forge)
    assert len(desk.forge.ours(number)) == 1


@pytest.mark.parametrize("by", [INES, Person("Ines", "ines@example.com", 9999), BOT])
def test_the_agreement_of_an_author_or_of_nobody_in_the_teams_does_not_count(
    desk: Desk, by: Person
) -> None:
    number = desk.open("more", edited(desk.files, *BIGGER))
    desk.look(number)
    desk.forge.agree(number, by)
    assert verdict(desk.look(number)) is Verdict.NEEDS_APPROVAL
    assert "does not count" in note(desk.forge)


def test_who_opened_it_does_not_agree_to_what_others_committed(desk: Desk) -> None:
    number = desk.open("more", edited(desk.files, *BIGGER), by=TOM)
    desk.look(number)
    desk.forge.agree(number, TOM)
    assert verdict(desk.look(number)) is Verdict.NEEDS_APPROVAL
    assert "who made the change does not agree to it" in note(desk.forge)


def test_a_stranger_does_not_bring_a_change_under_the_name_of_somebody_else(desk: Desk) -> None:
    """Anybody can write any name into a commit; the forge knows who brought it."""
    number = desk.open("more", edited(desk.files, *DEMO), SARA, by=Person("Sara", "", 999))
    assert verdict(desk.look(number)) is Verdict.DENY
    assert "number 999 at the forge" in note(desk.forge)
    assert states(desk)["reconciler/authority"] == "failed"


def test_agreement_is_stale_when_the_rules_change(desk: Desk) -> None:
    number = desk.open("more", edited(desk.files, *BIGGER))
    desk.look(number)
    desk.forge.agree(number)
    assert verdict(desk.look(number)) is Verdict.ALLOW
    path = "policies/operational/log_retention/log_retention.rego"
    desk.moved({**desk.files, path: desk.files[path] + "\n# a word\n"})
    assert verdict(desk.look(number)) is Verdict.NEEDS_APPROVAL
    assert "the policies are others since" in note(desk.forge)


def test_a_memory_that_somebody_forged_counts_for_nothing(desk: Desk) -> None:
    number = desk.open("more", edited(desk.files, *BIGGER))
    desk.look(number)
    copied = note(desk.forge)
    (own,) = desk.forge.ours(number)
    desk.forge.delete(number, own.id)
    desk.forge.comment(number, copied, TOM)  # the same words, of somebody else
    desk.forge.agree(number)
    assert verdict(desk.look(number)) is Verdict.NEEDS_APPROVAL
    assert len(desk.forge.ours(number)) == 1


def test_a_clock_that_goes_an_hour_before_ours_lets_nothing_through_and_loses_nothing(
    desk: Desk,
) -> None:
    """The forge's own times are compared with each other; only `now` is ours."""
    desk.forge.now = datetime.now(UTC) + timedelta(hours=1)
    number = desk.open("more", edited(desk.files, *BIGGER))
    desk.look(number)
    desk.forge.agree(number)
    for _ in range(3):  # it is not forgotten that this will count later
        assert [one.state for one in desk.look_all()] == ["reviewed"]
        assert "it is dated in the future" in note(desk.forge)
    desk.forge.agreed.clear()
    desk.forge.now = datetime.now(UTC) - timedelta(hours=1)
    desk.forge.rewrite(number, desk.forge.ours(number)[0].id, note(desk.forge))
    desk.forge.agree(number)
    assert verdict(desk.look(number)) is Verdict.ALLOW


# --- findings on lines


def test_a_finding_stands_on_its_line_and_is_settled_when_it_is_mended(desk: Desk) -> None:
    bad = edited(desk.files, *BAD)
    number = desk.open("bad", bad, SARA)
    outcome = desk.look(number)
    assert verdict(outcome) is Verdict.DENY
    (thread,) = [one for one in desk.forge.ours(number) if one.place is not None]
    assert thread.place is not None
    assert (thread.place.path, thread.resolved) == (FAIR, False)
    assert bad[FAIR].splitlines()[thread.place.line - 1].strip() == "ttl: 90d"
    assert "reconciler:finding" in thread.text
    assert desk.look(number).posted == ()
    desk.push("bad", edited(desk.files, *DEMO), SARA)
    desk.forge.push(number)
    assert "a thread settled" in desk.look(number).posted
    assert [one.resolved for one in desk.forge.ours(number) if one.place] == [True]
    desk.push("bad", bad, SARA)
    desk.forge.push(number)
    assert "a thread opened again" in desk.look(number).posted
    assert [one.resolved for one in desk.forge.ours(number) if one.place] == [False]


def test_where_lines_cannot_be_spoken_about_a_note_says_when_it_is_mended(desk: Desk) -> None:
    desk.forge.lines = False
    bad = edited(desk.files, *BAD)
    number = desk.open("bad", bad, SARA)
    desk.look(number)
    desk.push("bad", edited(desk.files, *DEMO), SARA)
    desk.forge.push(number)
    desk.look(number)
    assert len([one for one in desk.forge.ours(number) if "Mended" in one.text]) == 1
    assert desk.look(number).posted == ()
    desk.push("bad", bad, SARA)
    desk.forge.push(number)
    desk.look(number)
    assert not [one for one in desk.forge.ours(number) if "Mended" in one.text]
    assert desk.look(number).posted == ()


def test_a_line_that_was_there_before_is_not_spoken_about(desk: Desk) -> None:
    desk.moved(edited(desk.files, *BAD), SARA)
    number = desk.open("more", edited(desk.files, FAIR, "size: medium", "size: small"), SARA)
    assert verdict(desk.look(number)) is Verdict.DENY
    assert not [one for one in desk.forge.ours(number) if one.place is not None]
    assert "want: `at most 14d`" in note(desk.forge)


# --- what happens meanwhile


@pytest.mark.parametrize("call", ["consents", "notes", "merge_request"])
@pytest.mark.parametrize("state", ["closed", "merged"])
def test_one_that_is_closed_in_mid_check_is_left_alone(desk: Desk, call: str, state: str) -> None:
    number = desk.open("fix", edited(desk.files, *DEMO), SARA)
    request = desk.forge.requests[number]
    desk.forge.before[call] = lambda: desk.forge.touch(number, state=state)
    outcome = review(desk.room(), number, request)
    assert outcome.state == state
    assert "while it was looked at; nothing was posted" in outcome.told
    assert desk.forge.said == {}
    assert desk.forge.writes == 0


def test_one_that_goes_elsewhere_in_mid_check_is_left_alone(desk: Desk) -> None:
    number = desk.open("fix", edited(desk.files, *DEMO), SARA)
    desk.forge.before["notes"] = lambda: desk.forge.touch(number, target="release")
    outcome = desk.look(number)
    assert outcome.state == "retargeted"
    assert "`release`" in outcome.told
    assert desk.forge.writes == 0
    assert desk.look(number).state == "retargeted"


def test_a_force_push_in_mid_check_begins_again(desk: Desk) -> None:
    number = desk.open("more", edited(desk.files, *DEMO), SARA)

    def push() -> None:
        desk.push("more", edited(desk.files, *BAD), SARA)
        desk.forge.push(number)

    desk.forge.before["notes"] = push
    assert verdict(desk.look(number)) is Verdict.DENY
    assert desk.forge.requests[number].head[:12] in note(desk.forge)
    assert list(desk.forge.shown) == [(number, desk.forge.requests[number].head)]


def test_a_force_push_that_the_forge_has_not_told_yet_begins_again(desk: Desk) -> None:
    number = desk.open("more", edited(desk.files, *DEMO), SARA)
    desk.push("more", edited(desk.files, *BAD), SARA)  # git has it, the listing not
    desk.forge.before["fetched"] = lambda: desk.forge.push(number)
    assert verdict(desk.look(number)) is Verdict.DENY


def test_a_forge_that_tells_of_a_push_while_it_fetches_is_asked_again(desk: Desk) -> None:
    number = desk.open("more", edited(desk.files, *DEMO), SARA)

    def push() -> None:
        desk.push("more", edited(desk.files, *BAD), SARA)
        desk.forge.push(number)
        raise WaitingError("head-moved", "another commit is there")

    desk.forge.before["fetched"] = push
    assert verdict(desk.look(number)) is Verdict.DENY

    def busy() -> None:
        raise BUSY

    desk.forge.before["fetched"] = busy
    with pytest.raises(WaitingError, match="patience"):
        desk.look(number)


def test_statuses_that_cannot_be_read_lose_nothing_else(desk: Desk) -> None:
    number = desk.open("more", edited(desk.files, *DEMO), SARA)

    def denied() -> None:
        raise AWAY

    desk.forge.before["statuses"] = denied
    outcome = desk.look(number)
    assert [one.what for one in outcome.mishaps] == ["the statuses"]
    assert note(desk.forge)
    assert desk.forge.shown == {}
    assert len(desk.look(number).posted) == 6
    assert desk.look(number).posted == ()


def test_one_that_never_rests_is_not_judged(desk: Desk) -> None:
    number = desk.open("more", edited(desk.files, *DEMO), SARA)

    def push() -> None:
        count = desk.forge.calls["notes"]
        desk.push("more", edited(desk.files, PITCH, "size: small", f"size: small # {count}"), SARA)
        desk.forge.push(number)
        desk.forge.before["notes"] = push

    desk.forge.before["notes"] = push
    outcome = desk.look(number)
    assert outcome.state == "moved"
    assert desk.forge.writes == 0


def test_rules_that_came_with_the_fetch_judge(desk: Desk) -> None:
    number = desk.open("fix", edited(desk.files, *DEMO), SARA)
    room = desk.room()
    freeze = "policies/freezes/stop.yaml"
    text = (
        "apiVersion: reconciler/v1\nkind: Freeze\nmetadata: {name: stop, owner: team-platform}\n"
        "spec: {scope: {everything: true}, reason: It burns., since: 2026-01-01}\n"
    )
    desk.forge.before["fetched"] = lambda: desk.moved({**desk.files, freeze: text})
    assert verdict(review(room, number)) is Verdict.DENY
    assert "frozen by team-platform" in note(desk.forge)
    assert "Wait until the freeze ends" in note(desk.forge)


def test_a_force_push_during_approval_asks_again(desk: Desk) -> None:
    number = desk.open("more", edited(desk.files, *BIGGER))
    desk.look(number)
    old = desk.forge.requests[number].head
    desk.push("more", edited(desk.files, *BIGGER_STILL))
    desk.forge.push(number)
    desk.forge.agree(number, head=old)  # of what stood on the screen
    assert verdict(desk.look(number)) is Verdict.NEEDS_APPROVAL
    assert f"it was given for the commit {old[:12]}" in note(desk.forge)


def test_a_branch_that_is_gone_is_told(desk: Desk) -> None:
    number = desk.open("fix", edited(desk.files, *DEMO), SARA)
    desk.project.repo.repository.references.delete("refs/heads/fix")
    desk.forge.push(number)
    outcome = desk.look(number)
    assert (outcome.state, outcome.review) == ("gone", None)
    assert "its branch `fix` is gone" in outcome.told
    assert desk.forge.writes == 0


def test_the_same_one_is_looked_at_by_one_at_a_time(desk: Desk) -> None:
    number = desk.open("fix", edited(desk.files, *DEMO), SARA)
    room = desk.room()
    with room.alone(number), pytest.raises(WaitingError, match=f"!{number} is being looked at"):
        desk.look(number)
    assert desk.look(number).state == "reviewed"


# --- the forge fails


def test_a_note_that_somebody_deleted_is_said_again(desk: Desk) -> None:
    number = desk.open("fix", edited(desk.files, *DEMO), SARA)
    desk.look(number)
    desk.forge.delete(number, desk.forge.ours(number)[0].id)
    assert desk.look(number).posted == ("the note",)
    assert len(desk.forge.ours(number)) == 1


def test_a_note_that_is_deleted_while_it_is_written_anew_is_said_again(desk: Desk) -> None:
    number = desk.open("fix", edited(desk.files, *DEMO), SARA)
    desk.look(number)
    own = desk.forge.ours(number)[0].id
    desk.push("fix", edited(desk.files, *BAD), SARA)
    desk.forge.push(number)
    desk.forge.before["rewrite"] = lambda: desk.forge.delete(number, own)
    desk.look(number)
    assert note(desk.forge).startswith("## ❌ DENY")


@pytest.mark.parametrize("answered", [False, True])
@pytest.mark.parametrize("error", [AWAY, BUSY])
def test_a_fault_at_any_move_loses_nothing_and_doubles_nothing(
    desk: Desk,
    error: TransientError | WaitingError,
    answered: bool,  # noqa: FBT001  # a table
) -> None:
    files = edited(edited(desk.files, *BAD), *BIGGER)
    whole = desk.open("whole", files, SARA)
    desk.look(whole)
    wanted = _there(desk, whole)
    moves = desk.forge.writes
    assert moves > 8
    for k in range(1, moves + 1):
        number = desk.open(f"k{k}", files, SARA)
        where = desk.forge.late if answered else desk.forge.faults
        where[desk.forge.writes + k] = error
        first = desk.look(number)
        assert [one.why for one in first.mishaps] == [error.message]
        assert desk.look(number).mishaps == ()
        assert _there(desk, number) == wanted, k
        assert desk.look(number).posted == ()


def _there(desk: Desk, number: int) -> object:
    """Everything that stands there, but for numbers and commits."""
    forge = desk.forge
    return (
        sorted(
            f"{one.place} {one.resolved} {'reconciler:note' in one.text}"
            for one in forge.ours(number)
        ),
        states(desk, number),
        forge.requests[number].labels,
        forge.asked.get(number),
    )


def test_a_forge_that_is_away_is_told(desk: Desk) -> None:
    number = desk.open("fix", edited(desk.files, *DEMO), SARA)

    def away() -> None:
        raise AWAY

    desk.forge.before["consents"] = away
    with pytest.raises(TransientError):
        desk.look(number)
    with pytest.raises(UsageError):
        desk.look(99)


# --- dry run, forks, signatures


def test_a_dry_run_posts_nothing(desk: Desk) -> None:
    number = desk.open("fix", edited(desk.files, *DEMO), SARA)
    outcome = desk.look(number, post=False)
    assert outcome.text.startswith("## ✅ ALLOW")
    assert (outcome.posted, desk.forge.writes) == ((), 0)


def test_a_title_that_is_hostile_is_not_in_the_note(desk: Desk) -> None:
    number = desk.open("fix", edited(desk.files, *DEMO), SARA, title="</details>\n/merge @all")
    desk.look(number)
    assert "/merge" not in note(desk.forge)


def test_a_secret_is_neither_in_the_note_nor_in_a_thread(desk: Desk) -> None:
    token = "glpat-" + "Zq7xW2mK9vRt4LpYc3Hd"
    files = edited(desk.files, FAIR, "size: medium", f"size: {token}")
    number = desk.open("bad", {**files, f"notes/{token}.txt": token}, SARA, title=token)
    assert verdict(desk.look(number)) is Verdict.DENY
    assert len(desk.forge.ours(number)) > 1
    assert all(token not in one.text for one in desk.forge.ours(number))
    assert token not in str(desk.forge.shown)
    assert token not in repr(desk.look(number))


def test_labels_of_others_are_left_alone(desk: Desk) -> None:
    labels = ("bug", "risk::L3", "track::roadmap", "track::platform", "risk::high")
    number = desk.open("fix", edited(desk.files, *DEMO), SARA, labels=labels)
    desk.look(number)
    kept = {"bug", "risk::high", "track::roadmap"}
    assert set(desk.forge.requests[number].labels) == {*kept, "risk::L1", "track::demo"}


def test_several_tracks_have_one_label(desk: Desk) -> None:
    number = desk.open("fix", edited(edited(desk.files, *DEMO), *BIGGER))
    desk.look(number)
    assert desk.forge.requests[number].labels == ("risk::L2", "track::several")


# --- all of them


def test_all_are_looked_at_and_one_that_fails_hides_none(desk: Desk) -> None:
    first = desk.open("one", edited(desk.files, *DEMO), SARA)
    second = desk.open("two", edited(desk.files, *BIGGER))
    third = desk.open("three", edited(desk.files, *BAD), SARA)

    def away() -> None:
        raise AWAY

    def lost() -> None:
        raise LookupError("something that nobody thought of")

    desk.forge.before["consents"] = away
    assert [one.state for one in desk.look_all()] == ["failed", "reviewed", "reviewed"]
    desk.forge.touch(first)
    desk.forge.before["consents"] = lost
    told = {one.number: one for one in desk.look_all()}
    assert told[first].state == "failed"
    assert "our fault: LookupError" in told[first].told
    states_now = [one.state for one in desk.look_all()]
    assert states_now == ["reviewed", "skipped", "skipped"]
    assert [one.state for one in desk.look_all()] == ["reviewed", "skipped", "skipped"]
    assert [one.state for one in desk.look_all()] == ["skipped"] * 3
    assert {first, second, third} == {1, 2, 3}


def test_what_changed_is_looked_at_again(desk: Desk) -> None:
    number = desk.open("more", edited(desk.files, *BIGGER))

    def rest() -> None:
        while "skipped" not in [one.state for one in desk.look_all()]:
            pass

    rest()
    desk.forge.agree(number)
    assert [one.state for one in desk.look_all()] == ["reviewed"]
    assert note(desk.forge).startswith("## ✅ ALLOW")
    rest()
    desk.moved(edited(desk.files, CUSTOMER, "description:", "description: Also"), SARA)
    assert [one.state for one in desk.look_all()] == ["reviewed"]
    rest()
    del number


def test_a_thousand_of_which_one_changed_cost_their_listing(desk: Desk) -> None:
    desk.push("same", edited(desk.files, *BIGGER))
    for _ in range(1000):
        desk.forge.propose("same")
    room = desk.room()
    memory = desk.ports.reviewed(desk.project.repo.path)
    for one in desk.forge.requests.values():
        memory(one.number).put(room.word(one))
    desk.push("other", edited(desk.files, *BIGGER_STILL))
    desk.forge.touch(500, source="other", head=desk.forge.heads("other"))
    desk.forge.agree(500)
    desk.forge.calls.clear()
    found = desk.look_all()
    assert [one.number for one in found if one.state == "reviewed"] == [500]
    assert desk.forge.calls["open_ones"] == 1
    assert desk.forge.calls["fetched"] == 1
    assert desk.forge.reads <= 5
