"""Replay: come to a recorded decision again from what its record names, and compare the bytes.

What can be asked again is asked again. Checkov's word about a plan is taken as it was recorded: the
plan's JSON holds secrets, so nobody kept it.
"""

from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any, Final

from reconciler.app.check import Checked
from reconciler.app.deliver import before_plan, with_plan
from reconciler.app.held import Past, excepted
from reconciler.app.records import Kept, Records
from reconciler.core.canonical import canonical, plain
from reconciler.core.decide import EXPIRY, ROLLBACK, Question, decide
from reconciler.core.promotion import PROMOTION
from reconciler.core.records.decision import heard_of, person_of
from reconciler.core.records.facts import PLAN
from reconciler.core.records.plan import plan_of
from reconciler.core.veil import veiled
from reconciler.errors import ReconcilerError
from reconciler.model.approval import Given
from reconciler.model.decision import Decision, GateRun
from reconciler.model.finding import Finding, Location
from reconciler.model.plan import Plan
from reconciler.model.record import DecisionBody
from reconciler.model.verified import Replayed
from reconciler.ports import Snapshots
from reconciler.report.check_json import decided

_ENGINES: Final = ("engine.", "program")
_SHOWN: Final = 120


def given_of(kept: Kept) -> dict[str, Given]:
    """What people had said, as the check takes it."""
    body = decision_of(kept)
    authors = tuple(person_of(one) for one in body.given.get("authors", ()))
    heads = frozenset(str(one) for one in body.given.get("heads", ()))
    plans = frozenset(str(one) for one in body.given.get("plans", ()))
    return {kept.record.environment or "": Given(heard_of(body), authors, heads, plans)}


def decision_of(kept: Kept) -> DecisionBody:
    """The decision of a record; an error when it is another kind."""
    body = kept.record.body
    if not isinstance(body, DecisionBody):
        raise ReconcilerError(
            "no-decision",
            f"record {kept.record.chain.sequence} is no decision, but one of the kind {body.kind}",
            hint="only decisions are derived again; `reconciler audit log --kind decision`",
        )
    return body


def replayed(records: Records, commits: Snapshots, kept: Kept, checked: Checked) -> Replayed:
    """The decision again, from a check of the same commits as of the same time."""
    body, name = decision_of(kept), kept.record.environment or ""
    taken: tuple[str, ...] = ()
    if not name:
        if checked.change is None:
            return not_again(kept, "nothing about the change itself was decided this time")
        fresh = checked.change
    else:
        question = checked.questions.get(name)
        if question is None:
            return not_again(kept, f"{name} could not be judged this time")
        question = _excepted(records, commits, kept, question, checked)
        if body.plan is not None:
            plan = _plan(records, kept)
            if plan is None:
                return not_again(
                    kept, f"the plan that it rests on ({PLAN}) is not there, or damaged"
                )
            question, taken = _planned(checked, question, kept, plan)
        back = str(body.decision["inputs"].get(ROLLBACK, ""))
        over = str(body.decision["inputs"].get(EXPIRY, ""))
        question = replace(
            question,
            rolled_back=int(back) if back.isdecimal() else None,
            over=int(over) if over.isdecimal() else None,
        )
        before = body.plan is None and body.action != "check"
        fresh = before_plan(question) if before else veiled(decide(question))
    return _compared(kept, body, fresh, taken)


def _excepted(
    records: Records, commits: Snapshots, kept: Kept, question: Question, checked: Checked
) -> Question:
    """With what came too early and was excepted, by the records as they were then."""
    number = str(decision_of(kept).decision["inputs"].get(PROMOTION, ""))
    subject = checked.subjects.get(question.environment)
    then = records.ancestor(kept.commit, int(number)) if number.isdecimal() else None
    if then is None or subject is None:
        return question
    return excepted(question, subject.filled, Past(records, commits, then.commit))


def _plan(records: Records, kept: Kept) -> Plan | None:
    try:
        data = records.file_at(kept, kept.record.environment or "", PLAN)
        return plan_of(data) if data is not None else None
    except (LookupError, ValueError, RecursionError):
        return None


def _planned(
    checked: Checked, question: Question, kept: Kept, plan: Plan
) -> tuple[Question, tuple[str, ...]]:
    body, name = decision_of(kept), kept.record.environment or ""
    said: tuple[GateRun, ...] = ()
    if body.action != "destroy":
        said = tuple(
            GateRun(
                "checkov",
                tuple(_findings(body.decision, "checkov", name)),
                one.failure,
                one.hint,
                one.digest,
            )
            for one in body.gates
            if one.gate == "checkov"
        )
    whole = with_plan(
        checked, name, question, plan, None, destroy=body.action == "destroy", said=said
    )
    return whole, tuple(one.gate for one in said)


def _findings(decision: Mapping[str, Any], gate: str, environment: str) -> Iterator[Finding]:
    for one in decision.get("findings", ()):
        if one["gate"] == gate:
            yield Finding(
                one["gate"],
                one["rule"],
                one["title"],
                one["severity"],
                one["category"],
                environment,
                one["message"],
                Location(one["path"], one["line"], one["commit"] or ""),
                one["fix"],
                one["link"] or "",
                one["resource"] or "",
                one["fingerprint"],
            )


def _compared(kept: Kept, body: DecisionBody, fresh: Decision, taken: tuple[str, ...]) -> Replayed:
    then, now = body.decision, plain(decided(fresh))
    engines = tuple(
        (name, str(then.get("inputs", {}).get(name, "")), str(now["inputs"].get(name, "")))
        for name in sorted({*then.get("inputs", {}), *now["inputs"]})
        if name.startswith(_ENGINES) and then.get("inputs", {}).get(name) != now["inputs"].get(name)
    )
    return Replayed(
        kept.record.chain.sequence,
        kept.commit,
        kept.record.environment or "",
        body.verdict,
        str(fresh.verdict),
        canonical(then) == canonical(now),
        engines,
        tuple(_differences(then, now)),
        taken,
    )


def _differences(then: Mapping[str, Any], now: Mapping[str, Any]) -> Iterator[str]:
    for key in sorted({*then, *now} - {"findings", "inputs"}):
        if then.get(key) != now.get(key):
            yield f"{key}: then {_short(then.get(key))}, now {_short(now.get(key))}"
    was, present = ({_mark(one): one for one in side["findings"]} for side in (then, now))
    for mark in sorted({*was, *present}):
        if mark not in present:
            yield f"finding gone: {mark}"
        elif mark not in was:
            yield f"finding new: {mark}"
        elif was[mark] != present[mark]:
            parts = [key for key in was[mark] if was[mark][key] != present[mark].get(key)]
            yield f"finding other: {mark} ({', '.join(parts)})"
    old, new = then["inputs"], now["inputs"]
    # What a gate looked at has another digest in another program.
    others = (*_ENGINES, "gate.") if old.get("program") != new.get("program") else _ENGINES
    for name in sorted({*old, *new}):
        if not name.startswith(others) and old.get(name) != new.get(name):
            yield f"{name}: then {_short(old.get(name))}, now {_short(new.get(name))}"


def _mark(one: Mapping[str, Any]) -> str:
    return f"{one['rule']} {one['path']}:{one['line']} {one['fingerprint'][:12]}"


def _short(value: object) -> str:
    text = str(value)
    return text if len(text) <= _SHOWN else text[: _SHOWN - 1] + "…"


def not_again(kept: Kept, why: str) -> Replayed:
    """It could not be come to again."""
    return Replayed(
        kept.record.chain.sequence,
        kept.commit,
        kept.record.environment or "",
        decision_of(kept).verdict,
        now="",
        same=False,
        engines=(),
        differences=(why,),
        taken=(),
    )
