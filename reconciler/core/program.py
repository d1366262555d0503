"""What the program itself changes: known by the key that signed it, and kept to what it is for.

A name proves nothing, so a commit is the program's only where a key of `records.writers` signed it.
What else somebody brings beside such commits, they bring in their own name.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final, TypeVar

from reconciler.core.approve import People, key_fingerprint
from reconciler.core.git_objects import BadObject, RawCommit, read_commit
from reconciler.core.load import lazy_shared
from reconciler.core.ssh_signature import BadSignature
from reconciler.core.tree import find
from reconciler.model.agent import Agent
from reconciler.model.author import Author
from reconciler.model.base import Document
from reconciler.model.desired import Loaded
from reconciler.model.freeze import Freeze
from reconciler.model.settings import RecordWriter
from reconciler.ports import RepoTree, Verify

_T = TypeVar("_T", bound=Document)

ENVIRONMENTS: Final = "environments/"
SUPPRESSIONS: Final = "policies/suppressions/"
FREEZES: Final = "policies/freezes/"
AGENTS: Final = "profiles/agents/"
_FOR: Final = (
    "it is for documents of environments and of suppressions, ends freezes, and puts agents in"
    " quarantine"
)
_NEVER: Final = datetime.max.replace(tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Ours:
    """Which commits of a change are the program's."""

    authors: frozenset[Author] = frozenset()
    """Names that are the program's in each commit that has them."""
    whole: bool = False
    """Whether each commit was made by the program, be it because somebody asked for it."""


NOT_OURS: Final = Ours()


def signed_by(commit: RawCommit, verify: Verify) -> str:
    """The fingerprint of the key that signed a commit; empty: none did."""
    if not commit.signature:
        return ""
    try:
        return verify(commit.signed, commit.signature).fingerprint
    except BadSignature:
        return ""


def ours_among(
    commits: Iterable[tuple[Author, bytes]],
    writers: Iterable[RecordWriter],
    people: People,
    verify: Verify,
) -> Ours:
    """What of these commits is the program's.

    A key that a document gives to a person or an agent is theirs, also where it may write records.
    A merge is nobody's proposal: what it brings was made by others.
    """
    emails = _emails(writers, people)
    proven: set[Author] = set()
    others: set[Author] = set()
    whole, some = True, False
    for author, data in commits:
        some = True
        known = _by(data, verify, emails)
        whole = whole and known is not None
        (proven if known and author.email.lower() in known else others).add(author)
    return Ours(frozenset(proven - others), whole and some)


def _emails(writers: Iterable[RecordWriter], people: People) -> Mapping[str, frozenset[str]]:
    """By key: the addresses that it commits as."""
    found: dict[str, frozenset[str]] = {}
    for one in writers:
        for key in map(key_fingerprint, one.keys):
            if not people.having({("key", key)}):
                found[key] = found.get(key, frozenset()) | {one.email.lower()}
    return found


def _by(data: bytes, verify: Verify, emails: Mapping[str, frozenset[str]]) -> frozenset[str] | None:
    """The addresses of the program that made a commit; None: it did not."""
    try:
        raw = read_commit(data)
    except BadObject:
        return None
    return emails.get(signed_by(raw, verify)) if len(raw.parents) == 1 else None


def beyond(
    paths: Iterable[str], before: RepoTree, after: RepoTree, pushed: RepoTree | None
) -> Iterator[tuple[str, str]]:
    """What the program is not for: each such path, and why.

    `pushed`: what it signed, where `after` is what merging that would make. Both have to be the
    same: else an old proposal, brought again, comes to what the program never proposed.
    """
    old, new = lazy_shared(before), lazy_shared(after)
    for path in paths:
        if pushed is not None and find(pushed, path) != find(after, path):
            why = "the target branch changed it since this was proposed"
        elif path.startswith(FREEZES):
            gone = find(after, path) is None
            sooner = gone or _ended(_at(old.freezes, path), _at(new.freezes, path))
            why = "" if sooner else "it only sets a freeze's end, or takes the freeze out"
        elif path.startswith(AGENTS):
            held = _held(_at(old.agents, path), _at(new.agents, path))
            why = "" if held else "it only sets an agent's `quarantine`"
        else:
            known = path.startswith((ENVIRONMENTS, SUPPRESSIONS)) and path.endswith(".yaml")
            why = "" if known else _FOR
        if why:
            yield path, why


def _at(documents: Mapping[str, Loaded[_T]], path: str) -> _T | None:
    return next((one.document for one in documents.values() if one.path == path), None)


def _ended(before: Freeze | None, after: Freeze | None) -> bool:
    """Whether a freeze only comes to its end sooner."""
    if before is None or after is None:
        return False
    until = after.spec.expires
    same = before.model_copy(update={"spec": before.spec.model_copy(update={"expires": until})})
    return until is not None and until <= (before.spec.expires or _NEVER) and same == after


def _held(before: Agent | None, after: Agent | None) -> bool:
    """Whether an agent is only put in quarantine; only people let it out again."""
    if before is None or after is None:
        return False
    held = after.spec.quarantine
    same = before.model_copy(update={"spec": before.spec.model_copy(update={"quarantine": held})})
    return held is not None and same == after
