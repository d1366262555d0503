"""How far news has been told: `refs/reconciler/told`, moved by compare-and-swap.

Each state is a commit of its own with nothing behind it: only the last one is of use.
"""

import json
from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import Final

from reconciler.adapters.git import open_repository
from reconciler.adapters.git_refs import GitRefs
from reconciler.adapters.git_remote import Credentials, RemoteRefs, place_of
from reconciler.core.git_objects import (
    FILE,
    BadObject,
    TreeEntry,
    Who,
    commit_bytes,
    read_commit,
    read_tree,
    write_tree,
)
from reconciler.model.author import Author
from reconciler.model.notice import Claim

REF: Final = "refs/reconciler/told"
_NOUN: Final = "the place of what was told"
_DOCUMENT: Final = b"told.json"
_REMEMBERED: Final = 100
"""Batches: so that whoever died right after a claim knows that it was theirs."""


class ClaimRefs:
    """The ref, in the repository here or at a remote of it."""

    def __init__(
        self,
        home: Path,
        remote: str,
        credentials: Credentials | None,
        me: Author,
        clock: Callable[[], datetime],
        *,
        simulated: bool = False,
    ) -> None:
        place = place_of(open_repository(home), remote, _NOUN) if remote else None
        self._server: RemoteRefs | None = None
        if remote and place is None:
            self._server = RemoteRefs(home, _NOUN)
            self._server.reach(remote, credentials)
        self._refs: GitRefs = self._server or GitRefs(place or home, _NOUN)
        self._me = me
        self._clock = clock
        self._ref = REF + ("-sandbox" if simulated else "")

    def read(self) -> Claim:
        """How far it is; from the beginning where somebody wrote nonsense there."""
        at = self._refs.tips(self._ref).get(self._ref, "")
        if not at:
            return Claim()
        try:
            if self._server is not None and not self._here(at):
                self._server.fetch(self._ref)
            tree = read_commit(self._refs.read(at)[1]).tree
            entry = read_tree(self._refs.read(tree)[1])[_DOCUMENT]
            found = json.loads(self._refs.read(entry.oid.hex())[1])
            return Claim(at, str(found["until"]), tuple(str(one) for one in found["batches"]))
        except (LookupError, BadObject, ValueError, TypeError):
            return Claim(at)

    def move(self, old: Claim, until: str, batch: str) -> bool:
        """Write the next state, where the ref is still at the last one."""
        batches = [*old.batches, batch][-_REMEMBERED:]
        data = json.dumps({"batches": batches, "until": until}, indent=2).encode() + b"\n"
        try:
            blob = self._refs.write("blob", data)
            entry = TreeEntry(_DOCUMENT, FILE, bytes.fromhex(blob))
            tree = self._refs.write("tree", write_tree([entry]))
            who = Who(self._me.name, self._me.email, int(self._clock().timestamp()))
            made = commit_bytes(tree, (), who, who, f"Told up to record {until[:12]}\n")
            return self._refs.replace(self._ref, old.place, self._refs.write("commit", made))
        finally:
            self._refs.drop()

    def _here(self, commit: str) -> bool:
        try:
            self._refs.read(commit)
        except LookupError:
            return False
        return True
