"""What merging two commits makes. No branch is moved: what is written is objects that git forgets.

Whoever judges a merge and whoever makes it ask here, so that what was judged is what is made.
"""

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Final

import pygit2

from reconciler.adapters.git import GitTree, open_for_reading, open_repository
from reconciler.core.fingerprint import fingerprint
from reconciler.core.records.words import line
from reconciler.errors import ReconcilerError, UsageError

_MET: dict[tuple[str, str], str] = {}
"""What was compared last, by the commits: the same in every repository that has them."""
_MOST: Final = 10_000
_ABSENT: Final = "not here"


@dataclass(frozen=True, slots=True)
class Merge:
    """What comes of it."""

    tree: str = ""
    """Its files; empty: git cannot merge them."""
    conflicts: tuple[str, ...] = ()
    """Each file that both changed, so that git cannot merge it."""


def merge_of(repository: pygit2.Repository, target: str, head: str) -> Merge | None:
    """A real merge of a commit into another; None: they have no commit in common."""
    try:
        if repository.merge_base(pygit2.Oid(hex=target), pygit2.Oid(hex=head)) is None:
            return None
        index = repository.merge_commits(pygit2.Oid(hex=target), pygit2.Oid(hex=head))
        conflicts = _conflicts(index)
        return Merge("" if conflicts else str(index.write_tree(repository)), conflicts)
    except (KeyError, ValueError, pygit2.GitError) as err:
        raise ReconcilerError(
            "not-merged",
            f"{head[:12]} could not be merged: {line(str(err), 200)}",
            hint="`git fsck` says whether something is missing",
        ) from err


def _conflicts(index: pygit2.Index) -> tuple[str, ...]:
    found: set[str] = set()
    for sides in index.conflicts or ():
        found.update(
            one.path if one.path.isprintable() else ascii(one.path)[1:-1]
            for one in sides
            if one is not None
        )
    return tuple(sorted(found))


class Merging:
    """Merges of commits of one repository, as they would come out."""

    def __init__(self, path: Path) -> None:
        self._path = path

    @cached_property
    def _reading(self) -> pygit2.Repository:
        return open_for_reading(self._path)

    def tree(self, target: str, head: str) -> GitTree | tuple[str, ...]:
        """What a merge would make, under the name of the commit it brings; or what conflicts."""
        made = merge_of(open_repository(self._path), target, head)
        if made is None:
            raise UsageError(
                "no-common-history",
                f"{target[:12]} and {head[:12]} have no commit in common here",
                hint="fetch the whole history: `git fetch --unshallow` (in CI: GIT_DEPTH: 0)",
            )
        if not made.tree:
            return made.conflicts
        reading = self._reading
        return GitTree(reading, head, reading[made.tree].peel(pygit2.Tree))

    def met(self, target: str, head: str) -> str:
        """Another word whenever the target changes a file that the head changed, too.

        Quick, for whoever asks about a thousand again and again: it only compares names of
        objects, and two commits are compared once.
        """
        known = _MET.get((target, head))
        if known is None:
            known = self._met(target, head)
            if known != _ABSENT:  # it may come
                while len(_MET) >= _MOST:
                    _MET.pop(next(iter(_MET)))
                _MET[target, head] = known
        return known

    def _met(self, target: str, head: str) -> str:
        repository = self._reading
        try:
            began = repository.merge_base(pygit2.Oid(hex=target), pygit2.Oid(hex=head))
            if str(began) == target:
                return ""
            before, now, after = (
                repository[one].peel(pygit2.Tree) for one in (began, target, head)
            )
            paths = {
                side.raw_path
                for delta in before.diff_to_tree(after).deltas
                for side in (delta.old_file, delta.new_file)
            }
            both = [
                f"{path!r} {_at(now, path)}"
                for path in sorted(paths)
                if _at(now, path) != _at(before, path)
            ]
        except (KeyError, TypeError, ValueError, pygit2.GitError):
            return _ABSENT
        return fingerprint(*both) if both else ""


def _at(tree: pygit2.Tree, path: bytes) -> str:
    try:
        return str(tree[path.decode("utf-8", "surrogateescape")].id)
    except (KeyError, ValueError):
        return ""
