"""A decision as it may leave this process: no text in it holds what looks like a secret.

Messages quote what somebody wrote, and names of files and people are what somebody chose.
"""

import json
import re
from collections.abc import Iterable, Iterator
from dataclasses import replace
from functools import lru_cache
from typing import Any, Final

from reconciler.core.plan import mark_of, plan_digest
from reconciler.core.redact import hidden
from reconciler.core.secrets.engine import scanner
from reconciler.model.approval import Approval, Disregarded
from reconciler.model.decision import Decision, Judged, Silence
from reconciler.model.finding import Finding
from reconciler.model.plan import SENSITIVE, UNKNOWN, AttributeChange, Plan
from reconciler.model.problem import Problem

_AT_ONCE: Final = 5000
_WORDS: Final = (str, list)
"""Values in one text."""
_SECRET: Final = re.compile(
    r"(?i)(?:pass(?:word|wd|phrase)|secret|token|credential"
    r"|(?:api|access|private|secret|auth|signing|encryption)[_-]?key)s?$"
)
"""What such a name has is hidden, however weak it looks."""
_HARMLESS: Final = re.compile(
    r"(?:arn:|alias/).*|(?:required|optional|enabled|disabled|true|false)?"
)


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
    """The same plan without values that look like a secret, also those that may be none.

    What nobody marked as sensitive may be one all the same, put together from parts. All values are
    looked at as one text: that costs little, and nothing more where nothing is found. The digest is
    of what is shown, so that whoever reads the plan later can derive it.
    """
    held = list(_values(plan))
    values = list(dict.fromkeys(_line(*one) for one in held))
    found: set[str] = set()
    for start in range(0, len(values), _AT_ONCE):
        part = values[start : start + _AT_ONCE]
        report = scanner().scan(_bytes("\n".join(part)))
        found.update(part[hit.line - 1] for hit in report.hits)
        if report.problems:  # it could not be looked at as a whole
            found.update(one for one in part if scanner().scan(_bytes(one)).hits)
    if not found and not any(_named(path, value) for path, value in held):
        return plan

    def veil(path: str, value: Any) -> Any:
        plain = _is_value(value) and (_line(path, value) in found or _named(path, value))
        return {SENSITIVE: mark_of(value, key)} if plain else value

    def attributes(many: Iterable[AttributeChange]) -> tuple[AttributeChange, ...]:
        return tuple(
            replace(one, before=veil(one.path, one.before), after=veil(one.path, one.after))
            for one in many
        )

    changes = tuple(replace(one, attributes=attributes(one.attributes)) for one in plan.changes)
    outputs = attributes(plan.outputs)
    return replace(
        plan,
        changes=changes,
        outputs=outputs,
        digest=plan_digest(plan.environment, changes, outputs),
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


def _bytes(text: str) -> bytes:
    return text.encode("utf-8", "surrogatepass")


def _values(plan: Plan) -> Iterator[tuple[str, Any]]:
    """Each value that a text can be in, with its name. A plan has very many of them."""
    for change in plan.changes:
        for one in change.attributes:
            path, before, after = one.path, one.before, one.after
            if type(before) is str or _is_value(before):
                yield path, before
            if type(after) is str or _is_value(after):
                yield path, after
    drifted = (each for one in plan.drift for each in one.attributes)
    rest = [
        *((one.path, value) for one in plan.outputs for value in (one.before, one.after)),
        *((one.path, value) for one in drifted for value in (one.want, one.have)),
    ]
    yield from ((path, value) for path, value in rest if _is_value(value))


def _named(path: str, value: Any) -> bool:
    """Whether it is called a secret, and is neither a reference nor a switch."""
    return _is_secret(path) and isinstance(value, str) and _HARMLESS.fullmatch(value) is None


@lru_cache(maxsize=65_536)
def _is_secret(path: str) -> bool:
    """Whether the name is one of a secret; resources of a type share their names."""
    return _SECRET.search(_name(path)) is not None


@lru_cache(maxsize=65_536)
def _name(path: str) -> str:
    return path.rpartition(".")[2]


def _is_value(value: Any) -> bool:
    """Whether a text can be in it; a mark is none."""
    if isinstance(value, dict):
        return SENSITIVE not in value and value != UNKNOWN
    return isinstance(value, _WORDS)


def _line(path: str, value: Any) -> str:
    name = _name(path)
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
