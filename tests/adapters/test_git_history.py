"""History on real repositories: what a range adds and takes away, commit by commit."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pygit2
import pytest

from reconciler.adapters.git_history import GitHistory
from reconciler.app.scan import MESSAGE, scan_range, scan_staged
from reconciler.errors import ReconcilerError, UsageError
from reconciler.model.secret import SecretScan
from tests.core.secrets.samples import key, sample
from tests.repos import AUTHOR, GitRepo, link, submodule, write

TOKEN, OTHER = sample("secret-github-token", 1), sample("secret-gitlab-token", 2)
KEY = b"k"
Places = list[tuple[str, str, int, str]]


@pytest.fixture
def repo(tmp_path: Path) -> GitRepo:
    return GitRepo.make(tmp_path / "repo")


def scan(repo: GitRepo, revisions: str) -> SecretScan:
    return scan_range(GitHistory(repo.path), revisions, KEY)


def places(found: SecretScan) -> Places:
    names = {"secret-github-token": "github", "secret-gitlab-token": "gitlab"}
    return sorted(
        (
            names.get(one.rule, one.rule),
            one.location.path,
            one.location.line,
            "removed" if one.removed else one.location.commit,
        )
        for one in found.found
    )


def merge(repo: GitRepo, files: dict[str, str], *parents: str) -> str:
    ids = [pygit2.Oid(hex=parent) for parent in parents]
    commit = repo.repository.create_commit(None, AUTHOR, AUTHOR, "Merge", repo.tree(files), ids)
    repo.repository.references.create("refs/heads/main", commit, force=True)
    return str(commit)


def test_a_secret_added_and_deleted_within_the_range_is_found(repo: GitRepo) -> None:
    base = repo.commit({"a": "1\n"})
    middle = repo.commit({"a": f"1\n2\n{TOKEN}\n"})
    repo.commit({"a": "1\n"})
    found = scan(repo, f"{base}..main")
    assert places(found) == [("github", "a", 3, middle)]
    assert found.denied
    assert found.commits == 2
    assert scan(repo, "main~1..main").denied is False


def test_a_secret_that_the_range_only_removes_is_told_and_does_not_block(repo: GitRepo) -> None:
    repo.commit({"a": f"{TOKEN}\n"})
    repo.commit({"a": "gone\n"})
    found = scan(repo, "main~1..main")
    assert places(found) == [("github", "a", 1, "removed")]
    assert not found.denied
    first = str(repo.repository.revparse_single("main~1").id)
    assert places(scan(repo, "main")) == [("github", "a", 1, first)]


def test_a_change_of_other_lines_does_not_find_old_secrets_again(repo: GitRepo) -> None:
    repo.commit({"a": f"{TOKEN}\n"})
    repo.commit({"a": f"new line\n{TOKEN}\nand {OTHER}\n"})
    assert [one[:3] for one in places(scan(repo, "main~1..main"))] == [("gitlab", "a", 3)]


def test_a_root_commit_adds_all_it_holds(repo: GitRepo) -> None:
    root = repo.commit({"deep/er/a": TOKEN, "b": "x"})
    assert places(scan(repo, "main")) == [("github", "deep/er/a", 1, root)]
    assert places(scan(repo, "0" * 40 + "..main")) == [("github", "deep/er/a", 1, root)]


def test_a_rename_is_no_new_secret_but_one_added_with_it_is(repo: GitRepo) -> None:
    text = "line\n" * 40
    repo.commit({"old": text + TOKEN})
    repo.commit({"new/name": text + TOKEN})
    head = repo.commit({"other": text + TOKEN + "\n" + OTHER})
    assert places(scan(repo, "main~2..main~1")) == []
    assert places(scan(repo, "main~2..main")) == [("gitlab", "other", 42, head)]


def test_a_multi_line_key_of_which_one_line_changes_is_found(repo: GitRepo) -> None:
    text = key("EC PRIVATE KEY")
    lines = text.splitlines(keepends=True)
    repo.commit({"k": "".join([lines[0], "*\n", *lines[2:]])})
    head = repo.commit({"k": text})
    assert places(scan(repo, "main~1..main")) == [("secret-private-key-ec", "k", 1, head)]


def test_a_merge_brings_in_only_what_it_changes_itself(repo: GitRepo) -> None:
    base = repo.commit({"a": "1\n", "b": "1\n"})
    side = repo.repository.branches.create("side", repo.repository[base].peel(pygit2.Commit))
    assert side is not None
    left = repo.commit({"a": "2\n", "b": "1\n"})
    right = repo.commit({"a": "1\n", "b": f"{OTHER}\n"}, branch="side")
    clean = merge(repo, {"a": "2\n", "b": f"{OTHER}\n"}, left, right)
    assert places(scan(repo, f"{base}..{clean}")) == [("gitlab", "b", 1, right)]
    assert places(scan(repo, f"{right}..{clean}")) == []
    evil = merge(repo, {"a": "2\n", "b": f"{OTHER}\n", "c": TOKEN}, left, right)
    assert ("github", "c", 1, evil) in places(scan(repo, f"{base}..{evil}"))
    fixed = merge(repo, {"a": f"3\n{TOKEN}\n", "b": "1\n"}, left, right)
    found = places(scan(repo, f"{right}..{fixed}"))
    assert found == [("github", "a", 2, fixed), ("gitlab", "b", 1, "removed")]


def test_a_side_branch_that_deletes_before_the_merge_is_found(repo: GitRepo) -> None:
    base = repo.commit({"a": "1\n"})
    repo.repository.branches.create("side", repo.repository[base].peel(pygit2.Commit))
    bad = repo.commit({"a": "1\n", "s": TOKEN}, branch="side")
    right = repo.commit({"a": "1\n"}, branch="side")
    left = repo.commit({"a": "2\n"})
    clean = merge(repo, {"a": "2\n"}, left, right)
    assert places(scan(repo, f"{left}..{clean}")) == [("github", "s", 1, bad)]


def test_commit_messages_links_submodules_and_odd_names(repo: GitRepo) -> None:
    repo.commit({"a": "1"})
    head = repo.commit(
        {"a": "1", "l": link(repo, "l", f"to/{TOKEN}"), "s": submodule("s"), "ü b": OTHER},
        message=f"Add\n\n{sample('secret-npm-token')}",
    )
    found = scan(repo, "main~1..main")
    assert places(found) == [
        ("github", "l", 1, head),
        ("gitlab", "ü b", 1, head),
        ("secret-npm-token", MESSAGE, 3, head),
    ]
    assert [note.location.path for note in found.notes] == ["s"]


def test_a_shallow_clone_is_refused_where_it_is_cut_off(tmp_path: Path, repo: GitRepo) -> None:
    for number in range(4):
        repo.commit({"a": str(number)})
    clone = tmp_path / "clone"
    subprocess.run(
        ["git", "clone", "-q", "--depth", "2", repo.path.as_uri(), str(clone)],
        check=True,
        capture_output=True,
    )
    found = scan_range(GitHistory(clone), "HEAD~1..HEAD", KEY)
    assert found.commits == 1
    with pytest.raises(ReconcilerError) as caught:
        scan_range(GitHistory(clone), "HEAD", KEY)
    assert caught.value.reason == "history-incomplete"
    assert "unshallow" in caught.value.hint
    with pytest.raises(UsageError, match="does not name one commit"):
        scan_range(GitHistory(clone), "HEAD~3..HEAD", KEY)


@pytest.mark.parametrize("what", ["blob", "tree"])
def test_a_missing_object_is_refused(repo: GitRepo, what: str) -> None:
    repo.commit({"a": "1"})
    repo.commit({"a": "2", "d/b": "3"})
    tree = repo.repository.revparse_single("main").peel(pygit2.Tree)
    repo.forget(str(tree["a"].id if what == "blob" else tree["d"].id))
    with pytest.raises(ReconcilerError) as caught:
        scan(repo, "main~1..main")
    assert caught.value.reason == "history-incomplete"


@pytest.mark.parametrize("revisions", ["nobody..main", "main..nobody", "main...main", "nobody"])
def test_a_range_that_is_none_is_refused(repo: GitRepo, revisions: str) -> None:
    repo.commit({"a": "1"})
    with pytest.raises(UsageError):
        scan(repo, revisions)


def test_what_is_staged(tmp_path: Path) -> None:
    repo = GitRepo.make(tmp_path / "repo", bare=False)
    write(repo.path, {"a": f"x\n{TOKEN}\n"})
    repo.repository.index.add("a")
    repo.repository.index.write()
    found = scan_staged(GitHistory(repo.path), KEY)
    assert places(found) == [("github", "a", 2, "")]
    repo.commit({"a": f"x\n{TOKEN}\n"})
    assert scan_staged(GitHistory(repo.path), KEY).found == ()
    write(repo.path, {"a": f"x\n{TOKEN}\n{OTHER}\n"})
    assert scan_staged(GitHistory(repo.path), KEY).found == ()
    repo.repository.index.add("a")
    repo.repository.index.write()
    assert places(scan_staged(GitHistory(repo.path), KEY)) == [("gitlab", "a", 3, "")]
    repo.repository.index.remove("a")
    repo.repository.index.write()
    assert places(scan_staged(GitHistory(repo.path), KEY)) == [("github", "a", 2, "removed")]


def test_the_first_commit_names_the_repository(repo: GitRepo) -> None:
    assert GitHistory(repo.path).root == ""
    first = repo.commit({"a": "1"})
    repo.commit({"a": "2"})
    assert GitHistory(repo.path).root == first
