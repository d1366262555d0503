"""Who did what: the records of an environment, by person and deed."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any, Final

from reconciler.core.records.refusals import brought
from reconciler.model.audit import Deed
from reconciler.model.record import ApplyEnded, ApplyStarted, DecisionBody, Record, Refusal

_DID: Final = {
    "decision": "decided",
    "drift-seen": "saw drift",
    "remediation-proposed": "proposed to mend drift",
    "remediation-started": "mended drift",
    "promotion": "promoted",
    "rollback": "rolled back",
    "expiry": "ended it in time",
    "freeze": "froze",
    "resume": "resumed",
    "waiver": "used a waiver",
    "override": "overrode",
    "refusal": "was refused",
    "policy": "took rules into use",
}
"""What is not here is the end of what began before, and counts once."""
_APPLIED: Final = {"apply": "applied", "destroy": "destroyed"}

Person = tuple[str, str, int | None, str]
"""Name, address, id at the forge, kind."""
Authors = Callable[[str], Person | None]
"""Who made a commit; None: nobody knows."""


@dataclass(slots=True)
class Doers:
    """Who did what, of records that come one by one, in whatever order."""

    author: Authors = lambda _commit: None
    """Who made the commit that was refused."""
    _said: dict[tuple[object, ...], tuple[Person, str, str, int]] = field(default_factory=dict)

    def take(self, record: Record) -> None:
        """One more record."""
        for who, did, at, mark in _done(record, self.author):
            key = (_key(who), did, mark)
            # An approval stands in every decision that it counts in, and was given once.
            if key not in self._said or record.chain.sequence < self._said[key][3]:
                self._said[key] = (who, did, at, record.chain.sequence)

    def found(self) -> tuple[Deed, ...]:
        """By person, then the latest first."""
        found: dict[tuple[object, ...], list[tuple[Person, str, str, int]]] = {}
        for (person, what, _), one in self._said.items():
            found.setdefault((person, what), []).append(one)
        made = []
        for many in found.values():
            who, did, at, number = max(many, key=lambda one: (one[2], one[3]))
            made.append(Deed(*who, did, len(many), at, number))
        return tuple(sorted(made, key=lambda one: (one.last, one.record, one.name, one.did))[::-1])


def nobody_known(_commit: str) -> None:
    """Who made a commit, where no commits are at hand."""


def deeds(records: Iterable[Record], author: Authors = nobody_known) -> tuple[Deed, ...]:
    """By person, then the latest first. The order of records makes no difference."""
    doers = Doers(author)
    for record in records:
        doers.take(record)
    return doers.found()


def _key(who: Person) -> tuple[object, ...]:
    """An id proves who it was; without one the address is all there is."""
    return (who[2],) if who[2] is not None else (who[1].lower(), who[3])


def _done(record: Record, author: Authors) -> Iterator[tuple[Person, str, str, object]]:
    body, actor = record.body, record.actor
    who = (actor.name, actor.email, actor.forge_id, actor.kind)
    number = record.chain.sequence
    if isinstance(body, ApplyStarted) or (isinstance(body, ApplyEnded) and body.started is None):
        yield who, _APPLIED[body.action], record.at, number
    elif isinstance(body, Refusal) and (commit := brought(body)):
        yield who, "refused a change", record.at, number
        made = author(commit)
        if made is not None:
            yield made, _DID[body.kind], record.at, number
    elif (did := _DID.get(body.kind)) is not None:
        yield who, did, record.at, number
    if isinstance(body, DecisionBody):
        for one in approvals(body):
            at = one["at"] if isinstance(one.get("at"), str) else record.at
            mark = (str(one.get("reference")), at, str(one.get("head")))
            yield approver(one), "approved", at, mark


def approvals(body: DecisionBody) -> tuple[dict[str, Any], ...]:
    """Those that counted; what has not the form of one is none."""
    given = body.decision.get("agreed")
    return tuple(one for one in given if isinstance(one, dict)) if isinstance(given, list) else ()


def approver(one: dict[str, Any]) -> Person:
    """Whose approval it is."""
    forge_id = one.get("forgeId")
    return (
        str(one.get("name") or ""),
        str(one.get("email") or ""),
        forge_id if isinstance(forge_id, int) else None,
        "human",
    )
