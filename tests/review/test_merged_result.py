"""Two changes that are each well and together are not: what would be merged is what is judged."""

from __future__ import annotations

import pygit2

from reconciler.model.decision import Verdict
from reconciler.model.review import Outcome
from tests.check.project import FAIR, PITCH, SARA
from tests.repos import Files, edited
from tests.review.conftest import Desk
from tests.review.test_review import BAD, BIGGER, DEMO, note, verdict

FOUR = 4


def several(files: Files, letter: str) -> Files:
    """Four more of one team, of which the profile lets it have ten."""
    return {
        **files,
        **{
            f"environments/demo/{letter}-{n}.yaml": files[PITCH].replace(
                "pitch-acme", f"{letter}-{n}"
            )
            for n in range(FOUR)
        },
    }


def merged(desk: Desk, number: int) -> None:
    """Somebody merges it."""
    commit = desk.forge.brings("main", desk.forge.requests[number].head)
    desk.forge.touch(number, state="merged", merged=commit)
    desk.base = commit


def rules(outcome: Outcome) -> set[str]:
    assert outcome.review is not None
    return {each.finding.rule for one in outcome.review.report.decisions for each in one.findings}


def test_a_quota_that_two_exceed_together_lets_the_second_not_in(desk: Desk) -> None:
    first = desk.open("first", several(desk.files, "a"), SARA)
    second = desk.open("second", several(desk.files, "b"), SARA)
    desk.open("third", several(desk.files, "c"), SARA)
    for number in (first, second):
        assert verdict(desk.look(number)) is Verdict.ALLOW
    merged(desk, first)
    assert verdict(desk.look(second)) is Verdict.ALLOW
    merged(desk, second)
    found = desk.look(3)
    assert verdict(found) is Verdict.DENY
    assert rules(found) >= {"quota-exceeded"}
    assert "the target branch went on" in note(desk.forge, 3)


def test_a_conflict_is_told_with_its_file(desk: Desk) -> None:
    number = desk.open("fix", edited(desk.files, FAIR, "\n  ttl: 10d", "\n  ttl: 9d"), SARA)
    assert verdict(desk.look(number)) is Verdict.ALLOW
    (seen,) = desk.look_all()
    assert seen.state in ("reviewed", "skipped")
    desk.look_all()
    (seen,) = desk.look_all()
    assert seen.state == "skipped"
    desk.moved(edited(desk.files, FAIR, "\n  ttl: 10d", "\n  ttl: 8d"), SARA)
    (outcome,) = desk.look_all()  # it meets the change, so that it is looked at
    assert verdict(outcome) is Verdict.DENY
    assert "merge-conflict" in rules(outcome)
    text = note(desk.forge)
    assert "DENY" in text.partition("\n")[0]
    assert FAIR in text
    assert "git cannot merge the two" in text
    assert "merge the target branch into the branch" in text
    # it is mended by hand
    desk.push("fix", edited(desk.files, FAIR, "\n  ttl: 8d", "\n  ttl: 7d"), SARA)
    desk.forge.push(number)
    assert verdict(desk.look(number)) is Verdict.ALLOW


def test_what_the_target_took_in_elsewhere_has_nothing_looked_at_again(desk: Desk) -> None:
    desk.open("fix", edited(desk.files, *DEMO), SARA)
    for _ in range(2):
        desk.look_all()
    desk.moved(edited(desk.files, FAIR, "\n  ttl: 10d", "\n  ttl: 8d"), SARA)
    desk.forge.calls.clear()
    (outcome,) = desk.look_all()
    assert outcome.state == "skipped"
    assert desk.forge.reads == 0


def test_an_agreement_stays_one_when_the_target_goes_on_elsewhere(desk: Desk) -> None:
    number = desk.open("more", edited(desk.files, *BIGGER))
    assert verdict(desk.look(number)) is Verdict.NEEDS_APPROVAL
    desk.forge.agree(number)
    assert verdict(desk.look(number)) is Verdict.ALLOW
    desk.moved(edited(desk.files, FAIR, "\n  ttl: 10d", "\n  ttl: 8d"), SARA)
    found = desk.look(number)
    assert verdict(found) is Verdict.ALLOW
    assert found.review is not None
    # Only what it brings by itself is judged, and under its own name.
    assert [one.name for one in found.review.report.touched] == ["acme-portal"]
    assert found.review.report.head == desk.forge.requests[number].head
    paths = {one.environment for one in found.review.report.decisions}
    assert paths == {"", "acme-portal"}


def test_what_is_merged_of_one_file_has_its_findings_in_the_note_and_on_no_line(
    desk: Desk,
) -> None:
    """Lines of what git would make are none of those that the person pushed."""
    number = desk.open("bad", edited(desk.files, *BAD), SARA)
    desk.moved(
        edited(desk.files, FAIR, "kind: Environment\n", "kind: Environment\n# a word\n"), SARA
    )
    outcome = desk.look(number)
    assert verdict(outcome) is Verdict.DENY
    assert "DENY" in note(desk.forge)
    assert all(one.place is None for one in desk.forge.ours(number))
    # brought up to date, it is told on its line
    desk.push("bad", edited(desk.files, *BAD), SARA)
    desk.forge.push(number)
    desk.look(number)
    assert [one.place.line for one in desk.forge.ours(number) if one.place] != []


def test_nothing_more_is_written_where_the_target_stayed(desk: Desk) -> None:
    number = desk.open("fix", edited(desk.files, *DEMO), SARA)
    before = _objects(desk)
    desk.look(number)
    assert _objects(desk) == before


def _objects(desk: Desk) -> int:
    repository = pygit2.Repository(str(desk.project.repo.path))
    return sum(1 for _ in repository)
