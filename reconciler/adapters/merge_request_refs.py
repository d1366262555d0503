"""Merge requests as refs: a chain of commits each, which holds one event in every commit.

`refs/reconciler/merge-requests/N` is moved only from where it was. In a clone the chains of the
remote are kept under the same names, and a chain that does not go on from what was seen here is
not read: somebody rewrote it.
"""

import re
from collections import OrderedDict
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import pygit2

from reconciler.adapters.git import open_repository
from reconciler.adapters.git_refs import GitRefs
from reconciler.adapters.git_remote import Credentials, RemoteRefs, place_of
from reconciler.core.forge.events import (
    NotAnEvent,
    event_bytes,
    message,
    read_event,
    who,
)
from reconciler.core.forge.fold import Entry, Folded, after, begun
from reconciler.core.git_objects import (
    FILE,
    BadObject,
    RawCommit,
    TreeEntry,
    commit_bytes,
    read_commit,
    read_tree,
    with_signature,
    write_tree,
)
from reconciler.core.secrets.engine import scanner
from reconciler.core.ssh_signature import BadSignature
from reconciler.errors import ReconcilerError, TransientError, UsageError
from reconciler.model.forge_event import DOCUMENT, Event
from reconciler.model.merge_request import NO_FILES
from reconciler.model.ssh import PublicKey
from reconciler.ports import Signer

REQUESTS: Final = "refs/reconciler/merge-requests/"
HEADS: Final = "refs/heads/"
_NOUN: Final = "merge requests"
_NUMBER: Final = re.compile(r"[1-9][0-9]{0,8}")
_LONGEST: Final = 20_000
"""Events of one merge request: whoever writes more only wants to take our time."""
_KEPT: Final = 4096
_LOOKS: Final = 100

Verify = Callable[[bytes, str], PublicKey]


@dataclass(frozen=True, slots=True)
class Tips:
    """Where everything is, at one look."""

    branches: Mapping[str, str]
    requests: Mapping[int, str]
    rewritten: Mapping[int, str]
    """Those that do not go on from what was seen here before, which was this."""


@dataclass(frozen=True, slots=True)
class Chain:
    """A merge request's events up to a commit."""

    state: Folded
    odd: tuple[str, ...]
    """What somebody wrote that changes nothing, and why."""
    length: int


def home_of(path: Path) -> str:
    """The remote that merge requests live at; empty: they live in the repository itself."""
    return "origin" if "origin" in open_repository(path).remotes.names() else ""


class MergeRequestRefs:
    """The chains, and the branches beside them."""

    def __init__(
        self,
        home: Path,
        remote: str,
        credentials: Credentials | None,
        signer: Signer | None,
        verify: Verify,
    ) -> None:
        self._home = open_repository(home)
        self._remote = remote
        self._signer = signer
        self._verify = verify
        place = place_of(self._home, remote, _NOUN) if remote else None
        self._server: RemoteRefs | None = None
        if remote and place is None:
            self._server = RemoteRefs(home, _NOUN)
            self._server.reach(remote, credentials)
        self.refs: GitRefs = self._server or GitRefs(place or home, _NOUN)
        self._seen = self._server or (GitRefs(home, _NOUN) if place is not None else None)
        self.repository = open_repository(home if self._server or place is None else place)
        self._chains: OrderedDict[str, Chain] = OrderedDict()

    @property
    def signs_with(self) -> str:
        """The fingerprint of the key that signs what is written here; empty: none does."""
        return self._signer.public_key.fingerprint if self._signer is not None else ""

    @property
    def elsewhere(self) -> bool:
        """Whether it is another repository than the one that we are in."""
        return bool(self._remote)

    def refuses_force(self) -> bool | None:
        """Whether the repository refuses pushes that rewrite history; None: a server knows."""
        if self._server is not None:
            return None
        config = self.repository.config
        wanted = ("receive.denyNonFastForwards", "receive.denyDeletes")
        return all(name in config and config.get_bool(name) for name in wanted)

    # -- reading ------------------------------------------------------------------------------

    def tips(self) -> Tips:
        """Where everything is now; the objects are here afterwards."""
        before: dict[int, str] = {}
        for _ in range(_LOOKS):
            found = self.refs.tips(HEADS, REQUESTS)
            requests = {
                int(number): tip
                for name, tip in found.items()
                if _NUMBER.fullmatch(number := name.removeprefix(REQUESTS))
            }
            branches = {
                name.removeprefix(HEADS): tip
                for name, tip in found.items()
                if name.startswith(HEADS)
            }
            if self._seen is None:
                return Tips(branches, requests, {})
            off = self._fetched(self._seen, branches, requests)
            if off in ({}, before):
                return Tips(branches, requests, off)
            before = off  # what was fetched may be newer than what was listed: look again
        raise TransientError(
            "merge-requests-busy", "they move faster than they are read", hint="run it again"
        )

    def _fetched(
        self, seen: GitRefs, branches: Mapping[str, str], requests: Mapping[int, str]
    ) -> dict[int, str]:
        """Bring here what is not; those that are somewhere else here afterwards."""

        def off() -> dict[int, str]:
            known = {number: seen.here(f"{REQUESTS}{number}") for number in requests}
            return {number: one for number, one in known.items() if one != requests[number]}

        lacking = any(tip not in self.repository for tip in branches.values())
        if lacking or off():
            # Not forced: a chain that does not go on from what we know stays where it was.
            specs = [f"{REQUESTS}*:{REQUESTS}*"]
            if self._server is not None:
                specs.append(f"+{HEADS}*:refs/remotes/{self._remote}/*")
            self._fetch(specs)
        return off()

    def bring(self, *branches: str) -> None:
        """Have branches here as the other repository has them now."""
        if not self._remote:
            return
        self._fetch([f"+{HEADS}{one}:refs/remotes/{self._remote}/{one}" for one in branches])

    def _fetch(self, specs: Sequence[str]) -> None:
        if self._server is not None:
            self._server.fetch(*specs)
            return
        try:
            self._home.remotes[self._remote].fetch(list(specs))
        except (KeyError, OSError, pygit2.GitError) as err:
            raise UsageError(
                "not-fetched",
                f"`{self._remote}` could not be fetched: {err}",
                hint=f"`git fetch {self._remote}`",
            ) from err

    def of(self, number: int, tips: Tips) -> Chain:
        """A merge request as it stands now."""
        known, tip = tips.rewritten.get(number), tips.requests[number]
        if known is not None:
            raise ReconcilerError(
                "merge-request-rewritten",
                f"the history of !{number} is not what it was: {known[:12]} was in it,"
                f" and is not behind {tip[:12]}",
                hint=f"ask who rewrote it: `git log -p {known[:12]}` is what was seen here."
                f" To read the new one all the same: `git update-ref -d {REQUESTS}{number}`",
                subject=f"!{number}",
            )
        return self.chain(number, tip)

    def chain(self, number: int, tip: str) -> Chain:
        """A merge request as it stood at a commit."""
        waiting: list[tuple[str, RawCommit]] = []
        at = tip
        while at and at not in self._chains:
            raw = self._commit(number, at)
            waiting.append((at, raw))
            at = raw.parents[0] if raw.parents else ""
            if len(waiting) > _LONGEST:
                raise _broken(number, f"it has more than {_LONGEST:,} events")
        found = self._chains.get(at) if at else None
        for commit, raw in reversed(waiting):
            found = self._next(number, found, commit, raw)
        if found is None:
            raise _broken(number, "it has no event")
        if found.length > _LONGEST:
            raise _broken(number, f"it has more than {_LONGEST:,} events")
        self._chains[tip] = found
        while len(self._chains) > _KEPT:
            self._chains.popitem(last=False)
        return found

    def _next(self, number: int, chain: Chain | None, commit: str, raw: RawCommit) -> Chain:
        try:
            entry = self._entry(commit, raw)
            state = begun(entry) if chain is None else after(chain.state, entry)
            if chain is None and entry.event.number != number:
                state = f"it is about !{entry.event.number}"
        except (NotAnEvent, BadObject, BadSignature, LookupError) as err:
            state = str(err)
        if isinstance(state, Folded):
            odd = chain.odd if chain is not None else ()
            return Chain(state, odd, chain.length + 1 if chain is not None else 1)
        if chain is None:
            raise _broken(number, f"{commit[:12]}: {state}")
        return Chain(chain.state, (*chain.odd, f"{commit[:12]}: {state}"), chain.length + 1)

    def _entry(self, commit: str, raw: RawCommit) -> Entry:
        kind, tree = self.refs.read(raw.tree)
        found = read_tree(tree).get(DOCUMENT.encode()) if kind == "tree" else None
        if found is None:
            msg = f"it has no {DOCUMENT}"
            raise NotAnEvent(msg)
        event = read_event(self.refs.read(found.oid.hex())[1])
        if raw.author != who(event).line:
            msg = "its author is not who it says did it"
            raise NotAnEvent(msg)
        signed_by = ""
        if raw.signature:
            signed_by = self._verify(raw.signed, raw.signature).fingerprint
        return Entry(commit, event, signed_by)

    def _commit(self, number: int, oid: str) -> RawCommit:
        try:
            kind, data = self.refs.read(oid)
            if kind != "commit":
                raise _broken(number, f"{oid[:12]} is a {kind}")
            return read_commit(data)
        except (LookupError, BadObject) as err:
            raise _broken(number, f"{oid[:12]} cannot be read: {err}") from err

    # -- writing ------------------------------------------------------------------------------

    def add(self, event: Event, tip: str, files: Mapping[str, bytes] = NO_FILES) -> str:
        """Write an event behind a commit; its own, or empty when somebody was faster.

        `files`: what lies beside it for people, where it holds no secret; whoever reads events
        does not read them.
        """
        document = event_bytes(event)
        _without_secrets(document)
        beside = {path: data for path, data in files.items() if not _secret_in(data)}
        entries = []
        for path, data in {**beside, DOCUMENT: document}.items():
            blob = self.refs.write("blob", data)
            entries.append(TreeEntry(path.encode(), FILE, bytes.fromhex(blob)))
        tree = self.refs.write("tree", write_tree(entries))
        by = who(event)
        commit = commit_bytes(tree, (tip,) if tip else (), by, by, message(event))
        if self._signer is not None:
            commit = with_signature(commit, self._signer.sign(commit))
        made = self.refs.write("commit", commit)
        name = f"{REQUESTS}{event.number}"
        try:
            if not self.refs.move(name, tip, made, durable=False):
                return ""
        finally:
            self.refs.drop()
        if self._server is not None:
            with suppress(OSError, ValueError, pygit2.GitError):
                self.repository.references.create(name, made, force=True)
        return made

    def move_branch(self, branch: str, old: str, commit: bytes) -> str:
        """Move a branch on to a commit; its id, or empty when somebody was faster."""
        name = HEADS + branch
        folder = self.refs.checked_out(name) if self._server is None else None
        if folder is not None:
            raise ReconcilerError(
                "target-checked-out",
                f"nothing was merged: `{branch}` is checked out, and its files would stay behind",
                hint="check out another branch there (`git worktree list` says where), then again;"
                " or keep merge requests in a bare repository",
                subject=str(folder),
            )
        if self._signer is not None:
            commit = with_signature(commit, self._signer.sign(commit))
        made = self.refs.write("commit", commit)
        try:
            return made if self.refs.move(name, old, made, durable=True) else ""
        finally:
            self.refs.drop()


def _secret_in(data: bytes) -> str:
    """What it holds that must not get out; empty: nothing."""
    return next((one.rule.title for one in scanner().scan(data).hits if not one.rule.advice), "")


def _without_secrets(data: bytes) -> None:
    found = _secret_in(data)
    if found:
        raise UsageError(
            "secret-in-words",
            f"nothing was written: it holds what must not get out ({found})",
            hint="say it without the secret: what is in git once cannot be taken back",
        )


def _broken(number: int, why: str) -> ReconcilerError:
    return ReconcilerError(
        "merge-request-broken",
        f"!{number} cannot be read: {why}",
        hint=f"`git log -p {REQUESTS}{number}` shows what is there; fetch anew if objects are"
        " missing, else open another merge request",
        subject=f"!{number}",
    )
