"""What promotion and rollback have in common: one document, read from several commits."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

from reconciler.app.proposing import Bot, Wish
from reconciler.app.record import Recorder
from reconciler.app.steward import Caller
from reconciler.core.fingerprint import fingerprint
from reconciler.core.tree import find
from reconciler.errors import ReconcilerError
from reconciler.model.author import Author
from reconciler.model.merge_request import MergeRequest
from reconciler.model.tree import DOCUMENT_LIMIT
from reconciler.ports import RepoTree

_MARK: Final = 12


@dataclass(frozen=True, slots=True)
class Desk:
    """Everything that moving an environment takes."""

    bot: Bot
    recorder: Recorder
    tree: RepoTree
    """The target branch as everybody has it now."""
    caller: Caller
    """Who wants it."""

    @property
    def author(self) -> Author:
        """The same, as commits name them."""
        return Author(self.caller.actor.email, self.caller.actor.name)


def text_of(tree: RepoTree, path: str) -> bytes:
    """A document's bytes; none where there is no such file."""
    entry = find(tree, path)
    return (tree.read(entry, DOCUMENT_LIMIT) or b"") if entry is not None else b""


def same_document(desk: Desk, path: str, commit: str) -> Callable[[str], bool]:
    """Tells whether a commit has at a path what another one has there."""

    def lies(at: str) -> str:
        try:
            entry = find(desk.recorder.commits.snapshot(at), path)
        except ReconcilerError:
            return ""  # it is not here any more
        return entry.oid if entry is not None else ""

    wanted = lies(commit)
    return lambda other: bool(wanted) and (other == commit or lies(other) == wanted)


def branch_for(what: str, name: str, *parts: str) -> str:
    """The branch of one wish: another wish, also later, has another one."""
    return f"{what}/{name}-{fingerprint(*parts)[:_MARK]}"


def propose_alone(desk: Desk, wish: Wish) -> MergeRequest:
    """Propose it; what we proposed for the same environment before is withdrawn."""
    made = desk.bot.propose(wish)
    about = wish.source.rpartition("-")[0]
    for source, opened in desk.bot.open_ones().items():
        if source != wish.source and source.rpartition("-")[0] == about:
            desk.bot.withdraw(opened, f"Instead of this there is merge request {made.number} now.")
    return made


def record_once(desk: Desk, name: str, body: dict[str, Any]) -> None:
    """Record it, unless the last record of its kind says just this."""
    for kept in desk.recorder.records.of_environment(name):
        found = kept.record.body.model_dump(mode="json", by_alias=True)
        if found["kind"] == body["kind"]:
            if all(found[key] == value for key, value in body.items()):
                return
            break
    desk.recorder.happened(name, desk.tree.revision, body)
