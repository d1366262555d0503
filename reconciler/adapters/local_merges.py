"""What git shows of merge requests that live in it: what is merged, what can be, and how.

No event is believed here: a branch has a commit behind it, or it has not.
"""

from collections import Counter
from collections.abc import Sequence
from contextlib import suppress
from datetime import datetime
from typing import Final

import pygit2
from pygit2.enums import SortMode

from reconciler.adapters.merge_request_refs import Tips
from reconciler.adapters.merging import merge_of
from reconciler.core.forge.fold import Claim, Folded
from reconciler.core.git_objects import Who, commit_bytes
from reconciler.core.records.words import line
from reconciler.errors import UsageError, WaitingError
from reconciler.model.approval import Person
from reconciler.model.merge_request import MergeRequest

_NAMED: Final = 1000
_MANY: Final = 16
_KEPT: Final = 4


class Merges:
    """Merge requests beside the commits of a repository."""

    def __init__(self, repository: pygit2.Repository) -> None:
        self._repository = repository
        self._asked = Counter[str]()
        self._behind: dict[str, frozenset[str]] = {}

    def told(self, state: Folded, tips: Tips, odd: tuple[str, ...] = ()) -> MergeRequest:
        """A merge request as it is now: its events, and what git shows beside them."""
        tip = tips.branches.get(state.source, "")
        head, merged = self._brought(state, tip or state.head, tips) or (tip, "")
        return MergeRequest(
            state.number,
            state.title,
            state.description,
            state.author,
            state.source,
            state.target,
            head,
            "merged" if merged else "closed" if state.closed else "open",
            state.opened,
            state.updated,
            state.draft,
            labels=state.labels,
            merged=merged,
            odd=odd,
        )

    def _brought(self, state: Folded, head: str, tips: Tips) -> tuple[str, str] | None:
        """What was merged, and the commit that did it; None: nothing, whatever anybody says."""
        for claim in state.claims:
            branch = tips.branches.get(claim.target, "")
            gone = not branch and claim.target == state.target  # it is long done with
            if gone or (self._holds(branch, claim.commit) and self._took(claim)):
                return claim.head, claim.commit
        target = tips.branches.get(state.target, "")
        if state.closed or not self._holds(target, head) or self.has(state.base, head):
            return None
        return head, self._first_with(target, head)

    def _took(self, claim: Claim) -> bool:
        """Whether the commit that is said to have merged a head has it."""
        with suppress(KeyError, ValueError, pygit2.GitError):
            parents = self._repository[claim.commit].peel(pygit2.Commit).parent_ids
            if claim.head in map(str, parents):
                return True
        return self.has(claim.commit, claim.head)

    def _holds(self, branch: str, commit: str) -> bool:
        """Whether a branch has a commit; when many ask, its whole history is walked, once."""
        self._asked[branch] += 1
        if self._asked[branch] < _MANY or not branch:
            return self.has(branch, commit)
        if branch not in self._behind:
            if len(self._behind) > _KEPT:
                self._behind.clear()
            self._behind[branch] = self._history(branch)
        return commit in self._behind[branch]

    def _history(self, branch: str) -> frozenset[str]:
        found = set()
        with suppress(KeyError, ValueError, pygit2.GitError):
            for one in self._repository.walk(pygit2.Oid(hex=branch), SortMode.NONE):
                found.add(str(one.id))
        return frozenset(found)

    def _first_with(self, target: str, head: str) -> str:
        """The oldest commit of a branch, by first parents, that has another behind it."""
        found = target
        repository = self._repository
        with suppress(KeyError, ValueError, pygit2.GitError):
            while parents := repository[found].peel(pygit2.Commit).parent_ids:
                if not self.has(str(parents[0]), head):
                    break
                found = str(parents[0])
        return found

    def ends(self, commit: str) -> tuple[str, ...]:
        """A commit and its parents: one of them is the last commit of what it brought."""
        with suppress(KeyError, ValueError, pygit2.GitError):
            found = self._repository[commit].peel(pygit2.Commit)
            return (str(found.id), *map(str, found.parent_ids))
        return ()

    def has(self, later: str, earlier: str) -> bool:
        """Whether a commit has another behind it, or is it."""
        if later == earlier:
            return bool(later)
        try:
            return self._repository.descendant_of(later, earlier)
        except (KeyError, ValueError, pygit2.GitError):
            return False

    def ready(self, found: MergeRequest, head: str) -> None:
        """An error unless it can be merged with this head."""
        number = found.number
        if found.state != "open":
            raise UsageError(
                "not-open",
                f"!{number} is {found.state}",
                hint=f"`reconciler mr reopen {number}` takes it up again",
            )
        if not found.head:
            raise no_source(number, found.source)
        if found.head != head:
            raise moved(number, found.head, head)
        if found.draft:
            raise UsageError(
                "draft",
                f"!{number} is a draft: its author does not want it merged yet",
                hint="when it is ready, give it a title without `Draft:`: `reconciler mr open`"
                f" once more, on `{found.source}`",
            )

    def commit(
        self, found: MergeRequest, target: str, by: Person, at: datetime, message: str
    ) -> bytes:
        """The merge commit; UsageError names every file that both sides changed."""
        made = merge_of(self._repository, target, found.head)
        if made is None:
            raise UsageError(
                "no-common-history",
                f"`{found.source}` and `{found.target}` have no commit in common",
                hint="begin the branch at the target branch",
            )
        if not made.tree:
            raise _conflicting(found, made.conflicts)
        me = Who(by.name, by.email, int(at.timestamp()))
        words = message.strip() or (
            f"Merge !{found.number}: {line(found.title, 200)}\n\n{found.description.strip()}"
        )
        words = f"{_shown(words.strip())}\n\nMerge-Request: {found.number}\n"
        return commit_bytes(made.tree, (target, found.head), me, me, words)


def _shown(text: str) -> str:
    """Several lines of somebody's words, in which nothing is left that a screen would obey."""
    return "".join(
        char if char in "\n\t" or char.isprintable() else char.encode("unicode_escape").decode()
        for char in text.replace("\r\n", "\n")
    )


def _conflicting(found: MergeRequest, paths: Sequence[str]) -> UsageError:
    more = f" and {len(paths) - _NAMED} more" if len(paths) > _NAMED else ""
    return UsageError(
        "merge-conflict",
        f"!{found.number} and `{found.target}` changed the same: {', '.join(paths[:_NAMED])}{more}",
        hint=f"`git merge {found.target}` on `{found.source}`, mend these files, commit and push",
        subject=f"!{found.number}",
    )


def moved(number: int, now: str, said: str) -> WaitingError:
    """Somebody pushed meanwhile."""
    return WaitingError(
        "head-moved",
        f"the last commit of !{number} is {now[:12] or 'gone'}, and not {said[:12]} any more",
        hint=f"look at what is there now: `reconciler mr diff {number}`",
        subject=f"!{number}",
    )


def target_moved(number: int, target: str) -> WaitingError:
    """Somebody merged something else meanwhile, beside which this one was not judged."""
    return WaitingError(
        "target-moved",
        f"`{target}` moved while !{number} was checked, and nothing was merged",
        hint=f"check and merge again: `reconciler mr merge {number}`",
        subject=f"!{number}",
    )


def no_source(number: int, source: str) -> UsageError:
    """There is nothing to merge any more."""
    return UsageError(
        "no-source",
        f"!{number} has no commits: its branch `{source}` is gone",
        hint=f"push the branch again, or `reconciler mr close {number}`",
    )


def no_branch(name: str, *, pushed: bool = False) -> UsageError:
    """A branch that was named is not there."""
    where = " at the remote" if pushed else ""
    return UsageError(
        "no-such-branch",
        f"there is no branch `{line(name, 200)}`{where}",
        hint=f"push it: `git push origin {line(name, 200)}`"
        if pushed
        else "`git branch` lists them",
    )
