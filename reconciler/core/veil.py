"""A decision as it may leave this process: no text in it holds what looks like a secret.

Messages quote what somebody wrote, and names of files and people are what somebody chose.
"""

import json
from collections.abc import Iterable, Iterator
from dataclasses import replace
from typing import Any, Final

from reconciler.core.plan import mark_of
from reconciler.core.redact import hidden
from reconciler.core.secrets.engine import scanner
from reconciler.model.approval import Approval, Disregarded
from reconciler.model.decision import Decision, Judged, Silence
from reconciler.model.finding import Finding
from reconciler.model.plan import SENSITIVE, UNKNOWN, AttributeChange, Plan
from reconciler.model.problem import Problem

_AT_ONCE: Final = 5000
"""Values in one text."""


def veiled(decision: Decision) -> Decision:
    """The same decision, safe to show, to write and to keep."""
    return replace(
        decision,
        findings=tuple(_judged(one) for one in decision.findings),
        reasons=tuple(hidden(one) for one in decision.reasons),
        approvals=tuple(replace(one, why=hidden(one.why)) for one in decision.approvals),
        silent=tuple(_silence(one) for one in decision.silent),
        missing=tuple(replace(one, why=hidden(one.why)) for one in decision.missing),
        agreed=tuple(_approval(one) for one in decision.agreed),
        disregarded=tuple(
            Disregarded(_approval(one.approval), hidden(one.why)) for one in decision.disregarded
        ),
    )


def veiled_plan(plan: Plan, key: bytes) -> Plan:
    """The same plan, under the same digest, without values that look like a secret.

    What nobody marked as sensitive may be one all the same, put together from parts. All values are
    looked at as one text: that costs little, and nothing more where nothing is found.
    """
    values = list(dict.fromkeys(_lines(plan)))
    found: set[str] = set()
    for start in range(0, len(values), _AT_ONCE):
        part = values[start : start + _AT_ONCE]
        report = scanner().scan("\n".join(part).encode("utf-8", "surrogatepass"))
        found.update(part[hit.line - 1] for hit in report.hits if not hit.rule.advice)
        if report.problems:  # it could not be looked at as a whole
            found.update(one for one in part if hidden(one) != one)
    if not found:
        return plan

    def veil(path: str, value: Any) -> Any:
        plain = _is_value(value) and _line(path, value) in found
        return {SENSITIVE: mark_of(value, key)} if plain else value

    def attributes(many: Iterable[AttributeChange]) -> tuple[AttributeChange, ...]:
        return tuple(
            replace(one, before=veil(one.path, one.before), after=veil(one.path, one.after))
            for one in many
        )

    return replace(
        plan,
        changes=tuple(replace(one, attributes=attributes(one.attributes)) for one in plan.changes),
        outputs=attributes(plan.outputs),
        drift=tuple(
            replace(
                one,
                attributes=tuple(
                    replace(each, want=veil(each.path, each.want), have=veil(each.path, each.have))
                    for each in one.attributes
                ),
            )
            for one in plan.drift
        ),
    )


def _lines(plan: Plan) -> Iterator[str]:
    """Each value with its name, on a line of its own."""
    for one in (*(each for change in plan.changes for each in change.attributes), *plan.outputs):
        for value in (one.before, one.after):
            if _is_value(value):
                yield _line(one.path, value)
    for drifted in (each for one in plan.drift for each in one.attributes):
        for value in (drifted.want, drifted.have):
            if _is_value(value):
                yield _line(drifted.path, value)


def _is_value(value: Any) -> bool:
    """Whether a text can be in it; a mark is none."""
    return isinstance(value, str | list) or (
        isinstance(value, dict) and SENSITIVE not in value and value != UNKNOWN
    )


def _line(path: str, value: Any) -> str:
    name = path.rpartition(".")[2]
    if isinstance(value, str) and value.isprintable():
        return f'{name} = "{value}"'
    return f"{name} = {json.dumps(value, ensure_ascii=False, sort_keys=True)}"


def veiled_problem(one: Problem) -> Problem:
    """The same problem, safe to show."""
    return replace(
        one,
        path=hidden(one.path),
        message=hidden(one.message),
        expected=hidden(one.expected),
        suggestion=hidden(one.suggestion),
    )


def _judged(one: Judged) -> Judged:
    return replace(one, finding=_finding(one.finding))


def _finding(one: Finding) -> Finding:
    return replace(
        one,
        message=hidden(one.message),
        fix=hidden(one.fix),
        resource=hidden(one.resource),
        location=replace(one.location, path=hidden(one.location.path)),
    )


def _silence(one: Silence) -> Silence:
    return replace(one, why=hidden(one.why), hint=hidden(one.hint))


def _approval(one: Approval) -> Approval:
    """Whoever agrees writes all of it, and may have pasted anything."""
    by = replace(one.by, name=hidden(one.by.name), email=hidden(one.by.email))
    return replace(
        one,
        by=by,
        head=hidden(one.head),
        plan=hidden(one.plan),
        policies=hidden(one.policies),
        reference=hidden(one.reference),
        signed_by=hidden(one.signed_by),
    )
