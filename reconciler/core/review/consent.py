"""What people said at a forge -> approvals, each bound to what they had before their eyes.

A forge binds an agreement to a commit at best. What else was shown then, the note remembers: an
agreement counts for the plans and policies that were shown last before it, with that very commit.
Whoever agreed before anything was shown agreed to nothing that can be named. Nothing here is
judged: `core/approve` says which of them count, and why others do not.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from reconciler.model.approval import Approval, Given, Person
from reconciler.model.merge_request import Consent
from reconciler.model.review import Shown


@dataclass(frozen=True)
class Heard(Mapping[str, Given]):
    """What was said, by environment; of one that nobody named, too: they agreed to the commit."""

    consents: tuple[Consent, ...]
    shown: tuple[Shown, ...]
    """Oldest first, each with its time."""
    authors: tuple[Person, ...]
    """Who made it, as the forge tells: whoever opened it."""
    head: str
    """The merge request's last commit."""

    def __getitem__(self, environment: str) -> Given:
        approvals = tuple(_approval(one, self.shown, environment) for one in self.consents)
        return Given(approvals, self.authors, frozenset({self.head}))

    def __iter__(self) -> Iterator[str]:
        names = {""}
        for one in self.consents:
            seen = _seen(one, self.shown)
            names.update(name for name, _ in one.plans or (seen.plans if seen else ()))
        return iter(sorted(names))

    def __len__(self) -> int:
        return len(tuple(iter(self)))


def _approval(one: Consent, shown: Sequence[Shown], environment: str) -> Approval:
    plan, policies = _bound(one, shown, environment)
    return Approval(one.by, one.at, one.head, plan, policies, one.reference, one.signed_by)


def _bound(one: Consent, shown: Sequence[Shown], environment: str) -> tuple[str, str]:
    """The plan and the policies that it is about; empty: none that anybody could name."""
    if one.plans is not None:
        plans, policies = one.plans, one.policies
    else:
        seen = _seen(one, shown)
        if seen is None:
            return "", ""
        plans, policies = seen.plans, seen.policies
    said = {plan for name, plan in plans if name == environment}
    # Whoever says two things of one environment agrees to neither.
    return (said.pop() if len(said) == 1 else "", policies)


def _seen(one: Consent, shown: Sequence[Shown]) -> Shown | None:
    """What was shown last before it: not at the same instant, where nobody knows which was first.

    Only what had that very commit: else it would be an agreement to something never shown with it.
    """
    if not one.head:
        return None
    before = (
        entry
        for entry in reversed(shown)
        if entry.at is not None and entry.at < one.at and entry.head == one.head
    )
    return next(before, None)
