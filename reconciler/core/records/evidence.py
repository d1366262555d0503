"""Records of a period -> the tables that an auditor asks for.

Records are taken one by one, newest first, as they are read, and nothing of a record is kept that
no table needs: a period may have very many.
"""

from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from typing import Any, Final

from reconciler.core.records.deeds import Doers, approvals, approver
from reconciler.core.records.refusals import brought
from reconciler.model.audit import Entry
from reconciler.model.evidence import (
    Apply,
    Approval,
    DriftSpan,
    Mending,
    Moved,
    Overriding,
    PolicySpan,
    Refused,
    Row,
    Standing,
    Stopping,
    Summary,
    Tables,
    Timeline,
    WaiverUse,
    Who,
)
from reconciler.model.record import (
    Actor,
    ApplyEnded,
    ApplyStarted,
    DecisionBody,
    DriftGone,
    DriftSeen,
    Expiry,
    Override,
    PlanSummary,
    PolicyTaken,
    Promotion,
    Record,
    RecordKind,
    Refusal,
    Remediation,
    Rollback,
    Stop,
    WaiverUsed,
)

SHOWN: Final = 50
"""A timeline has so many records; a drift so many resources."""
_VERDICTS: Final = ("ALLOW", "NEEDS_APPROVAL", "INDETERMINATE", "DENY")
_RESULTS: Final = ("done", "failed", "interrupted", "open")

Lookup = Callable[[int], Record | None]
"""The record of a number, from before the period."""


def row_of(entry: Entry) -> Row:
    """A record on one line."""
    record, body = entry.record, entry.record.body
    decided = body if isinstance(body, DecisionBody) else None
    plan = getattr(body, "plan", None)
    return Row(
        record.chain.sequence,
        record.at,
        body.kind,
        record.environment or "",
        entry.subject,
        who(record.actor),
        entry.commit,
        entry.digest,
        _first(body, "verdict", "result", "step"),
        _first(body, "risk"),
        _first(body, "head", "commit", "good"),
        plan.digest if isinstance(plan, PlanSummary) else plan or "",
        _policies(decided) if decided else _first(body, "policies"),
        getattr(body, "decision", None) if not decided else None,
        tuple(_agreed(one) for one in approvals(decided)) if decided else (),
        _first(body, "because", "why", "cause"),
        _first(body, "until", "expires"),
        record.actor.task or "",
        record.run or "",
        record.simulated,
    )


def who(actor: Actor) -> Who:
    """Who acted."""
    return Who(actor.name, actor.email, actor.forge_id, actor.kind, actor.agent or "")


def _first(body: object, *names: str) -> str:
    own = vars(body)  # asking a model for what it does not have costs much
    found = (own.get(name) for name in names)
    return next((one for one in found if isinstance(one, str)), "")


def _policies(body: DecisionBody) -> str:
    inputs = body.decision.get("inputs")
    return str(inputs.get("policies", "")) if isinstance(inputs, dict) else ""


def _agreed(one: dict[str, Any]) -> Who:
    return Who(*approver(one))


@dataclass(slots=True)
class Ledger:
    """What is known of a period so far; records come newest first."""

    doers: Doers = field(default_factory=Doers)
    kinds: Counter[str] = field(default_factory=Counter)
    verdicts: Counter[str] = field(default_factory=Counter)
    _approvals: dict[tuple[object, ...], Approval] = field(default_factory=dict)
    _ends: dict[int, Apply] = field(default_factory=dict)
    _drift: list[tuple[DriftSpan | DriftGone, Row]] = field(default_factory=list)
    _rows: dict[str, list[Row]] = field(default_factory=dict)
    _many: Counter[str] = field(default_factory=Counter)
    _applies: list[Apply] = field(default_factory=list)
    _mendings: list[Mending] = field(default_factory=list)
    _waivers: list[WaiverUse] = field(default_factory=list)
    _overrides: list[Overriding] = field(default_factory=list)
    _stops: list[Stopping] = field(default_factory=list)
    _refusals: list[Refused] = field(default_factory=list)
    _policies: list[PolicySpan] = field(default_factory=list)
    _moves: list[Moved] = field(default_factory=list)

    def take(self, row: Row, record: Record) -> None:
        """The next older record."""
        self.doers.take(record)
        self.kinds[row.kind] += 1
        self._many[row.environment] += 1
        own = self._rows.setdefault(row.environment, [])
        if len(own) < SHOWN:
            own.append(row)
        self._body(row, record.body)

    def _body(self, row: Row, body: object) -> None:
        match body:
            case DecisionBody():
                self._decided(row, body)
            case ApplyStarted():
                self._started(row, body)
            case ApplyEnded():
                self._ended(row, body)
            case DriftSeen():
                self._drift.append((_span(row.record, row.at, row.environment, body), row))
            case DriftGone():
                self._drift.append((body, row))
            case PolicyTaken():
                own = (row.record, row.at, "", body.commit, body.policies, row.who)
                self._policies.append(PolicySpan(*own))
            case _:
                self._rare(row, body)

    def _rare(self, row: Row, body: object) -> None:
        place = (row.record, row.at, row.environment)
        match body:
            case Remediation():
                step = body.kind.rpartition("-")[2]
                said = (step, body.mode, body.result, body.cause, body.merge_request, body.drift)
                self._mendings.append(Mending(*place, row.who, *said))
            case WaiverUsed():
                why = (body.waiver, body.rule, body.owner, body.because, body.expires)
                many = len(body.fingerprints)
                self._waivers.append(WaiverUse(*place, *why, many, body.decision))
            case Override():
                what = (body.what, body.subject, body.because, body.until or "")
                self._overrides.append(Overriding(*place, row.who, *what, body.accepts))
            case Stop():
                stop = (body.kind, body.freeze, body.scope, body.subject, body.because)
                own = Stopping(row.record, row.at, row.who, *stop, body.until or "")
                self._stops.append(own)
            case Refusal():
                told = (body.what, body.why, body.commit or "")
                made = self.doers.author(brought(body)) if brought(body) else None
                who = Who(*made) if made is not None else row.who
                self._refusals.append(Refused(*place, who, *told, body.decision))
            case Promotion() | Rollback() | Expiry():
                merge = body.merge_request
                self._moves.append(
                    Moved(*place, row.who, body.kind, row.subject, row.because, merge)
                )
            case _:
                pass

    def _decided(self, row: Row, body: DecisionBody) -> None:
        self.verdicts[body.verdict] += 1
        for one, why_not in (*((one, "") for one in approvals(body)), *_passed_over(body)):
            at = one["at"] if isinstance(one.get("at"), str) else row.at
            mark = (_agreed(one), at, str(one.get("head")), str(one.get("reference")), why_not)
            known = self._approvals.get(mark)
            names = {row.environment, *(known.environments if known else ())}
            self._approvals[mark] = Approval(
                at,
                tuple(sorted(names)),
                _agreed(one),
                _text(one, "head"),
                _text(one, "plan"),
                _text(one, "policies"),
                _text(one, "reference"),
                _text(one, "signedBy"),
                (row.record, *(known.decisions if known else ())),
                why_not,
            )

    def _started(self, row: Row, body: ApplyStarted) -> None:
        end = self._ends.pop(row.record, None)
        own = Apply(
            row.environment,
            body.action,
            row.at,
            "",
            row.who,
            body.commit,
            body.plan.digest,
            body.decision,
            "open",
            (),
            row.record,
            None,
        )
        if end is not None and end.environment == own.environment:
            own = replace(own, ended=end.ended, result=end.result, counts=end.counts, end=end.end)
        elif end is not None:
            self._applies.append(end)
        self._applies.append(own)

    def _ended(self, row: Row, body: ApplyEnded) -> None:
        own = Apply(
            row.environment,
            body.action,
            "",
            row.at,
            row.who,
            body.commit or "",
            body.plan,
            None,
            body.result,
            tuple(sorted((kind, many) for kind, many in body.counts.items() if many)),
            body.started,
            row.record,
        )
        if body.started is None or body.started in self._ends:
            self._applies.append(own)
        else:
            self._ends[body.started] = own

    def tables(self, standing: Standing, lookup: Lookup) -> Tables:
        """All tables. `lookup` is asked for what began before the period."""
        applies = self._all_applies(lookup)
        drifts = self._all_drifts(standing, lookup)
        heard = sorted(self._approvals.values(), key=lambda one: (one.at, one.decisions))
        results = Counter(one.result for one in applies)
        mended = sum(1 for one in self._mendings if (one.step, one.result) == ("ended", "done"))
        first = {row.record for one, row in self._drift if isinstance(one, DriftSpan)}
        return Tables(
            Summary(
                self.kinds.total(),
                tuple((str(kind), self.kinds[kind]) for kind in RecordKind if self.kinds[kind]),
                tuple((one, self.verdicts[one]) for one in _VERDICTS),
                tuple((one, results[one]) for one in _RESULTS),
                sum(1 for one in heard if not one.why_not),
                sum(1 for one in heard if one.why_not),
                sum(1 for one in drifts if one.first_record in first),
                sum(1 for one in drifts if one.gone),
                mended,
            ),
            self.doers.found(),
            tuple(heard),
            applies,
            drifts,
            tuple(self._mendings[::-1]),
            tuple(self._waivers[::-1]),
            tuple(self._overrides[::-1]),
            (*standing.stops, *self._stops[::-1]),
            tuple(self._refusals[::-1]),
            self._all_policies(standing),
            tuple(self._moves[::-1]),
            tuple(
                Timeline(name, tuple(rows), self._many[name] - len(rows))
                for name, rows in sorted(self._rows.items())
            ),
        )

    def _all_applies(self, lookup: Lookup) -> tuple[Apply, ...]:
        found = [*self._applies]
        for number, end in self._ends.items():
            record = lookup(number)
            if (
                record is not None
                and isinstance(body := record.body, ApplyStarted)
                and record.environment == end.environment
            ):
                began, actor = record.at, who(record.actor)
                found.append(replace(end, started=began, who=actor, decision=body.decision))
            else:
                found.append(end)
        return tuple(sorted(found, key=_number))

    def _all_drifts(self, standing: Standing, lookup: Lookup) -> tuple[DriftSpan, ...]:
        found: list[DriftSpan] = [*standing.drifts]
        live = {one.environment: [index] for index, one in enumerate(found)}
        for one, row in reversed(self._drift):
            own = live.setdefault(row.environment, [])
            if isinstance(one, DriftSpan):
                again = next((at for at in own if found[at].digest == one.digest), None)
                if again is None:
                    own.append(len(found))
                    found.append(one)
                else:
                    what = one.what or found[again].what
                    found[again] = replace(
                        found[again], last=row.at, last_record=row.record, what=what
                    )
                continue
            if not own:
                own.append(len(found))
                found.append(_unseen(one, row, lookup(one.since)))
            for at in own:
                found[at] = replace(found[at], gone=row.at, gone_record=row.record)
            own.clear()
        mended = {
            (one.environment, one.drift): one.at
            for one in self._mendings[::-1]
            if (one.step, one.result) == ("ended", "done")
        }
        return tuple(
            replace(one, mended=mended.get((one.environment, one.digest), "")) for one in found
        )

    def _all_policies(self, standing: Standing) -> tuple[PolicySpan, ...]:
        spans = self._policies[::-1]
        if standing.policy is not None:
            spans.insert(0, standing.policy)
        later = [one.since for one in spans[1:]]
        return tuple(replace(one, until=end) for one, end in zip(spans, [*later, ""], strict=False))


def _number(one: Apply) -> int:
    return one.begin if one.begin is not None else one.end or 0


def _text(one: dict[str, Any], key: str) -> str:
    return str(one.get(key) or "")


def _passed_over(body: DecisionBody) -> Iterator[tuple[dict[str, Any], str]]:
    """Approvals that did not count, and why; what has not the form of one is none."""
    given = body.decision.get("disregarded")
    for one in given if isinstance(given, list) else ():
        if isinstance(one, dict) and isinstance(one.get("approval"), dict):
            yield one["approval"], _text(one, "why") or "nobody said why"


def _span(number: int, at: str, environment: str, body: DriftSeen) -> DriftSpan:
    what = [
        f"{one.address}: "
        + (", ".join(each.path for each in one.attributes[:SHOWN]) or one.what)
        + (f" (by {one.who})" if one.who else "")
        for one in body.drifted[:SHOWN]
    ]
    what += [f"{one}: in no state" for one in body.unmanaged[:SHOWN]]
    more = len(body.drifted) + len(body.unmanaged) - len(what)
    if more:
        what.append(f"and {more} more")
    return DriftSpan(
        environment, body.digest, at, at, "", "", tuple(what), number, number, gone_record=None
    )


def _unseen(one: DriftGone, row: Row, record: Record | None) -> DriftSpan:
    """Of a drift that was seen before the period only."""
    about = record is not None and (record.environment or "") == row.environment
    if about and record is not None and isinstance(record.body, DriftSeen):
        return _span(one.since, record.at, row.environment, record.body)
    return DriftSpan(
        row.environment, one.digest, "", "", "", "", (), one.since, one.since, gone_record=None
    )
