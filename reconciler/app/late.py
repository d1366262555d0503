"""Agreeing to what is merged already: only where an environment waits for exactly that.

What was agreed to before the merge may be stale when it is to be applied. Then the merged change
waits in front of everybody, and people may agree to the plan of now. Anything else that somebody
says of a merged change comes too late, and is refused here, with the reason that an apply would
have for passing it over.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime

from reconciler.app.agreed import Applied, Makers, given_to
from reconciler.app.environment import find_environment
from reconciler.app.records import Records
from reconciler.app.review import Room
from reconciler.core.approve import Asked, People, agreement
from reconciler.core.chatops import is_rewritten
from reconciler.core.known import known_of
from reconciler.core.records.decision import needs_of
from reconciler.errors import UsageError
from reconciler.model.approval import Approval, Person
from reconciler.model.decision import ApprovalNeed, Verdict
from reconciler.model.merge_request import MergeRequest, Note
from reconciler.model.order import Agrees
from reconciler.model.record import DecisionBody

Brought = Callable[[str, str, str], str]
"""The commit that made an environment what a commit has: commit, environment, path."""


@dataclass(frozen=True, slots=True)
class Voice:
    """Who agrees, with which key, to which policies, and when."""

    by: Person
    signed_by: str
    policies: str
    now: datetime


def refuse_too_late(
    room: Room,
    git: Makers,
    records: Records,
    brought: Brought,
    request: MergeRequest,
    plans: Sequence[tuple[str, str]],
    voice: Voice,
) -> None:
    """An error unless each of these plans is waited for, and this agreement would count for it."""
    if not plans:
        raise UsageError(
            "merged",
            f"!{request.number} is merged: there is nothing to agree to but a plan that waits",
            hint="name it: `reconciler mr approve N --plan ENV=DIGEST`, as `reconciler plan ENV`"
            " prints it",
            subject=f"!{request.number}",
        )
    for name, digest in plans:
        why = _counts_not(Looking(room, git, records, brought), request, name, digest, voice)
        if why:
            raise UsageError(
                "does-not-count", f"nothing was written to !{request.number}: {why}", subject=name
            )


@dataclass(frozen=True, slots=True)
class Looking:
    """What it takes to tell whether an agreement counts."""

    room: Room
    git: Makers
    records: Records
    brought: Brought


@dataclass(frozen=True, slots=True)
class Heard:
    """What became of an agreement in a note."""

    why_not: str = ""
    """Empty: it is taken."""
    by_whom: bool = False
    """Whether it is not for who it is that says so."""


def heard(
    at: Looking, request: MergeRequest, note: Note, said: Agrees, now: datetime
) -> Heard | None:
    """Whether a note on what is merged agrees to what waits; None: it does not wait yet, and may.

    Taken or not, it is judged again beside the plan of the apply, which alone decides.
    """
    name = said.environment
    if at.room.forge.takes_late:
        command = f"`reconciler mr approve {request.number} --plan {name}={said.plan}`"
        return Heard(f"here one agrees with one's key: {command}")
    if is_rewritten(note):
        return Heard("the note was changed, and nobody can tell who did: write a new one")
    if said.head != request.head:
        return Heard(f"the last commit of !{request.number} is {request.head}")
    try:
        if not _begun(at, name):
            return None
        policies = _policies(at.records, name)
        if policies not in ("", said.policies):
            return Heard(f"the policies are others by now: {policies}")
        voice = Voice(note.by, note.signed_by, said.policies, now)
        why = _counts_not(at, request, name, said.plan, voice)
    except UsageError as error:
        return Heard(f"{error.message}; {error.hint}" if error.hint else error.message)
    return Heard(why, by_whom=bool(why))


def _counts_not(at: Looking, request: MergeRequest, name: str, digest: str, voice: Voice) -> str:
    """Why an agreement would not count; empty: it would. An error where nothing waits for it."""
    room, records = at.room, at.records
    path = find_environment(room.rules, name).path
    commit = at.brought(room.rules.revision, name, path)
    _made_by(room, request, name, commit)
    needs = _waits(records, request, name, digest)
    since = known_of(name, records.status(name)).commit
    given = given_to(room, at.git, Applied(name, path, commit, since), request)
    said = Approval(voice.by, voice.now, request.head, digest, voice.policies, "", voice.signed_by)
    asked = Asked(given.heads, digest, voice.policies, given.authors, voice.now)
    people = People.of(room.shared, voice.now)
    return next((one.why for one in agreement(needs, (said,), asked, people).disregarded), "")


def _begun(at: Looking, name: str) -> bool:
    """Whether what the environment is by now was applied, or is waited with: else nobody knows."""
    known = known_of(name, at.records.status(name))
    if known.waits or known.verdict == Verdict.DENY:
        return True
    commit = at.brought(at.room.rules.revision, name, find_environment(at.room.rules, name).path)
    return bool(known.commit) and at.git.contains(known.commit, commit) is True


def _decision(records: Records, name: str) -> DecisionBody | None:
    """The decision by which an environment waits; None: it does not."""
    status = records.status(name)
    number = status["decision"].get("record") if known_of(name, status).waits else None
    kept = records.ancestor(records.tip(), number) if isinstance(number, int) else None
    body = kept.record.body if kept is not None else None
    return body if isinstance(body, DecisionBody) else None


def _policies(records: Records, name: str) -> str:
    """Those by which it waits."""
    body = _decision(records, name)
    return str(body.decision["inputs"].get("policies", "")) if body is not None else ""


def _made_by(room: Room, request: MergeRequest, name: str, commit: str) -> None:
    """An error unless the environment is what just this merge request made it."""
    found = room.forge.brought(commit)
    if found is None or found.number != request.number or found.target != room.branch:
        by = f"!{found.number}" if found is not None else f"no merge request, but {commit[:12]}"
        raise UsageError(
            "not-waiting",
            f"{name} does not wait for !{request.number}: what it is now, {by} made it",
            hint=f"`reconciler plan {name}` shows what is to be done, and who has to agree",
            subject=name,
        )


def _waits(
    records: Records, request: MergeRequest, name: str, digest: str
) -> tuple[ApprovalNeed, ...]:
    """Whom the environment waits for to agree to this very plan."""
    known, body = known_of(name, records.status(name)), _decision(records, name)
    needs = needs_of(body) if body is not None else ()
    if not needs:
        raise UsageError(
            "not-waiting",
            f"!{request.number} is merged, and {name} waits for nobody's agreement",
            hint=f"`reconciler status` shows what is so of {name}; where something is to change,"
            " open a new merge request",
            subject=name,
        )
    if known.waits != digest:
        raise UsageError(
            "not-waiting",
            f"{name} waits for another plan: {known.waits}",
            hint=f"look at it, `reconciler plan {name}`, and agree to that:"
            f" `--plan {name}={known.waits}`",
            subject=name,
        )
    return needs
