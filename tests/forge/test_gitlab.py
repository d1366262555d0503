"""What is special about GitLab: approvals by time, statuses by pipeline, orders in texts."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reconciler.adapters.gitlab.reading import guarded, marked, unguarded
from reconciler.errors import ReconcilerError, UsageError, WaitingError
from reconciler.model.approval import Person
from reconciler.model.merge_request import Deployment, MergeRequest, Place, Proposal, Status
from reconciler.ports import Forge
from tests.forge.gitlab_forges import GitLabForges, gitlab_forges


@pytest.fixture
def forges(tmp_path: Path) -> Iterator[GitLabForges]:
    with gitlab_forges(tmp_path) as made:
        yield made


def opened(
    forges: GitLabForges, branch: str = "feature", text: str = "1\n2\n3\n"
) -> tuple[Forge, MergeRequest]:
    forges.push(branch, {f"{branch}.txt": text})
    ada = forges.as_user("ada")
    return ada, ada.open(Proposal("A change", "", branch, "main"))


def asked(forges: GitLabForges) -> list[str]:
    """What was asked since the last look, without the server's own address."""
    found = [f"{method} {path.partition('/projects/')[2]}" for method, path in forges.lab.asked]
    forges.lab.asked.clear()
    return found


def looked_at(forges: GitLabForges, made: MergeRequest) -> None:
    """GitLab finds out whether it can be merged when somebody looks, and later."""
    forges.lab.settle()
    forges.as_user("ada").merge_request(made.number)
    forges.lab.settle()


# --------------------------------------------------------------------------------- listing


def test_250_open_ones_cost_three_requests(forges: GitLabForges) -> None:
    author = next(iter(forges.lab.users.values()))
    head = forges.push("feature", {"a.txt": "a"})
    with forges.lab.lock:
        for number in range(250):
            forges.server.references.create(f"refs/heads/b{number}", head)
            forges.lab.opened(author, f"b{number}")
    ada = forges.as_user("ada")
    forges.lab.asked.clear()
    found = list(ada.open_ones("main"))
    assert [one.number for one in found] == list(range(1, 251))
    assert len(asked(forges)) == 3
    assert {one.author.forge_id for one in found} == {author.id}


def test_a_listing_is_read_only_as_far_as_it_is_wanted(forges: GitLabForges) -> None:
    author = next(iter(forges.lab.users.values()))
    forges.push("feature", {"a.txt": "a"})
    with forges.lab.lock:
        for _ in range(101):
            forges.lab.opened(author, "feature")
    ada = forges.as_user("ada")
    forges.lab.asked.clear()
    assert next(ada.open_ones("main")).number == 1
    assert len(asked(forges)) == 1


def test_a_project_is_found_by_its_path_and_by_its_number(forges: GitLabForges) -> None:
    opened(forges)
    by_number = forges.using("glpat-ada", project=str(forges.lab.project.id))
    assert [one.number for one in by_number.open_ones("main")] == [1]
    assert any("acme%2Fenvironments" in path for _, path in forges.lab.asked)


# ------------------------------------------------------------------------------- approvals


def test_an_approval_names_the_commit_that_was_there_when_it_was_given(
    forges: GitLabForges,
) -> None:
    ada, made = opened(forges)
    ben = next(one for one in forges.lab.users.values() if one.username == "ben")
    forges.lab.approved(forges.lab.merges[made.number], ben)
    forges.lab.patience = 100  # GitLab takes its time to take approvals away
    head = forges.push("feature", {"evil.txt": "e"})
    assert ada.merge_request(made.number).head == head
    (found,) = ada.consents(made.number)
    assert (found.by.forge_id, found.head) == (ben.id, made.head)
    forges.lab.settle()
    assert ada.consents(made.number) == ()


def test_an_approval_kept_over_a_rebase_still_names_the_old_commit(forges: GitLabForges) -> None:
    ada, made = opened(forges)
    forges.as_user("ben").approve(made.number, made.head)
    forges.push("main", {"meanwhile.txt": "m"})
    head = forges.push("feature", {"feature.txt": "1\n2\n3\n"}, anew=True)
    forges.lab.settle()
    assert ada.merge_request(made.number).head == head
    (found,) = ada.consents(made.number)
    assert found.head == made.head != head


def test_the_authors_own_approval_is_told_and_not_judged_here(forges: GitLabForges) -> None:
    ada, made = opened(forges)
    ada.approve(made.number, made.head)
    (found,) = ada.consents(made.number)
    assert found.by == made.author == ada.me()


def test_nobody_approved_costs_one_request(forges: GitLabForges) -> None:
    ada, made = opened(forges)
    asked(forges)
    assert ada.consents(made.number) == ()
    assert len(asked(forges)) == 1


@pytest.mark.parametrize("tier", ["Premium", "Ultimate"])
def test_without_rules_a_paid_tier_calls_it_approved_by_nobody(tmp_path: Path, tier: str) -> None:
    with gitlab_forges(tmp_path, tier) as forges:  # type: ignore[arg-type]  # a parameter
        ada, made = opened(forges)
        assert ada.consents(made.number) == ()


def test_who_may_not_approve_is_told(forges: GitLabForges) -> None:
    _, made = opened(forges)
    forges.lab.user("guest", 10)
    with pytest.raises(ReconcilerError) as failed:
        forges.using("glpat-guest").approve(made.number, made.head)
    assert failed.value.reason == "forge-denied"


# ---------------------------------------------------------------------------------- notes


@given(st.text(alphabet=st.sampled_from("/\\ \t\n>ab"), max_size=60))
def test_any_text_comes_back_as_it_was_and_holds_no_order(text: str) -> None:
    assert unguarded(marked(text)) == text
    assert not any(one.lstrip(" \t").startswith("/") for one in guarded(text).split("\n"))


def test_orders_in_a_text_are_not_obeyed(forges: GitLabForges) -> None:
    ada, made = opened(forges)
    text = "/merge\n/approve\nfine\n/close"
    note = ada.say(made.number, text)
    assert ada.notes(made.number)[0].text == text
    ada.rewrite(made.number, note.id, "/close\n")
    ada.edit(made.number, description="/label ~mine")
    assert forges.lab.commands == []
    assert ada.merge_request(made.number).state == "open"


def test_a_line_of_the_newest_version_is_spoken_about(forges: GitLabForges) -> None:
    ada, made = opened(forges)
    forges.push("feature", {"feature.txt": "1\n2\nthree\n4\n"})
    note = ada.say(made.number, "mend this", place=Place("feature.txt", 3))
    assert note.place == Place("feature.txt", 3)
    newest = forges.lab.merges[made.number].versions[0]
    position = forges.lab.merges[made.number].discussions[0].notes[0].position
    assert position is not None
    assert (position["head_sha"], position["base_sha"]) == (newest.head, newest.base)
    assert len(forges.lab.merges[made.number].versions) == 2


def test_a_line_that_is_not_in_the_diff_is_said_once_and_by_itself(forges: GitLabForges) -> None:
    ada, made = opened(forges)
    note = ada.say(made.number, "elsewhere", place=Place("README.md", 1))
    assert note.place is None
    assert [one.text for one in ada.notes(made.number)] == ["elsewhere"]


def test_what_a_person_said_can_be_answered(forges: GitLabForges) -> None:
    ada, made = opened(forges)
    ben = next(one for one in forges.lab.users.values() if one.username == "ben")
    forges.lab.said(forges.lab.merges[made.number], ben, "/reconciler check")
    (asked_for,) = ada.notes(made.number)
    assert (asked_for.text, asked_for.by.forge_id, asked_for.ours) == (
        "/reconciler check",
        ben.id,
        False,
    )
    answer = ada.say(made.number, "done", thread=asked_for.thread)
    assert answer.thread == asked_for.thread


def test_a_note_of_somebody_else_is_not_ours_to_change(forges: GitLabForges) -> None:
    ada, made = opened(forges)
    note = ada.say(made.number, "mine")
    forges.lab.user("dev", 30)
    with pytest.raises(ReconcilerError) as failed:
        forges.using("glpat-dev").rewrite(made.number, note.id, "yours")
    assert failed.value.reason == "forge-denied"
    assert [one.text for one in ada.notes(made.number)] == ["mine"]


# ------------------------------------------------------------------------------- statuses


def test_a_status_goes_to_the_head_pipeline_and_again_to_the_next(forges: GitLabForges) -> None:
    forges.lab.project.pipelines = True
    forges.lab.project.merged_results = True
    ada, made = opened(forges)
    merge = forges.lab.merges[made.number]
    assert ada.statuses(made) == {}
    ada.show_status(made, Status("reconciler", "success", "fine"))
    (kept,) = forges.lab.statuses
    assert (kept.pipeline, kept.sha) == (merge.pipelines[0].id, merge.pipelines[0].sha)
    assert kept.sha != made.head  # what is merged is tested, not what was pushed
    with forges.lab.lock:
        forges.lab.start(merge)
    assert ada.statuses(made) == {}
    ada.show_status(made, Status("reconciler", "success", "fine"))
    assert [one.pipeline for one in forges.lab.statuses] == [
        kept.pipeline,
        merge.pipelines[0].id,
    ]


def test_a_pipeline_of_an_older_push_is_not_spoken_about(forges: GitLabForges) -> None:
    forges.lab.project.pipelines = True
    for merged_results in (False, True):
        forges.lab.project.merged_results = merged_results
        branch = f"feature-{merged_results}"
        ada, made = opened(forges, branch)
        ada.show_status(made, Status("reconciler", "success", "fine"))
        forges.lab.project.pipelines = False  # as with `[skip ci]`
        forges.push(branch, {"evil.txt": "e"})
        now = ada.merge_request(made.number)
        assert ada.statuses(now) == {}
        ada.show_status(now, Status("reconciler", "failed", "evil"))
        assert forges.lab.statuses[-1].sha == now.head
        assert ada.statuses(now)["reconciler"].state == "failed"
        forges.lab.project.pipelines = True


def test_a_status_of_a_fork_is_on_no_branch_of_ours(forges: GitLabForges) -> None:
    forges.push("main", {"f.txt": "f"}, fork=True)
    number = forges.open_from_fork("main", "From outside")
    ada = forges.as_user("ada")
    made = ada.merge_request(number)
    ada.show_status(made, Status("reconciler", "failed", "no"))
    assert ada.statuses(made)["reconciler"].state == "failed"
    assert {one.ref for one in forges.lab.pipelines.values()} == {"refs/merge-requests/1/head"}


def test_a_gate_with_the_name_of_a_job_is_told(forges: GitLabForges) -> None:
    forges.lab.project.pipelines = True
    forges.lab.project.ci_jobs = ("check",)
    ada, made = opened(forges)
    with pytest.raises(ReconcilerError) as failed:
        ada.show_status(made, Status("check", "success", "fine"))
    assert failed.value.reason == "status-name-taken"
    assert failed.value.hint


def test_a_status_says_no_more_than_fits(forges: GitLabForges) -> None:
    ada, made = opened(forges)
    ada.show_status(made, Status("reconciler", "failed", "x" * 300, "javascript:alert(1)"))
    found = ada.statuses(made)["reconciler"]
    assert len(found.text) == 255
    assert found.link == ""


def test_statuses_of_one_head_cost_one_request_each(forges: GitLabForges) -> None:
    ada, made = opened(forges)
    ada.statuses(made)
    asked(forges)
    for name in ("a", "b", "c"):
        ada.show_status(made, Status(name, "running", ""))
    assert len(asked(forges)) == 3


def test_each_apply_is_one_deployment_with_its_outcome(forges: GitLabForges) -> None:
    ada, tip = forges.as_user("ada"), forges.tip("main")
    for state in ("running", "running", "success", "success"):
        ada.deployed(Deployment("shop", tip, "main", state, production=True))
    assert [(one.environment, one.status) for one in forges.lab.deployments] == [
        ("shop", "success")
    ]
    assert [(one.name, one.tier) for one in forges.lab.environments] == [("shop", "production")]
    ada.deployed(Deployment("shop", tip, "main", "running"))
    ada.deployed(Deployment("shop", tip, "main", "failed"))
    assert [one.status for one in forges.lab.deployments] == ["success", "failed"]


# -------------------------------------------------------------------------------- merging


@pytest.mark.parametrize("how", ["ff", "squash"])
def test_what_brought_a_commit_is_believed_when_git_shows_it(
    forges: GitLabForges, how: str
) -> None:
    """A squash leaves nothing of what was agreed to behind it: only GitLab's word."""
    forges.lab.project.merge_method = "ff" if how == "ff" else "merge"
    forges.lab.project.squash = how == "squash"
    ada, made = opened(forges)
    commit = ada.merge(made.number, made.head)
    ada.fetched(ada.merge_request(made.number))
    found = ada.brought(commit)
    if how == "squash":
        assert found is None
    else:
        assert found is not None
        assert (found.number, found.head) == (made.number, made.head)


def test_a_commit_that_gitlab_does_not_know_is_told(forges: GitLabForges) -> None:
    with pytest.raises(ReconcilerError):
        forges.as_user("ada").brought("a" * 40)


def test_a_fast_forward_leaves_the_commit_itself(forges: GitLabForges) -> None:
    forges.lab.project.merge_method = "ff"
    ada, made = opened(forges)
    assert ada.merge(made.number, made.head) == made.head == forges.tip("main")
    assert ada.merge_request(made.number).merged == made.head


def test_a_squash_is_told_by_its_merge(forges: GitLabForges) -> None:
    forges.lab.project.squash = True
    ada, made = opened(forges)
    assert ada.merge(made.number, made.head) == forges.tip("main")


def test_what_must_be_rebased_is_told(forges: GitLabForges) -> None:
    forges.lab.project.merge_method = "ff"
    ada, made = opened(forges)
    forges.push("main", {"meanwhile.txt": "m"})
    looked_at(forges, made)
    with pytest.raises(ReconcilerError) as failed:
        ada.merge(made.number, made.head)
    assert (failed.value.reason, "rebased" in failed.value.message) == ("not-mergeable", True)


def test_a_pipeline_that_runs_is_waited_for(forges: GitLabForges) -> None:
    forges.lab.project.pipelines = True
    forges.lab.project.pipeline_must_succeed = True
    ada, made = opened(forges)
    looked_at(forges, made)
    with pytest.raises(WaitingError):
        ada.merge(made.number, made.head)
    forges.lab.merges[made.number].pipelines[0].status = "skipped"
    with pytest.raises(ReconcilerError) as failed:
        ada.merge(made.number, made.head)
    assert failed.value.reason == "not-mergeable"
    forges.lab.merges[made.number].pipelines[0].status = "success"
    assert ada.merge(made.number, made.head) == forges.tip("main")


def test_who_may_not_merge_is_told_what_is_missing(forges: GitLabForges) -> None:
    _, made = opened(forges)
    forges.lab.user("dev", 30)
    forges.lab.project.protected["main"] = {
        "merge_access_levels": [{"access_level": 40}],
        "push_access_levels": [{"access_level": 0}],
    }
    with pytest.raises(ReconcilerError) as failed:
        forges.using("glpat-dev").merge(made.number, made.head)
    assert failed.value.reason == "forge-denied"
    assert "Protected branches" in failed.value.hint
    assert forges.as_user("ada").merge_request(made.number).state == "open"


def test_a_conflict_that_gitlab_knows_of_is_told_file_by_file(forges: GitLabForges) -> None:
    ada, made = opened(forges)
    forges.push("main", {"feature.txt": "other\n"})
    looked_at(forges, made)
    assert forges.lab.merges[made.number].status == "cannot_be_merged"
    with pytest.raises(UsageError) as failed:
        ada.merge(made.number, made.head)
    assert "feature.txt" in failed.value.message


# ----------------------------------------------------------------------------------- git


def test_a_push_between_telling_and_fetching_is_noticed(forges: GitLabForges) -> None:
    ada, made = opened(forges)
    forges.push("feature", {"evil.txt": "e"})
    with pytest.raises(WaitingError):
        ada.fetched(made)
    assert ada.fetched(ada.merge_request(made.number))


def test_a_deleted_branch_can_still_be_fetched(forges: GitLabForges) -> None:
    ada, made = opened(forges)
    forges.delete_branch("feature")
    assert ada.fetched(made) == made.head


# -------------------------------------------------------------------------------- people


def test_whoever_is_asked_already_stays_asked(forges: GitLabForges) -> None:
    forges.lab.tier = "Premium"
    ada, made = opened(forges)
    ada.suggest(made.number, [forges.as_user("ben").me()])
    ada.suggest(made.number, [forges.as_user("bot").me(), Person("x", "")])
    names = [one.username for one in forges.lab.merges[made.number].reviewers]
    assert names == ["ben", "bot"]


def test_a_label_with_a_comma_is_no_label(forges: GitLabForges) -> None:
    ada, made = opened(forges)
    with pytest.raises(UsageError):
        ada.labelled(made.number, ["a,b"], [])


def test_the_author_of_a_fork_is_known_by_id(forges: GitLabForges) -> None:
    forges.push("theirs", {"f.txt": "f"}, fork=True)
    number = forges.open_from_fork("theirs", "From outside")
    found = forges.as_user("ada").merge_request(number)
    assert found.fork
    assert found.author.forge_id == forges.lab.merges[number].author.id
