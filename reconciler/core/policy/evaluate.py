"""A pack and an input -> violations, or no verdict. What an engine says is not believed unread."""

from collections.abc import Mapping
from typing import Any

from reconciler.core.policy.inputs import wrong_input
from reconciler.model.finding import Finding, Location
from reconciler.model.policy import (
    ENTRYPOINT,
    Evaluated,
    Indeterminate,
    Pack,
    Rule,
    Violation,
)
from reconciler.ports import PolicyEngine

_SHAPE = {"message": str, "path": str, "line": int, "resource": str}


def evaluate(
    engine: PolicyEngine, pack: Pack, document: Mapping[str, Any], only: Rule | None = None
) -> Evaluated | Indeterminate:
    """Ask all rules, or one. A pack with problems is not asked."""
    if pack.problems:
        first = pack.problems[0]
        plural = "s" if pack.problems[1:] else ""
        return Indeterminate(
            "broken-pack",
            f"the policies have {len(pack.problems)} problem{plural}, the first at {first.place}: "
            f"{first.message}",
            "`reconciler policy test` shows all of them",
        )
    if wrong := wrong_input(document):
        return Indeterminate("bad-input", wrong, "docs/policies.md lists the fields")
    answer = engine.ask(pack.modules, only.query if only else ENTRYPOINT, document)
    if isinstance(answer, Indeterminate):
        return answer
    value = {only.key: answer.value} if only else answer.value
    wanted = {only.key} if only else {rule.key for rule in pack.rules}
    if not isinstance(value, dict):
        return _wrong(f"the entrypoint gave {_kind(value)}, not an object")
    if value.keys() != wanted:
        odd = ", ".join(sorted(value.keys() ^ wanted))
        return _wrong(f"not every rule answered, or another did: {odd}")
    found: list[Violation] = []
    for key, items in value.items():
        if not isinstance(items, list):
            return _wrong(f"{key} gave {_kind(items)}, not a set")
        for item in items:
            if not _is_violation(item):
                return _wrong(f"{key} gave something that is not a violation")
            found.append(
                Violation(key, item["path"], item["line"], item["resource"], item["message"])
            )
    return Evaluated(tuple(sorted(found)), engine.name, pack.digest)


def _wrong(message: str) -> Indeterminate:
    return Indeterminate("wrong-type", message, "rules build violations with `lib.violation`")


def _kind(value: Any) -> str:
    words = {dict: "an object", list: "a list", str: "a text", bool: "true or false"}
    return words.get(type(value), "nothing" if value is None else "a number")


def _is_violation(item: Any) -> bool:
    return (
        isinstance(item, dict)
        and item.keys() == _SHAPE.keys()
        and all(
            isinstance(item[name], kind) and not isinstance(item[name], bool)
            for name, kind in _SHAPE.items()
        )
    )


def findings(pack: Pack, evaluated: Evaluated, environment: str) -> tuple[Finding, ...]:
    """Violations with all that their rules say of them. Fingerprints are added by the gate."""
    rules = {rule.key: rule for rule in pack.rules}
    return tuple(
        Finding(
            gate="policy",
            rule=rules[one.rule].id,
            title=rules[one.rule].title,
            severity=rules[one.rule].severity,
            category=rules[one.rule].category,
            environment=environment,
            message=one.message,
            location=Location(one.path, max(one.line, 0)),
            fix=rules[one.rule].fix,
            link=rules[one.rule].link,
            resource=one.resource,
        )
        for one in evaluated.violations
    )
