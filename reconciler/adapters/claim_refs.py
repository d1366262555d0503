"""How far news has been told: `refs/reconciler/told`, moved by compare-and-swap."""

import json
from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import Final

from reconciler.adapters.document_refs import DocumentRefs
from reconciler.adapters.git_remote import Credentials
from reconciler.core.git_objects import BadObject, Who
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
        self._refs = DocumentRefs(home, remote, credentials, _NOUN, _DOCUMENT)
        self._me = me
        self._clock = clock
        self._ref = REF + ("-sandbox" if simulated else "")

    def read(self) -> Claim:
        """How far it is; from the beginning where somebody wrote nonsense there."""
        at = self._refs.refs.tips(self._ref).get(self._ref, "")
        if not at:
            return Claim()
        try:
            if self._refs.server is not None and not self._here(at):
                self._refs.server.fetch(self._ref)
            found = json.loads(self._refs.read(at))
            return Claim(at, str(found["until"]), tuple(str(one) for one in found["batches"]))
        except (LookupError, BadObject, ValueError, TypeError):
            return Claim(at)

    def move(self, old: Claim, until: str, batch: str) -> bool:
        """Write the next state, where the ref is still at the last one."""
        batches = [*old.batches, batch][-_REMEMBERED:]
        data = json.dumps({"batches": batches, "until": until}, indent=2).encode() + b"\n"
        who = Who(self._me.name, self._me.email, int(self._clock().timestamp()))
        words = f"Told up to record {until[:12]}\n"
        return bool(self._refs.put(self._ref, old.place, data, who, words))

    def _here(self, commit: str) -> bool:
        try:
            self._refs.refs.read(commit)
        except LookupError:
            return False
        return True
