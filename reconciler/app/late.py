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
from reconciler.core.known import known_of
from reconciler.core.records.decision import needs_of
from reconciler.errors import UsageError
from reconciler.model.approval import Approval, Person
from reconciler.model.decision import ApprovalNeed
from reconciler.model.merge_request import MergeRequest
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
    people = People.of(room.shared, voice.now)
    for name, digest in plans:
        path = find_environment(room.rules, name).path
        commit = brought(room.rules.revision, name, path)
        _made_by(room, request, name, commit)
        needs = _waits(records, request, name, digest)
        since = known_of(name, records.status(name)).commit
        what = Applied(name, path, commit, since)
        given = given_to(room, git, what, request)
        said = Approval(
            voice.by, voice.now, request.head, digest, voice.policies, "", voice.signed_by
        )
        asked = Asked(given.heads, digest, voice.policies, given.authors, voice.now)
        for one in agreement(needs, (said,), asked, people).disregarded:
            raise UsageError(
                "does-not-count",
                f"nothing was written to !{request.number}: {one.why}",
                subject=name,
            )


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
    status = records.status(name)
    known = known_of(name, status)
    number = status["decision"].get("record") if known.waits else None
    kept = records.ancestor(records.tip(), number) if isinstance(number, int) else None
    body = kept.record.body if kept is not None else None
    needs = needs_of(body) if isinstance(body, DecisionBody) else ()
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
