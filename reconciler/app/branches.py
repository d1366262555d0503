"""Commits of our own on branches that everybody shares, each moved only from where it was."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from reconciler.app.records import Objects
from reconciler.core.git_objects import Who, commit_bytes, read_commit, with_signature
from reconciler.errors import ReconcilerError, TransientError
from reconciler.model.author import Author
from reconciler.ports import RecordStore, Signer

Edits = Mapping[str, bytes | None]
"""Path -> what stands there from now on; None: nothing."""
_TRIES: Final = 5


@dataclass(frozen=True, slots=True)
class Change:
    """A commit that is to be made."""

    edits: Edits
    message: str
    author: Author
    """Who wanted it."""
    committer: Author
    """Who writes it."""
    at: datetime
    signer: Signer | None = None
    """Whose key signs it; None: nobody's."""


def commit_to(store: RecordStore, change: Change, still: Callable[[str], bool]) -> str:
    """Put a change on top of a branch, however fast others move it; the commit, or "".

    `still`: asked of each tip whether the change is still to be made on it.
    """
    for _ in range(_TRIES):
        tip = store.tip(fresh=True)
        if not tip:
            raise ReconcilerError(
                "no-branch", "the target branch has no commit", hint="make the first one"
            )
        if not still(tip):
            return ""
        made = _commit(store, tip, change)
        if store.advance(tip, made, durable=True):
            return made
        store.drop()
    raise TransientError(
        "branch-busy", "the target branch moves faster than anybody can commit", hint="try again"
    )


def propose(store: RecordStore, base: str, change: Change, name: str) -> str:
    """A new branch with one commit; the one that is there already when it has just that.

    A branch that somebody else filled is refused: what is in it would be proposed in our name.
    """
    tip = store.tip(fresh=True)
    if not tip:
        made = _commit(store, base, change)
        if store.advance("", made, durable=True):
            return made
        store.drop()
        tip = store.tip(fresh=True)
    if tip and _is_that(store, tip, change):
        return tip
    raise _taken(name)


def _taken(name: str) -> ReconcilerError:
    return ReconcilerError(
        "branch-taken",
        f"the branch {name} is there already, and holds something else",
        hint=f"look at who made it; `git push --delete origin {name}` takes it away",
        subject=name,
    )


def replaced(store: RecordStore, base: str, change: Change, name: str) -> str:
    """A branch of ours that comes to just this change; untouched where it does already.

    A branch whose last commit somebody else made is refused: it is theirs by now.
    """
    tip = store.tip(fresh=True)
    if tip:
        _, data = store.read(tip)
        if f"<{change.committer.email}>" not in read_commit(data).committer:
            raise _taken(name)
        if _edited(store, tip, change) == read_commit(data).tree:
            store.drop()
            return tip
    made = _commit(store, tip or base, change)
    if store.advance(tip, made, durable=True):
        return made
    store.drop()
    raise TransientError(
        "branch-busy", "somebody else moved a branch of ours meanwhile", hint="try again"
    )


def _commit(store: RecordStore, parent: str, change: Change) -> str:
    tree = _edited(store, parent, change)
    seconds = int(change.at.timestamp())
    author = Who(change.author.name, change.author.email, seconds)
    committer = Who(change.committer.name, change.committer.email, seconds)
    data = commit_bytes(tree, [parent], author, committer, change.message)
    if change.signer is not None:
        data = with_signature(data, change.signer.sign(data))
    return store.write("commit", data)


def _edited(store: RecordStore, commit: str, change: Change) -> str:
    _, data = store.read(commit)
    paths = {tuple(path.encode().split(b"/")): text for path, text in change.edits.items()}
    return Objects(store).edited(read_commit(data).tree, paths)


def _is_that(store: RecordStore, tip: str, change: Change) -> bool:
    _, data = store.read(tip)
    found = read_commit(data)
    if len(found.parents) != 1:
        return False
    try:
        return _edited(store, found.parents[0], change) == found.tree
    finally:
        store.drop()
