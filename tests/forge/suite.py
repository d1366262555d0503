"""What every forge does, in whatever way: all adapters pass these, and nothing here knows which.

`class TestMine(ForgeSuite)` with a fixture `forges` runs them. Where forges may differ a test says
so, and holds what all of them promise.
"""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from reconciler.errors import ReconcilerError, TransientError, UsageError, WaitingError
from reconciler.model.approval import Person
from reconciler.model.merge_request import (
    Deployment,
    MergeRequest,
    Note,
    Place,
    Proposal,
    Status,
    StatusState,
)
from reconciler.ports import Forge
from tests.forge.forges import Forges

DIGEST = "sha256:" + "ab" * 32
HOSTILE = (
    "</details><script>alert(1)</script> `x` | @all /close [a](javascript:b) ![i](//c) &lt; _*#"
)


def opened(
    forges: Forges, branch: str = "feature", title: str = "A change", by: str = "ada"
) -> tuple[Forge, MergeRequest]:
    """One with one commit in it, opened by somebody."""
    forges.push(branch, {f"{branch}.txt": "one\ntwo\nthree\n"})
    forge = forges.as_user(by)
    return forge, forge.open(Proposal(title, "Because.", branch, "main"))


def said(notes: Sequence[Note], note: Note) -> Note:
    (found,) = [one for one in notes if one.id == note.id]
    return found


def stalled(error: ReconcilerError) -> bool:
    """Whether trying again is no use, and the person is told so."""
    return not isinstance(error, TransientError | WaitingError)


class ForgeSuite:
    """Requests a fixture `forges`."""

    # ------------------------------------------------------------------- opening and telling

    def test_what_was_opened_is_told(self, forges: Forges) -> None:
        head = forges.push("feature", {"a.txt": "a"})
        ada = forges.as_user("ada")
        made = ada.open(
            Proposal("Give it more", "It is *slow*.\n\nVery.", "feature", "main", ("x",))
        )
        for told in (made, forges.as_user("ben").merge_request(made.number)):
            assert (told.title, told.description) == ("Give it more", "It is *slow*.\n\nVery.")
            assert (told.source, told.target, told.head) == ("feature", "main", head)
            assert (told.state, told.draft, told.fork, told.merged) == ("open", False, False, "")
            assert told.labels == ("x",)
            assert told.author.name == ada.me().name
            assert told.updated >= told.opened
        assert made.number > 0

    def test_opening_twice_opens_one(self, forges: Forges) -> None:
        ada, first = opened(forges)
        again = ada.open(Proposal("Another title", "Another reason.", "feature", "main"))
        assert again.number == first.number
        assert (again.title, again.description) == ("Another title", "Another reason.")
        assert [one.number for one in ada.open_ones("main")] == [first.number]
        by_another = forges.as_user("ben").open(Proposal("Ben's", "", "feature", "main"))
        assert by_another.number == first.number

    def test_open_ones_are_listed_by_number_and_target(self, forges: Forges) -> None:
        forges.push("release", {"r.txt": "r"})
        ada, one = opened(forges, "one")
        _, two = opened(forges, "two")
        _, three = opened(forges, "three")
        other = ada.open(Proposal("To another", "", "one", "release"))
        ada.close(two.number)
        assert [found.number for found in ada.open_ones("main")] == [one.number, three.number]
        assert [found.number for found in ada.open_ones("release")] == [other.number]
        assert list(ada.open_ones("nowhere")) == []
        listed = next(iter(ada.open_ones("main")))
        assert (listed.title, listed.head) == (one.title, forges.tip("one"))

    @pytest.mark.parametrize(
        "source, target", [("nothing", "main"), ("feature", "nothing"), ("main", "main")]
    )
    def test_nothing_opens_between_branches_that_are_not_two(
        self, forges: Forges, source: str, target: str
    ) -> None:
        forges.push("feature", {"a.txt": "a"})
        ada = forges.as_user("ada")
        with pytest.raises(UsageError) as failed:
            ada.open(Proposal("x", "", source, target))
        assert failed.value.hint
        assert list(ada.open_ones("main")) == []

    def test_one_that_is_not_there_is_wrong_usage(self, forges: Forges) -> None:
        ada = forges.as_user("ada")
        for ask in (ada.merge_request, ada.close, ada.notes, ada.consents, ada.unapprove):
            with pytest.raises(UsageError):
                ask(4711)
        with pytest.raises(UsageError):
            ada.say(4711, "hello")
        with pytest.raises(UsageError):
            ada.merge(4711, forges.tip("main"))

    def test_it_can_say_something_else(self, forges: Forges) -> None:
        forges.push("release", {"r.txt": "r"})
        ada, made = opened(forges)
        assert ada.edit(made.number, title="Better").title == "Better"
        assert ada.merge_request(made.number).description == "Because."
        assert ada.edit(made.number, description="").description == ""
        moved = ada.edit(made.number, target="release")
        assert (moved.target, moved.title) == ("release", "Better")
        assert [one.number for one in ada.open_ones("release")] == [made.number]
        assert list(ada.open_ones("main")) == []

    def test_a_draft_says_so_and_is_not_merged(self, forges: Forges) -> None:
        head = forges.push("feature", {"a.txt": "a"})
        ada = forges.as_user("ada")
        made = ada.open(Proposal("Not yet", "", "feature", "main", draft=True))
        assert made.draft
        assert "Not yet" in made.title
        with pytest.raises(ReconcilerError) as failed:
            ada.merge(made.number, head)
        assert stalled(failed.value)
        ready = ada.edit(made.number, title="Now")
        assert not ready.draft
        assert ada.merge(made.number, head)

    def test_hostile_words_are_only_words(self, forges: Forges) -> None:
        forges.push("feature", {"a.txt": "a"})
        ada = forges.as_user("ada")
        made = ada.open(Proposal(HOSTILE, "/close\n/label ~mine\n" + HOSTILE, "feature", "main"))
        assert made.title == HOSTILE
        note = ada.say(made.number, "/close\n" + HOSTILE)
        ada.rewrite(made.number, note.id, "/merge\n/approve\n" + HOSTILE)
        now = ada.merge_request(made.number)
        assert (now.state, now.labels, now.title) == ("open", (), HOSTILE)
        assert HOSTILE in said(ada.notes(made.number), note).text
        assert ada.consents(made.number) == ()

    def test_its_last_commit_can_be_had(self, forges: Forges) -> None:
        ada, made = opened(forges)
        assert ada.fetched(made) == made.head
        head = forges.push("feature", {"b.txt": "b"})
        now = ada.merge_request(made.number)
        assert (now.head, ada.fetched(now)) == (head, head)

    def test_a_forced_push_is_a_new_head(self, forges: Forges) -> None:
        ada, made = opened(forges)
        head = forges.push("feature", {"other.txt": "o"}, anew=True)
        now = ada.merge_request(made.number)
        assert (now.head, now.state) == (head, "open")
        with pytest.raises(WaitingError):
            ada.merge(made.number, made.head)

    def test_a_fork_says_so(self, forges: Forges) -> None:
        if not forges.forks:
            pytest.skip("this forge has no forks")
        head = forges.push("theirs", {"f.txt": "f"}, fork=True)
        number = forges.open_from_fork("theirs", "From outside")
        ada = forges.as_user("ada")
        found = ada.merge_request(number)
        assert (found.fork, found.head, found.source) == (True, head, "theirs")
        assert ada.fetched(found) == head

    # ------------------------------------------------------------------ closing and reopening

    def test_closing_and_reopening_twice_is_once(self, forges: Forges) -> None:
        ada, made = opened(forges)
        for _ in range(2):
            assert ada.close(made.number).state == "closed"
        assert list(ada.open_ones("main")) == []
        for _ in range(2):
            assert ada.reopen(made.number).state == "open"
        assert [one.number for one in ada.open_ones("main")] == [made.number]

    def test_a_closed_one_is_not_merged_and_the_next_has_a_number_of_its_own(
        self, forges: Forges
    ) -> None:
        ada, made = opened(forges)
        ada.close(made.number)
        with pytest.raises(ReconcilerError) as failed:
            ada.merge(made.number, made.head)
        assert stalled(failed.value)
        second = ada.open(Proposal("Again", "", "feature", "main"))
        assert second.number != made.number
        with pytest.raises(ReconcilerError) as failed:
            ada.reopen(made.number)
        assert stalled(failed.value)
        assert [one.number for one in ada.open_ones("main")] == [second.number]

    def test_without_its_branch_nothing_is_merged(self, forges: Forges) -> None:
        ada, made = opened(forges)
        before = forges.tip("main")
        forges.delete_branch("feature")
        now = ada.merge_request(made.number)
        assert now.state != "merged"
        assert now.head in ("", made.head)
        with pytest.raises(ReconcilerError):
            ada.merge(made.number, made.head)
        assert forges.tip("main") == before

    # ------------------------------------------------------------------------------ merging

    def test_what_a_commit_was_brought_by_is_what_git_shows(self, forges: Forges) -> None:
        first = forges.tip("main")
        ada, one = opened(forges, "one")
        _, two = opened(forges, "two")
        assert ada.brought(first) is None
        assert ada.brought(one.head) is None, "it is not merged"
        merged = ada.merge(one.number, one.head)
        ada.fetched(two)  # and the target with it
        later = ada.merge(two.number, two.head)
        ada.fetched(opened(forges, "three")[1])
        for commit, made in ((merged, one), (one.head, one), (later, two)):
            found = forges.as_user("ben").brought(commit)
            assert found is not None
            assert (found.number, found.head, found.state) == (made.number, made.head, "merged")
        direct = forges.push("main", {"direct.txt": "past every merge request"})
        ada.fetched(opened(forges, "four")[1])
        assert ada.brought(direct) is None

    def test_merging_brings_it_into_the_target(self, forges: Forges) -> None:
        ada, made = opened(forges)
        forges.push("main", {"meanwhile.txt": "m"})
        before = forges.tip("main")
        commit = forges.as_user("ben").merge(made.number, made.head, "Take it\n\nFor reasons.")
        assert forges.behind("main", commit)
        assert forges.behind("main", before)
        assert forges.behind("main", made.head)
        assert forges.file("main", "feature.txt") == "one\ntwo\nthree\n"
        assert forges.file("main", "meanwhile.txt") == "m"
        assert forges.message(commit).startswith("Take it\n\nFor reasons.")
        now = ada.merge_request(made.number)
        assert (now.state, now.merged) == ("merged", commit)
        assert list(ada.open_ones("main")) == []

    def test_a_merge_says_what_it_merged(self, forges: Forges) -> None:
        ada, made = opened(forges, title="Give it more")
        assert "Give it more" in forges.message(ada.merge(made.number, made.head))

    def test_merging_twice_is_once(self, forges: Forges) -> None:
        ada, made = opened(forges)
        commit = ada.merge(made.number, made.head)
        tip = forges.tip("main")
        assert forges.as_user("ben").merge(made.number, made.head) == commit
        assert forges.tip("main") == tip

    def test_what_was_merged_stays_so(self, forges: Forges) -> None:
        ada, made = opened(forges)
        commit = ada.merge(made.number, made.head)
        for ask in (ada.close, ada.reopen):
            with pytest.raises(ReconcilerError) as failed:
                ask(made.number)
            assert stalled(failed.value)
        if forges.tip("feature"):
            forges.delete_branch("feature")
        now = ada.merge_request(made.number)
        assert (now.state, now.merged) == ("merged", commit)

    def test_another_head_waits(self, forges: Forges) -> None:
        ada, made = opened(forges)
        head = forges.push("feature", {"more.txt": "m"})
        before = forges.tip("main")
        with pytest.raises(WaitingError):
            ada.merge(made.number, made.head)
        assert forges.tip("main") == before
        assert ada.merge_request(made.number).state == "open"
        assert ada.merge(made.number, head)

    def test_conflicts_are_told_file_by_file(self, forges: Forges) -> None:
        odd = "odd`<img>\x1b[31m.txt"
        ours, theirs = (dict.fromkeys(("a.txt", "deep/b.txt", odd), who) for who in "ot")
        head = forges.push("feature", {**ours, "fine.txt": "f"})
        ada = forges.as_user("ada")
        made = ada.open(Proposal("Conflicts", "", "feature", "main"))
        before = forges.push("main", {**theirs})
        with pytest.raises(UsageError) as failed:
            ada.merge(made.number, head)
        for path in ("a.txt", "deep/b.txt", "odd`<img>"):
            assert path in failed.value.message
        assert "fine.txt" not in failed.value.message
        assert failed.value.hint
        assert "\x1b" not in failed.value.message + failed.value.hint + failed.value.subject
        assert forges.tip("main") == before
        assert ada.merge_request(made.number).state == "open"

    def test_a_file_taken_away_here_and_changed_there_is_a_conflict(self, forges: Forges) -> None:
        forges.push("main", {"both.txt": "one"})
        head = forges.push("feature", {"both.txt": None})
        ada = forges.as_user("ada")
        made = ada.open(Proposal("Away with it", "", "feature", "main"))
        forges.push("main", {"both.txt": "two"})
        with pytest.raises(UsageError, match=r"both\.txt"):
            ada.merge(made.number, head)

    # ----------------------------------------------------------------------------- approving

    def test_who_agrees_is_told_with_what_to(self, forges: Forges) -> None:
        _, made = opened(forges)
        ben = forges.as_user("ben")
        assert ben.consents(made.number) == ()
        for _ in range(2):
            ben.approve(made.number, made.head, (("shop", DIGEST),), "f00d")
        (found,) = forges.as_user("ada").consents(made.number)
        assert found.by.name == ben.me().name
        assert found.head == made.head
        # a forge whose approvals say nothing of plans tells so, and invents nothing
        assert found.plans in (None, (("shop", DIGEST),))
        assert found.policies in ("", "f00d")

    def test_everybody_agrees_for_themselves(self, forges: Forges) -> None:
        _, made = opened(forges)
        ben, bot = forges.as_user("ben"), forges.as_user("bot")
        ben.approve(made.number, made.head)
        bot.approve(made.number, made.head)
        assert {one.by.name for one in ben.consents(made.number)} == {
            ben.me().name,
            bot.me().name,
        }
        for _ in range(2):
            ben.unapprove(made.number)
        assert [one.by.name for one in ben.consents(made.number)] == [bot.me().name]

    def test_a_push_never_moves_an_approval_along(self, forges: Forges) -> None:
        _, made = opened(forges)
        ben = forges.as_user("ben")
        ben.approve(made.number, made.head)
        head = forges.push("feature", {"evil.txt": "e"})
        assert ben.merge_request(made.number).head == head
        # it may be gone by then, or be told for what it was given for
        assert {one.head for one in ben.consents(made.number)} <= {made.head}
        ben.approve(made.number, head)
        assert head in {one.head for one in ben.consents(made.number)}

    def test_nobody_agrees_to_what_is_not_there_any_more(self, forges: Forges) -> None:
        _, made = opened(forges)
        forges.push("feature", {"evil.txt": "e"})
        ben = forges.as_user("ben")
        with pytest.raises(WaitingError):
            ben.approve(made.number, made.head)
        assert ben.consents(made.number) == ()

    # ------------------------------------------------------------------------------ speaking

    def test_what_is_said_stays_in_order(self, forges: Forges) -> None:
        ada, made = opened(forges)
        ben = forges.as_user("ben")
        words = ["one", "**two**\n\n- and\n- more", "three \N{SNOWMAN}"]
        first = ada.say(made.number, words[0])
        second = ben.say(made.number, words[1])
        third = ada.say(made.number, words[2])
        found = ada.notes(made.number)
        assert [one.text for one in found] == words
        assert [one.id for one in found] == [first.id, second.id, third.id]
        assert len({one.thread for one in found}) == 3
        assert [one.ours for one in found] == [True, False, True]
        assert [one.ours for one in ben.notes(made.number)] == [False, True, False]
        assert [one.by.name for one in found] == [ada.me().name, ben.me().name, ada.me().name]
        assert all(one.edited >= one.at for one in found)

    def test_an_answer_stands_in_its_thread(self, forges: Forges) -> None:
        ada, made = opened(forges)
        note = ada.say(made.number, "why?")
        ada.say(made.number, "something else")
        answer = forges.as_user("ben").say(made.number, "so.", thread=note.thread)
        found = ada.notes(made.number)
        assert said(found, answer).thread == said(found, note).thread
        assert len({one.thread for one in found}) == 2
        with pytest.raises(UsageError):
            ada.say(made.number, "to nobody", thread="f" * 40)

    def test_a_note_is_rewritten_in_place(self, forges: Forges) -> None:
        ada, made = opened(forges)
        note = ada.say(made.number, "running")
        for _ in range(2):
            assert ada.rewrite(made.number, note.id, "done")
        (found,) = ada.notes(made.number)
        assert (found.id, found.text) == (note.id, "done")
        assert found.edited >= note.at

    def test_a_note_that_is_gone_is_told(self, forges: Forges) -> None:
        ada, made = opened(forges)
        gone = forges.deleted_note(made.number)
        assert not ada.rewrite(made.number, gone, "anybody?")
        assert [one.text for one in ada.notes(made.number)] == []

    def test_a_line_is_spoken_about_and_settled(self, forges: Forges) -> None:
        ada, made = opened(forges)
        note = ada.say(made.number, "mend this", place=Place("feature.txt", 2))
        (found,) = ada.notes(made.number)
        assert (found.place, found.resolved) == (Place("feature.txt", 2), False)
        for resolved in (True, True, False):
            ada.settle(made.number, note.thread, resolved=resolved)
            (found,) = ada.notes(made.number)
            assert found.resolved is resolved
        ada.settle(made.number, "f" * 40, resolved=True)

    def test_what_cannot_be_said_of_a_line_is_said_all_the_same(self, forges: Forges) -> None:
        ada, made = opened(forges)
        ada.say(made.number, "elsewhere", place=Place("not/there.txt", 7))
        (found,) = ada.notes(made.number)
        assert "elsewhere" in found.text

    def test_a_long_note_is_whole_or_refused(self, forges: Forges) -> None:
        ada, made = opened(forges)
        text = "x" * ada.writes_size
        ada.say(made.number, text)
        with pytest.raises(ReconcilerError) as failed:
            ada.say(made.number, text + "x")
        assert stalled(failed.value)
        assert [len(one.text) for one in ada.notes(made.number)] == [len(text)]

    # ------------------------------------------------------------- labels, people, statuses

    def test_labels_are_given_and_taken(self, forges: Forges) -> None:
        ada, made = opened(forges)
        for _ in range(2):
            ada.labelled(made.number, ["risk::L1", "track::demo"], ["not-there"])
        assert set(ada.merge_request(made.number).labels) == {"risk::L1", "track::demo"}
        ada.labelled(made.number, ["risk::L2"], ["risk::L1"])
        assert set(ada.merge_request(made.number).labels) == {"risk::L2", "track::demo"}
        ada.labelled(made.number, [], [])
        assert set(ada.merge_request(made.number).labels) == {"risk::L2", "track::demo"}

    def test_people_are_asked_once(self, forges: Forges) -> None:
        ada, made = opened(forges)
        nobody = Person("Nobody Known", "nobody@example.com")
        for _ in range(2):
            ada.suggest(made.number, [forges.as_user("ben").me(), nobody])
        ada.suggest(made.number, [])

    def test_statuses_are_shown_and_the_same_again_is_no_failure(self, forges: Forges) -> None:
        ada, made = opened(forges)
        assert ada.statuses(made) == {}
        states: list[StatusState] = ["running", "running", "failed", "failed", "success", "success"]
        for state in states:
            ada.show_status(made, Status("reconciler/policy", state, f"it is {state}"))
            assert ada.statuses(made)["reconciler/policy"].state == state
        ada.show_status(made, Status("reconciler", "running", "all"))
        assert set(forges.as_user("ben").statuses(made)) == {"reconciler", "reconciler/policy"}

    def test_a_new_head_has_no_status_yet(self, forges: Forges) -> None:
        ada, made = opened(forges)
        ada.show_status(made, Status("reconciler", "success", "fine"))
        forges.push("feature", {"more.txt": "m"})
        assert ada.statuses(ada.merge_request(made.number)) == {}

    def test_an_apply_is_shown_and_the_same_again_is_no_failure(self, forges: Forges) -> None:
        ada = forges.as_user("ada")
        tip = forges.tip("main")
        for _ in range(2):
            ada.deployed(Deployment("shop", tip, "main", "running"))
        ada.deployed(Deployment("shop", tip, "main", "success", production=True))

    def test_the_forge_can_be_examined(self, forges: Forges) -> None:
        ada = forges.as_user("ada")
        assert ada.name
        found = list(ada.examine("main", "records"))
        assert all(one.what and one.told for one in found)
        assert all(one.hint for one in found if one.good is False)
