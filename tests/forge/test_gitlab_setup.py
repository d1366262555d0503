"""What `doctor` says of a project on GitLab: what holds, what does not, what may not be seen."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pygit2
import pytest

from reconciler.model.merge_request import Advice
from tests.docs.scenes import run
from tests.fakes.gitlab.state import DEVELOPER, MAINTAINER, REPORTER, Lab, Tier
from tests.forge.gitlab_forges import GitLabForges, gitlab_forges
from tests.repos import GitRepo, small


@pytest.fixture
def forges(tmp_path: Path) -> Iterator[GitLabForges]:
    with gitlab_forges(tmp_path) as made:
        yield made


def rule(name: str, push: int, merge: int, **more: Any) -> dict[str, Any]:
    return {
        "id": 1,
        "name": name,
        "push_access_levels": [{"access_level": push, "access_level_description": f"{push}"}],
        "merge_access_levels": [{"access_level": merge, "access_level_description": f"{merge}"}],
        "allow_force_push": False,
        **more,
    }


def well_kept(lab: Lab) -> None:
    """Set up as the docs say."""
    own = lab.project
    own.protected = {"main": rule("main", 0, 40), "records": rule("records", 40, 0)}
    own.pipeline_must_succeed = True
    own.ci_config_path = "reconciler.yml@acme/pipelines:main"
    own.author_may_approve = False
    own.committers_may_approve = False
    if lab.tier != "Free":
        own.approval_rules = [{"id": 1, "name": "owners", "approvals_required": 1}]


def examined(forges: GitLabForges, token: str = "glpat-bot") -> list[Advice]:
    return list(forges.using(token).examine("main", "records"))


def bad(found: list[Advice]) -> dict[str, str]:
    return {one.what: one.told for one in found if one.good is False}


@pytest.mark.parametrize("tier", ["Free", "Premium", "Ultimate"])
def test_a_project_that_is_well_kept_has_nothing_to_mend(tmp_path: Path, tier: Tier) -> None:
    with gitlab_forges(tmp_path, tier) as forges:
        well_kept(forges.lab)
        found = examined(forges)
    assert bad(found) == {}
    (told,) = [one.told for one in found if one.what == "tier"]
    assert told.startswith(tier)
    lacks = " ".join(one.told for one in found if one.good is None)
    assert ("has none" in lacks) is (tier != "Ultimate")
    assert ("count them ourselves" in lacks) is (tier == "Free")


def test_a_new_project_is_open_to_everybody_and_told_so(forges: GitLabForges) -> None:
    found = examined(forges)
    assert set(bad(found)) == {
        "branch main",
        "branch records",
        "pipelines must succeed",
        "pipeline's configuration",
    }
    assert all(one.hint for one in found if one.good is False)


@pytest.mark.parametrize(
    "name, broken, word",
    [
        ("branch main", {"main": rule("main", 30, 40)}, "past every merge request"),
        ("branch main", {"main": rule("main", 0, 30)}, "every Developer may merge"),
        ("branch main", {"main": rule("main", 0, 40, allow_force_push=True)}, "force-pushed"),
        ("branch main", {"*": rule("*", 40, 40)}, "past every merge request"),
        ("branch records", {"records": rule("records", 30, 0)}, "anybody could write records"),
        ("branch records", {"records": rule("records", 0, 0)}, "no record can be written"),
        ("branch records", {"rec?rds": rule("rec?rds", 40, 0)}, "not protected"),
    ],
)
def test_each_hole_in_a_protected_branch_is_told(
    forges: GitLabForges, name: str, broken: dict[str, Any], word: str
) -> None:
    well_kept(forges.lab)
    del forges.lab.project.protected[name.removeprefix("branch ")]
    forges.lab.project.protected |= broken
    assert word in bad(examined(forges))[name]


def test_a_wildcard_protects_too(forges: GitLabForges) -> None:
    well_kept(forges.lab)
    forges.lab.project.protected = {"*": rule("*", 40, 40)}
    assert "branch records" not in bad(examined(forges))


def test_skipped_pipelines_and_configurations_within_reach_are_told(forges: GitLabForges) -> None:
    well_kept(forges.lab)
    forges.lab.project.skipped_is_success = True
    forges.lab.project.ci_config_path = "ci/reconciler.yml"
    forges.lab.project.default_branch = "trunk"
    found = bad(examined(forges))
    assert set(found) == {"pipelines must succeed", "pipeline's configuration", "default branch"}
    forges.lab.project.ci_config_path = "reconciler.yml@acme/pipelines"
    assert "names no branch" in bad(examined(forges))["pipeline's configuration"]


def test_approvals_that_gitlab_counts_and_we_do_not_are_told(tmp_path: Path) -> None:
    with gitlab_forges(tmp_path, "Premium") as forges:
        well_kept(forges.lab)
        own = forges.lab.project
        own.author_may_approve = own.committers_may_approve = True
        own.keeps_approvals_on_push, own.approval_rules = True, []
        assert set(bad(examined(forges))) == {
            "approval rules",
            "approval by the author",
            "approval by committers",
            "approvals after a push",
        }


@pytest.mark.parametrize("level", [DEVELOPER, REPORTER])
def test_a_role_that_sees_less_says_less(forges: GitLabForges, level: int) -> None:
    well_kept(forges.lab)
    forges.lab.user("less", level)
    found = examined(forges, "glpat-less")
    assert set(bad(found)) == (set() if level == DEVELOPER else {"account"})
    unseen = {one.what for one in found if one.good is None}
    assert {"branch main", "branch records", "pipeline's configuration"} <= unseen


def test_a_developer_still_sees_that_a_branch_is_open(forges: GitLabForges) -> None:
    forges.lab.user("less", DEVELOPER)
    assert "branch main" in bad(examined(forges, "glpat-less"))


def test_too_few_and_too_many_rights_of_the_token_are_told(forges: GitLabForges) -> None:
    well_kept(forges.lab)
    forges.lab.user("reader", MAINTAINER, scopes=("read_api",))
    found = examined(forges, "glpat-reader")
    assert "read_api" in bad(found)["token"]


def test_who_is_named_is_not_a_whole_role(forges: GitLabForges) -> None:
    well_kept(forges.lab)
    named = {"access_level": 30, "user_id": 5, "access_level_description": "The Bot"}
    own = rule("records", 0, 0)
    own["push_access_levels"] = [named]
    forges.lab.project.protected["records"] = own
    found = examined(forges)
    assert bad(found) == {}
    assert "The Bot may push to `records`" in [one.told for one in found]


@pytest.mark.parametrize("hours", [1, -1])
def test_a_clock_that_is_off_is_told(forges: GitLabForges, hours: int) -> None:
    well_kept(forges.lab)
    forges.lab.skew = timedelta(hours=hours)
    told = bad(examined(forges))["clock"]
    assert ("60 min ahead" if hours > 0 else "60 min behind") in told


# ------------------------------------------------------------------------------ the command


@pytest.fixture
def clone(forges: GitLabForges, tmp_path: Path) -> Path:
    """A clone whose reconciler.yaml names the fake."""
    repo = GitRepo.make(tmp_path / "work", bare=False)
    where = f"{{kind: gitlab, url: {forges.lab.url}, project: acme/environments}}"
    files = small()
    files["reconciler.yaml"] = files["reconciler.yaml"].replace("{kind: local}", where)
    repo.commit(files)
    return repo.path


def test_the_command_says_what_is_to_be_mended(
    forges: GitLabForges, clone: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GITLAB_TOKEN", "glpat-bot")
    code, out, err = run("doctor", clone)
    assert (code, err) == (1, "")
    assert "`main` is not protected" in out
    assert "checkov" in out
    well_kept(forges.lab)
    _, out, _ = run("doctor --format json", clone)
    document = json.loads(out)
    assert document["kind"] == "Examination"
    (forge,) = (one for one in document["parts"] if one["name"].startswith("forge: "))
    assert {one["verdict"] for one in forge["findings"]} == {"good", "unknown"}
    assert "tools" in [one["name"] for one in document["parts"]]
    assert "glpat-bot" not in out


def test_the_command_goes_on_without_a_token(clone: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("GITLAB_TOKEN", raising=False)
    code, out, err = run("doctor", clone)
    assert (code, err) == (1, "")
    assert "GITLAB_TOKEN has no token" in out
    assert "signing key" in out


def test_the_command_tells_what_was_found_before_it_broke_off(
    forges: GitLabForges, clone: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GITLAB_TOKEN", "glpat-bot")
    forges.lab.users[next(iter(forges.lab.users))].name = "x"
    forges.lab.faults.add("redirect", "GET", "/protected_branches", target="https://example.com/")
    code, out, _ = run("doctor", clone)
    assert code == 1
    assert "is GitLab 18.9.0" in out
    assert "sends us on to another address" in out


def test_merge_requests_on_gitlab_have_the_same_commands(
    forges: GitLabForges, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """From a clone of the project: settings from the target branch, commits by git."""
    monkeypatch.setenv("GITLAB_TOKEN", "glpat-ada")
    where = f"{{kind: gitlab, url: {forges.lab.url}, project: acme/environments}}"
    files = small()
    files["reconciler.yaml"] = files["reconciler.yaml"].replace("{kind: local}", where)
    forges.push("main", files)
    forges.push("feature", {"a.txt": "a\n"})
    path = tmp_path / "work"
    clone = pygit2.clone_repository(str(forges.lab.git.path), str(path))
    clone.checkout("refs/remotes/origin/feature")
    clone.branches.local.create("feature", clone[clone.head.target].peel(pygit2.Commit))
    clone.checkout("refs/heads/feature")
    code, out, err = run("mr open --title Hello", path)
    assert (code, err) == (0, ""), out + err
    assert "!1" in out
    code, out, _ = run("mr list", path)
    assert (code, "Hello" in out) == (0, True)
    code, out, _ = run("mr diff 1", path)
    assert (code, "+a" in out) == (0, True)
    code, out, _ = run("mr comment 1 hello", path)
    assert code == 0, out
    code, out, _ = run("mr show 1 --format json", path)
    shown = json.loads(out)
    assert [one["text"] for one in shown["notes"]] == ["hello"]
    assert run("mr close 1", path)[0] == 0
    assert forges.lab.merges[1].state == "closed"
