"""The repository behind the fake: diffs, merges and conflicts are git's own."""

from __future__ import annotations

from pathlib import Path

import pygit2
from pygit2.enums import DiffOption

_WHO = ("GitLab", "gitlab@example.com")


class Git:
    """A bare repository."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.repository = pygit2.Repository(str(path))

    def tip(self, branch: str) -> str:
        """A branch's last commit; empty when there is no such branch."""
        try:
            return str(self.repository.references[f"refs/heads/{branch}"].resolve().target)
        except (KeyError, ValueError):
            return ""

    def branch_with(self, commit: str) -> str:
        """A branch that has a commit; empty: none does."""
        for name in self.repository.branches.local:
            tip = self.tip(name)
            if tip == commit or self.repository.descendant_of(tip, commit):
                return name
        return ""

    def has(self, commit: str) -> bool:
        try:
            return isinstance(self.repository[pygit2.Oid(hex=commit)], pygit2.Commit)
        except (KeyError, ValueError):
            return False

    def between(self, base: str, head: str, commit: str) -> bool:
        """Whether a commit is one of those that a head has and its base has not."""
        walker = self.repository.walk(pygit2.Oid(hex=head))
        walker.hide(pygit2.Oid(hex=base))
        return any(str(one.id) == commit for one in walker)

    def point(self, ref: str, commit: str) -> None:
        self.repository.references.create(ref, commit, force=True)

    def take(self, other: Git, branch: str, ref: str) -> None:
        """Bring a fork's branch in."""
        remote = self.repository.remotes.create_anonymous(str(other.path))
        remote.fetch([f"+refs/heads/{branch}:{ref}"])

    def base(self, one: str, other: str) -> str:
        found = self.repository.merge_base(pygit2.Oid(hex=one), pygit2.Oid(hex=other))
        return str(found or one)

    def patch(self, base: str, head: str) -> str:
        """The id of what a change does, wherever it starts."""
        return str(self._diff(base, head).patchid)

    def _diff(self, base: str, head: str) -> pygit2.Diff:
        return self.repository.diff(base, head, flags=DiffOption.NORMAL)

    def _patches(self, base: str, head: str) -> list[pygit2.Patch]:
        return [one for one in self._diff(base, head) if one is not None]

    def diffs(self, base: str, head: str) -> list[dict[str, object]]:
        """As the API shows them: cut off where they are large, which is why nobody trusts them."""
        found: list[dict[str, object]] = []
        for patch in self._patches(base, head):
            text = patch.text or ""
            large = len(text) > 2_000
            delta = patch.delta
            found.append(
                {
                    "old_path": delta.old_file.path,
                    "new_path": delta.new_file.path,
                    "a_mode": f"{int(delta.old_file.mode):o}",
                    "b_mode": f"{int(delta.new_file.mode):o}",
                    "new_file": delta.status_char() == "A",
                    "renamed_file": delta.status_char() == "R",
                    "deleted_file": delta.status_char() == "D",
                    "generated_file": False,
                    "collapsed": large,
                    "too_large": large,
                    "diff": "" if large else text,
                }
            )
        return found

    def lines(self, base: str, head: str, path: str) -> dict[int, int]:
        """Lines of the new file that the diff shows -> line of the old one; -1: an added line."""
        for patch in self._patches(base, head):
            if patch.delta.new_file.path == path:
                return {
                    line.new_lineno: line.old_lineno
                    for hunk in patch.hunks
                    for line in hunk.lines
                    if line.new_lineno > 0
                }
        return {}

    def merged_tree(self, target: str, head: str) -> str | list[str]:
        """The tree of a merge; or the files that conflict."""
        index = self.repository.merge_commits(pygit2.Oid(hex=target), pygit2.Oid(hex=head))
        if index.conflicts is not None:
            return sorted({side.path for one in index.conflicts for side in one if side})
        return str(index.write_tree(self.repository))

    def commit(self, tree: str, parents: list[str], message: str, ref: str | None) -> str:
        who = pygit2.Signature(*_WHO, 1_750_000_000, 0)
        oids: list[str | pygit2.Oid] = [pygit2.Oid(hex=one) for one in parents]
        made = self.repository.create_commit(None, who, who, message, pygit2.Oid(hex=tree), oids)
        if ref is not None:
            self.point(ref, str(made))
        return str(made)

    def tree(self, commit: str) -> str:
        return str(self.repository[pygit2.Oid(hex=commit)].peel(pygit2.Commit).tree_id)
