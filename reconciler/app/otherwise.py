"""How a plan differs from the one that people agreed to, where what they agreed to is kept.

A plan that was looked at is kept where the agreement is: in the approval of the local forge, at the
hidden end of the note at any other, and until then on this machine. None of these is believed: what
was kept has to have the digest that the approval names. Once it was decided that the agreement does
not count, both plans are in the records.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Final

from reconciler.core.approve import ANOTHER_PLAN, is_commit
from reconciler.core.difference import LARGEST, difference, kept_plan, known_plan
from reconciler.core.review.marker import Trust, sticky
from reconciler.core.tree import find
from reconciler.errors import ReconcilerError
from reconciler.model.approval import Approval
from reconciler.model.decision import Decision
from reconciler.model.difference import Difference
from reconciler.model.forge_event import plan_file
from reconciler.model.merge_request import Note
from reconciler.model.plan import Plan
from reconciler.model.tree import EntryKind
from reconciler.ports import Cache, RepoTree

_KIND: Final = "plan that was shown"

Look = Callable[[Approval], Iterable[bytes]]
"""What may be the plan of an approval, from one place."""


def remember(cache: Cache, plan: Plan) -> None:
    """Keep a plan on this machine: whoever looked at it may agree to it from here."""
    data = kept_plan(plan)
    if data is not None:
        cache.put_many(_KIND, [(plan.digest, data)])


def recorded(data: bytes | None, plan: Plan) -> Difference | None:
    """What differs from the plan that records know was agreed to; None: nothing, or none is."""
    agreed = known_plan(data, plan.environment) if data is not None else None
    found = difference(agreed, plan) if agreed is not None else None
    return found or None


def remembered(cache: Cache, environment: str, digest: str) -> bytes | None:
    """A plan that was looked at on this machine."""
    data = cache.get(_KIND, digest)
    return data if data is not None and known_plan(data, environment, digest) else None


def since_then(cache: Cache, digest: str, plan: Plan) -> Difference | None:
    """What differs from a plan that was looked at on this machine; None: it is not known here."""
    data = cache.get(_KIND, digest)
    agreed = known_plan(data, plan.environment, digest) if data is not None else None
    return difference(agreed, plan) if agreed is not None else None


def agreed_plan(decision: Decision, plan: Plan, looks: Iterable[Look]) -> Plan | None:
    """The plan that people agreed to last, where nothing but the plan moved since.

    Where it is kept nowhere only its digest is known.
    """
    approval = stale(decision)
    if approval is None:
        return None
    for look in looks:
        try:
            for data in look(approval):
                found = known_plan(data, plan.environment, approval.plan)
                if found is not None:
                    return found
        except (LookupError, ReconcilerError):
            continue  # it only helps to see: what may be done is decided without it
    return None


def stale(decision: Decision) -> Approval | None:
    """The newest approval that does not count for the plan alone."""
    found = [one.approval for one in decision.disregarded if one.why == ANOTHER_PLAN]
    return max(found, key=lambda one: (one.at, one.reference), default=None)


def beside_approvals(snapshot: Callable[[str], RepoTree]) -> Look:
    """Beside the approval itself, as the local forge keeps it: a commit."""

    def look(approval: Approval) -> Iterator[bytes]:
        if not is_commit(approval.reference):
            return
        tree = snapshot(approval.reference)
        entry = find(tree, plan_file(approval.plan))
        if entry is not None and entry.kind is EntryKind.FILE:
            data = tree.read(entry, LARGEST)
            if data is not None:
                yield data

    return look


def in_notes(notes: Callable[[], Sequence[Note]]) -> Look:
    """At the end of the note that showed it."""

    def look(approval: Approval) -> Iterator[bytes]:
        for one in sticky(notes(), Trust("")):
            if approval.plan in one.plans:
                yield one.plans[approval.plan]

    return look


def on_this_machine(cache: Cache) -> Look:
    """Where whoever agreed looked at it on this very machine."""

    def look(approval: Approval) -> Iterator[bytes]:
        data = cache.get(_KIND, approval.plan)
        if data is not None:
            yield data

    return look
