"""Merging by itself as the commands do it: on a local forge, and on a fake GitLab."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable, Collection, Iterator
from pathlib import Path
from typing import Any

import pygit2
import pytest

from reconciler.adapters.gitlab.forge import GitLabForge
from reconciler.adapters.regorus_engine import EmbeddedEngine
from reconciler.cli import mr_check_command, mr_watch
from reconciler.cli.main import main
from reconciler.settings import ProcessSettings
from tests.check.project import CUSTOMER, DEMO, FAIR, INES, PORTAL, SARA, Warm, base_files
from tests.fakes.gitlab.state import Merge
from tests.forge import gitlab_forges as people
from tests.forge.gitlab_forges import GitLabForges
from tests.repos import Files, GitRepo, edited
from tests.review.samples_at_gitlab import cloned, samples_at_gitlab
from tests.review.test_automerge import FREEZE, SAYS

SHORTER = (FAIR, "\n  ttl: 10d", "\n  ttl: 9d")
TOO_LONG = (FAIR, "\n  ttl: 10d", "\n  ttl: 90d")
BIGGER = (PORTAL, "desired_count: 4", "desired_count: 5")

Run = Callable[..., tuple[int, str]]


def wanting() -> Files:
    """The samples, where demo and customer want it."""
    return edited(edited(base_files(), DEMO, *SAYS), CUSTOMER, *SAYS)


@pytest.fixture
def run(
    warmed: Warm,
    engine: EmbeddedEngine,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> Run:
    """`reconciler mr ...` in a clone, as the bot."""

    def build() -> Warm:
        return Warm(ProcessSettings(), warmed.kept, warmed.workers, engine)

    for module in (mr_check_command, mr_watch):
        monkeypatch.setattr(module, "build", build)
    for name, value in {
        "RECONCILER_STATE_DIR": str(tmp_path / "state"),
        "RECONCILER_REPO": str(tmp_path / "work"),
        "RECONCILER_ACTOR_NAME": "controller",
        "RECONCILER_ACTOR_EMAIL": "reconciler@example.com",
        "GITLAB_TOKEN": "glpat-bot",
    }.items():
        monkeypatch.setenv(name, value)
    monkeypatch.delenv("RECONCILER_SIGNING_KEY", raising=False)

    def called(*words: str) -> tuple[int, str]:
        capsys.readouterr()
        code = 0
        try:
            main(["mr", *words])
        except SystemExit as stop:
            code = stop.code if isinstance(stop.code, int) else 1
        said = capsys.readouterr()
        assert "Traceback" not in said.out + said.err
        return code, said.out + said.err

    return called


def text_on(path: Path, branch: str, file: str) -> str:
    command = ["git", "-C", str(path), "show", f"{branch}:{file}"]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout


def only(text: str) -> dict[str, Any]:
    (one,) = json.loads(text)["reviews"]
    found: dict[str, Any] = one
    return found


# --- the local forge


def push(
    origin: GitRepo, branch: str, change: tuple[str, str, str], author: pygit2.Signature = SARA
) -> None:
    """A commit on top of the target branch."""
    repository = origin.repository
    tree = origin.tree(dict(edited(wanting(), *change)))
    parents = [repository.references["refs/heads/main"].target]
    made = repository.create_commit(None, author, author, "Change", tree, parents)
    repository.references.create(f"refs/heads/{branch}", made, force=True)


@pytest.fixture
def origin(tmp_path: Path, run: Run) -> GitRepo:
    del run
    made = GitRepo.make(tmp_path / "origin.git")
    made.commit(dict(wanting()))
    push(made, "fix", SHORTER)
    push(made, "bad", TOO_LONG)
    push(made, "more", BIGGER, INES)
    cloned(tmp_path / "origin.git", tmp_path / "work")
    return made


def test_a_local_forge_merges_once_and_says_so(origin: GitRepo, run: Run) -> None:
    run("open", "--source", "fix", "--title", "Shorter")
    code, out = run("check", "1", "--dry-run")
    assert code == 0
    assert out.startswith("## ✅ ALLOW")
    assert "ttl: 10d" in text_on(origin.path, "main", FAIR)
    code, out = run("check", "1")
    assert code == 0
    tip = str(origin.repository.references["refs/heads/main"].target)
    assert f"merged: by itself, as {tip[:12]}" in out
    assert "ttl: 9d" in text_on(origin.path, "main", FAIR)
    assert run("check", "1")[0] == 2
    assert run("check", "--all")[1] == "No merge request is open.\n"
    assert str(origin.repository.references["refs/heads/main"].target) == tip


def test_a_local_forge_merges_nothing_else(origin: GitRepo, run: Run) -> None:
    before = str(origin.repository.references["refs/heads/main"].target)
    for name in ("bad", "more"):
        run("open", "--source", name, "--title", name)
    for words in (("check", "--all"), ("watch", "--once")):
        _, out = run(*words)
        assert out.count("not merged by itself: it is not allowed") == 2
    assert str(origin.repository.references["refs/heads/main"].target) == before
    code, out = run("check", "2", "--format", "json")
    assert code == 11
    assert (only(out)["merged"], only(out)["notMerged"]) == (
        None,
        ["it is not allowed: NEEDS_APPROVAL"],
    )


def test_watching_merges_one_and_judges_the_next_by_what_it_brought(
    origin: GitRepo, run: Run
) -> None:
    push(origin, "more", (FAIR, "size: medium", "size: small"))
    for name in ("fix", "more"):
        run("open", "--source", name, "--title", name)
    code, out = run("watch", "--once")
    assert (code, out.count("merged: by itself")) == (0, 2), out
    found = text_on(origin.path, "main", FAIR)
    assert "ttl: 9d" in found
    assert "size: small" in found


def test_what_an_order_held_up_is_merged_when_it_was_answered(
    origin: GitRepo, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    run("open", "--source", "fix", "--title", "Shorter")
    assert run("check", "1", "--dry-run")[0] == 0
    monkeypatch.setenv("RECONCILER_ACTOR_EMAIL", "tom@example.com")
    assert run("comment", "1", "/reconciler check")[0] == 0
    monkeypatch.setenv("RECONCILER_ACTOR_EMAIL", "reconciler@example.com")
    assert "an order in its notes is not answered" in run("watch", "--once")[1]
    assert "ttl: 10d" in text_on(origin.path, "main", FAIR)
    assert "merged: by itself" in run("watch", "--once")[1]
    assert "ttl: 9d" in text_on(origin.path, "main", FAIR)


# --- GitLab


@pytest.fixture
def forges(tmp_path: Path, run: Run, monkeypatch: pytest.MonkeyPatch) -> Iterator[GitLabForges]:
    del run
    monkeypatch.setattr(people, "WHO", SARA)
    with samples_at_gitlab(tmp_path / "gitlab", wanting(), tmp_path / "work") as made:
        yield made


def opened(forges: GitLabForges, *change: str, more: Files | None = None) -> Merge:
    files = {**edited(wanting(), *change), **(more or {})}
    forges.push("fix", {path: files[path] for path in (change[0], *(more or {}))})
    return forges.lab.opened(forges.lab.user("sara", 30, id=3001), "fix", "main", "A change")


def asked_to_merge(forges: GitLabForges) -> int:
    return sum(1 for method, path in forges.lab.asked if method == "PUT" and "/merge" in path[-6:])


def test_gitlab_merges_once_what_is_allowed(forges: GitLabForges, run: Run) -> None:
    forges.lab.project.discussions_must_be_resolved = True
    merge = opened(forges, *SHORTER)
    code, out = run("check", "1", "--format", "json")
    assert code == 0, out
    found = only(out)
    assert found["verdict"] == "ALLOW"
    for _ in range(3):  # it may have to find out first whether it can be merged
        if merge.state == "merged":
            break
        assert found["notMerged"], out
        forges.lab.settle()
        assert run("watch", "--once")[0] == 0
    assert merge.state == "merged"
    assert forges.behind("main", found["head"])
    assert "ttl: 9d" in (forges.file("main", FAIR) or "")
    before = asked_to_merge(forges)
    assert run("check", "1")[0] == 2
    assert run("watch", "--once")[0] == 0
    assert asked_to_merge(forges) == before


def test_gitlab_does_not_merge_what_was_pushed_in_between(
    forges: GitLabForges, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    merge = opened(forges, *SHORTER)
    genuine = GitLabForge.merge
    pushed: list[str] = []

    def late(
        self: GitLabForge, number: int, head: str, message: str = "", *, onto: str = ""
    ) -> str:
        if not pushed:
            pushed.append(forges.push("fix", {FAIR: edited(wanting(), *TOO_LONG)[FAIR]}))
        return genuine(self, number, head, message, onto=onto)

    monkeypatch.setattr(GitLabForge, "merge", late)
    code, out = run("check", "1", "--format", "json")
    assert code == 10, out
    found = only(out)
    assert (found["head"], found["verdict"], found["merged"]) == (pushed[0], "DENY", None)
    assert merge.state == "opened"
    assert asked_to_merge(forges) == 1
    assert "ttl: 10d" in (forges.file("main", FAIR) or "")


def test_gitlab_is_not_asked_to_merge_what_its_target_judges_anew(
    forges: GitLabForges, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The freeze is on the server; only who fetches sees it."""
    merge = opened(forges, *SHORTER)
    genuine = GitLabForge.labelled

    def late(self: GitLabForge, number: int, add: Collection[str], remove: Collection[str]) -> None:
        forges.push("main", {"policies/freezes/stop.yaml": FREEZE})
        genuine(self, number, add, remove)

    monkeypatch.setattr(GitLabForge, "labelled", late)
    code, out = run("check", "1")
    assert code == 10, out
    assert "not merged by itself: it is not allowed: DENY" in out
    assert asked_to_merge(forges) == 0
    assert merge.state == "opened"


def test_gitlab_is_not_asked_to_merge_what_needs_approval(
    forges: GitLabForges, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(people, "WHO", INES)
    merge = opened(forges, *BIGGER)
    code, out = run("check", "1")
    assert code == 11, out
    assert "not merged by itself: it is not allowed" in out
    assert asked_to_merge(forges) == 0
    assert merge.state == "opened"


def test_gitlab_is_not_asked_to_merge_rules(forges: GitLabForges, run: Run) -> None:
    rules = edited(wanting(), DEMO, "interval: 6h", "interval: 7h")[DEMO]
    merge = opened(forges, *SHORTER, more={DEMO: rules})
    _, out = run("check", "1")
    assert "more than the environments that were judged: `profiles/tracks/demo.yaml`" in out
    assert asked_to_merge(forges) == 0
    assert merge.state == "opened"


def test_a_gitlab_that_waits_for_its_pipeline_is_asked_again(
    forges: GitLabForges, run: Run
) -> None:
    forges.lab.project.pipeline_must_succeed = True
    merge = opened(forges, *SHORTER)
    for _ in range(2):
        code, out = run("watch", "--once")
        assert code == 0, out
        assert "the next look tries it again" in out or not out
        forges.lab.settle()
    assert merge.state == "opened"
    (pipeline,) = forges.lab.pipelines.values()
    pipeline.status = "success"
    code, out = run("watch", "--once")
    assert code == 0
    assert "merged: by itself" in out
    assert merge.state == "merged"
