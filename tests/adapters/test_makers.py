"""Who made what lies at a path: a merge that git would have made by itself has no author."""

from __future__ import annotations

from pathlib import Path

import pygit2

from reconciler.adapters.git_history import GitHistory
from tests.check.project import ADA, INES, MINA, SARA
from tests.repos import GitRepo


def commit(
    repo: pygit2.Repository, who: pygit2.Signature, files: dict[str, str], *parents: str
) -> str:
    """A commit of everything that is there then."""
    index = pygit2.Index()
    for path, text in files.items():
        blob = repo.create_blob(text.encode())
        index.add(pygit2.IndexEntry(path, blob, pygit2.enums.FileMode.BLOB))
    onto: list[str | pygit2.Oid] = [pygit2.Oid(hex=one) for one in parents]
    return str(repo.create_commit(None, who, who, "x", index.write_tree(repo), onto))


def test_who_changed_a_path_and_who_only_merged(tmp_path: Path) -> None:
    repo = GitRepo.make(tmp_path / "r.git").repository
    first = commit(repo, ADA, {"a": "1"})
    base = commit(repo, ADA, {"a": "1", "env/x": "1", "rules/r": "1"}, first)
    theirs = commit(repo, SARA, {"a": "1", "env/x": "2", "rules/r": "1"}, base)
    aside = commit(repo, MINA, {"a": "2", "env/x": "1", "rules/r": "1"}, base)
    merge = commit(repo, INES, {"a": "2", "env/x": "2", "rules/r": "1"}, aside, theirs)
    evil = commit(repo, INES, {"a": "2", "env/x": "3", "rules/r": "1"}, aside, theirs)
    history = GitHistory(tmp_path / "r.git")

    def names(began: str, head: str, *paths: str) -> list[str]:
        return [one.name for one in history.makers(began, head, paths)]

    assert names(base, merge, "env/x") == ["Sara Lind"]
    assert names(base, merge, "env/x", "a") == ["Mina Sato", "Sara Lind"]
    assert names(base, merge, "rules") == []
    assert names(base, merge) == ["Mina Sato", "Sara Lind"]
    assert names(base, evil, "env/x") == ["Ines Duarte", "Sara Lind"]
    assert names("", merge, "env/x") == ["Ada Berg", "Sara Lind"]
    assert history.before(merge, "env/x") == first
    assert history.before(merge, "a") == ""
    assert history.before(merge, "nothing") == merge


def test_when_both_sides_changed_a_folder_the_merge_is_still_nobodys(tmp_path: Path) -> None:
    repo = GitRepo.make(tmp_path / "r.git").repository
    base = commit(repo, ADA, {"rules/a": "1", "rules/b": "1"})
    one = commit(repo, SARA, {"rules/a": "2", "rules/b": "1"}, base)
    other = commit(repo, MINA, {"rules/a": "1", "rules/b": "2"}, base)
    merge = commit(repo, INES, {"rules/a": "2", "rules/b": "2"}, one, other)
    evil = commit(repo, INES, {"rules/a": "2", "rules/b": "2", "rules/c": "!"}, one, other)
    history = GitHistory(tmp_path / "r.git")
    for head, own in ((merge, []), (evil, ["Ines Duarte"])):
        found = [one.name for one in history.makers(base, head, ("rules",))]
        assert found == [*own, "Mina Sato", "Sara Lind"]
