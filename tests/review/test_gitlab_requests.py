"""What looking at merge requests costs on GitLab, counted by the fake."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from reconciler.app.review import review
from reconciler.model.review import Outcome
from reconciler.settings import ProcessSettings
from tests.check.project import INES, PORTAL, Warm, base_files
from tests.fakes.gitlab.state import Merge
from tests.forge import gitlab_forges as people
from tests.forge.gitlab_forges import GitLabForges
from tests.repos import edited
from tests.review.samples_at_gitlab import Watcher, reads, samples_at_gitlab

BIGGER = (PORTAL, "desired_count: 4", "desired_count: 5")
BIGGER_STILL = (PORTAL, "desired_count: 4", "desired_count: 6")
MANY = 120
"""Two pages."""


@pytest.fixture
def forges(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[GitLabForges]:
    monkeypatch.setenv("RECONCILER_STATE_DIR", str(tmp_path / "state"))
    monkeypatch.setenv("GITLAB_TOKEN", "glpat-bot")
    monkeypatch.setattr(people, "WHO", INES)
    with samples_at_gitlab(tmp_path / "gitlab", base_files(), tmp_path / "work") as made:
        yield made


@pytest.fixture
def watcher(warmed: Warm, forges: GitLabForges, tmp_path: Path) -> Watcher:
    """It looked at the one that will change, and at many that will not."""
    ports = replace(warmed, settings=ProcessSettings())
    made = Watcher(ports, tmp_path / "work")
    push(forges, BIGGER)
    ines = forges.lab.user("ines", 30, id=3001)
    for _ in range(MANY):
        forges.lab.opened(ines, "more", "main", "More")
    review(made.room(), 7)
    forges.lab.settle()
    made.settled()
    reads(forges)
    return made


def push(forges: GitLabForges, change: tuple[str, str, str]) -> None:
    forges.push("more", {PORTAL: edited(base_files(), *change)[PORTAL]})


def touched(forges: GitLabForges) -> Merge:
    """Something about it, and about no other one, changed."""
    merge = forges.lab.merges[7]
    merge.updated = forges.lab.now()
    return merge


def only(found: list[Outcome]) -> Outcome:
    (one,) = [each for each in found if each.state != "skipped"]
    assert (one.number, one.state, one.mishaps) == (7, "reviewed", ())
    return one


def test_nothing_changed_costs_the_listing(forges: GitLabForges, watcher: Watcher) -> None:
    assert {one.state for one in watcher.look_all()} == {"skipped"}
    assert reads(forges) == []


@pytest.mark.parametrize("people", [0, 1, 3])
def test_one_that_changed_costs_five_requests(
    forges: GitLabForges, watcher: Watcher, people: int
) -> None:
    merge = touched(forges)
    for number in range(people):
        forges.lab.approved(merge, forges.lab.user(f"person-{number}", 30))
    only(watcher.look_all())
    found = reads(forges)
    assert len(found) == (5 if people else 4), found


@pytest.mark.parametrize("approved", [True, False])
def test_one_that_was_pushed_to_costs_five_requests(
    forges: GitLabForges, watcher: Watcher, *, approved: bool
) -> None:
    forges.lab.patience = 1000  # GitLab has not taken the approval away yet
    if approved:
        forges.lab.approved(forges.lab.merges[7], forges.lab.user("ben", 30))
    other = forges.push("other", {PORTAL: edited(base_files(), *BIGGER_STILL)[PORTAL]})
    forges.lab.merges[7].source = "other"
    forges.lab.notice()
    outcome = only(watcher.look_all())
    assert outcome.review is not None
    assert outcome.review.report.head == other
    assert outcome.posted
    found = reads(forges)
    assert len(found) == (5 if approved else 4), found


def test_a_new_process_asks_once_who_it_is(
    forges: GitLabForges, watcher: Watcher, warmed: Warm
) -> None:
    touched(forges)
    anew = Watcher(replace(warmed, settings=ProcessSettings()), watcher.work)
    only(anew.look_all())
    assert len(reads(forges)) == 5
