"""`audit export`: the evidence of a period, from its records."""

from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from reconciler.app.audit.authors import authors
from reconciler.app.audit.dora import Sources, figures
from reconciler.app.audit.log import Declared
from reconciler.app.audit.reading import (
    Trail,
    entry,
    every_record,
    known_names,
    unknown_environment,
)
from reconciler.app.records import Broken, Kept
from reconciler.core.records.deeds import Doers
from reconciler.core.records.evidence import Ledger, row_of
from reconciler.core.records.query import Wanted, instant, older, wants
from reconciler.core.records.standing import STATUS
from reconciler.core.records.story import read_status
from reconciler.errors import ReconcilerError
from reconciler.model.audit import Break
from reconciler.model.evidence import (
    Detail,
    DriftSpan,
    Evidence,
    PolicySpan,
    Row,
    Standing,
    Stopping,
    Who,
)
from reconciler.model.record import Record
from reconciler.model.verified import Verified

DETAILS: Final = 2000
"""So many records are shown whole: a page of more is nothing that anybody opens."""
_OLD_IN_A_ROW: Final = 64
_UNREADABLE: Final = (Broken, LookupError, RecursionError, TypeError, ValueError)


@dataclass(frozen=True, slots=True)
class Period:
    """What is asked for."""

    since: datetime
    until: datetime
    environments: frozenset[str] = frozenset()
    """None: all. What is about more than one is always told: it is about these, too."""


class Reading:
    """One walk over the records of a period, newest first, and what it came by."""

    def __init__(self, found: Trail, period: Period) -> None:
        self._found = found
        self._period = period
        self.before: Kept | None = None
        """The last record from before the period, once the walk came to it."""
        self.broken: Break | None = None

    def __iter__(self) -> Iterator[Kept]:
        wanted = Wanted(self._period.since, self._period.until)
        old = 0
        for one in every_record(self._found):
            if isinstance(one, Break):
                self.broken = one
                return
            if older(one.record, self._period.since):
                self.before = self.before or one
                old += 1
                if old >= _OLD_IN_A_ROW:
                    return
                continue
            old, self.before = 0, None
            name = one.record.environment
            about = not self._period.environments or name is None
            if wants(wanted, one.record) and (about or name in self._period.environments):
                yield one

    def rows(self) -> Iterator[Row | Break]:
        """A line for each; at the end the break, if there is one."""
        for kept in self:
            yield row_of(entry(kept))
        if self.broken is not None:
            yield self.broken


def known(found: Trail, names: frozenset[str], declared: Declared) -> None:
    """An error when neither records nor the target branch know one of the environments."""
    try:
        tip = found.records.tip()
        if tip:
            found.records.kept(tip)
    except _UNREADABLE:
        return  # nobody can tell
    for name in sorted(names - known_names(found)):
        if name not in (there := declared()):
            raise unknown_environment(name, found, there)


def evidence(
    sources: Sources, period: Period, verified: Verified | None, repository: str, *, simulated: bool
) -> Evidence:
    """The evidence of a period."""
    found = sources.trail
    author = authors(sources.commits, sources.target)
    walk, ledger = Reading(found, period), Ledger(Doers(author))
    details: list[Detail] = []
    total = 0
    for kept in walk:
        row = row_of(entry(kept))
        ledger.take(row, kept.record)
        total += 1
        if total <= DETAILS:
            details.append(Detail(row, kept.data))
    tables = ledger.tables(_standing(found, walk.before, period), _lookup(found))
    measured = figures(sources, period.since, period.until, period.environments)
    return Evidence(
        repository,
        found.branch,
        instant(period.since),
        instant(period.until),
        tuple(sorted(period.environments)),
        simulated,
        tables,
        measured.whole,
        verified,
        tuple(details),
        total - len(details),
        measured.notes,
        walk.broken,
    )


def _lookup(found: Trail) -> Callable[[int], Record | None]:
    tip = found.records.tip()

    def record(number: int) -> Record | None:
        try:
            kept = found.records.ancestor(tip, number)
        except _UNREADABLE:
            return None
        return kept.record if kept is not None else None

    return record


def _standing(found: Trail, before: Kept | None, period: Period) -> Standing:
    """What the last record before the period left standing; nothing where that is not readable."""
    if before is None:
        return Standing()
    records = found.records

    def status(name: str) -> dict[str, Any]:
        with suppress(ReconcilerError, LookupError, TypeError, ValueError):
            return read_status(records.file_at(before, name, STATUS) or b"")
        return {}

    whole = status("")
    names: list[str] = []
    with suppress(ReconcilerError, LookupError, TypeError, ValueError):
        names = sorted(records.environments(before.tree))
    wanted = [one for one in names if not period.environments or one in period.environments]
    drifts = ((name, status(name).get("drift")) for name in wanted)
    stops = whole.get("freezes")
    return Standing(
        _policy(whole.get("policy")),
        tuple(
            _stop(str(name), one)
            for name, one in sorted(stops.items() if isinstance(stops, dict) else ())
            if isinstance(one, dict)
        ),
        tuple(_drift(name, one) for name, one in drifts if isinstance(one, dict)),
    )


def _policy(one: object) -> PolicySpan | None:
    if not isinstance(one, dict):
        return None
    said = (_text(one, "at"), "", _text(one, "commit"), _text(one, "policies"))
    return PolicySpan(_number(one, "record"), *said, _by(one))


def _stop(name: str, one: dict[str, Any]) -> Stopping:
    said = (_text(one, key) for key in ("scope", "subject", "because", "until"))
    return Stopping(_number(one, "record"), _text(one, "at"), _by(one), "in force", name, *said)


def _drift(name: str, one: dict[str, Any]) -> DriftSpan:
    what = f"{_number(one, 'resources')} resources, {_number(one, 'unmanaged')} in no state"
    return DriftSpan(
        name,
        _text(one, "digest"),
        _text(one, "since"),
        _text(one, "at"),
        "",
        "",
        (what,),
        _number(one, "first"),
        _number(one, "record"),
        gone_record=None,
    )


def _by(one: dict[str, Any]) -> Who:
    """A status knows an address and no more."""
    return Who("", _text(one, "by"), None, "")


def _text(one: dict[str, Any], key: str) -> str:
    found = one.get(key)
    return found if isinstance(found, str) else ""


def _number(one: dict[str, Any], key: str) -> int:
    found = one.get(key)
    return found if type(found) is int else 0
