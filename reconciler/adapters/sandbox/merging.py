"""A new state from what the cloud says and what was known before.

The cloud decides. Where it says the same in other words, or nothing at all, the words known before
stay, so that only a true difference shows as drift.
"""

from typing import Any

from reconciler.adapters.sandbox.kind import Kind
from reconciler.adapters.sandbox.values import (
    UNKNOWN,
    Values,
    coerce,
    is_empty,
    known,
    null_object,
    same,
)


class Merger:
    """Makes states of one type."""

    def __init__(self, facts: dict[str, Any], kind: Kind, *, lenient: bool = True) -> None:
        self._facts = facts
        self._kind = kind
        self._lenient = lenient
        """Whether "empty" equals "not set"; an import wants to see what there is."""

    def merge(self, base: Values, seen: Values) -> Values:
        strange = set(seen) - set(null_object(self._facts))
        if strange:
            raise KeyError(f"the sandbox reads attributes that the type does not have: {strange}")
        return self._block("", self._facts, base, seen)

    def differences(self, planned: Values, state: Values) -> list[str]:
        """What was promised in the plan and came out otherwise: a fault of the sandbox."""
        return [
            name
            for name, value in planned.items()
            if value is not UNKNOWN and not _kept_promise(value, state.get(name))
        ]

    def _block(self, path: str, facts: dict[str, Any], base: Values, seen: Values) -> Values:
        out: Values = {}
        for name, fact in facts.get("attributes", {}).items():
            out[name] = self._attribute(path + name, fact["type"], base.get(name), name, seen)
        for name, fact in facts.get("blocks", {}).items():
            before = base.get(name)
            if name not in seen or fact["nesting"] == "single":
                out[name] = _filled(fact, before)
            else:
                out[name] = self._blocks(f"{path}{name}.", fact, before, seen[name] or [])
        return out

    def _attribute(self, path: str, notation: Any, before: Any, name: str, seen: Values) -> Any:
        if name not in seen:
            return known(before)
        now = coerce(notation, seen[name])
        if before is UNKNOWN:
            return now
        if same(notation, before, now, as_json=path in self._kind.documents):
            return before
        if self._lenient and is_empty(before) and is_empty(now):
            return before
        return now

    def _blocks(self, path: str, fact: dict[str, Any], before: Any, seen: list[Values]) -> Any:
        old = [] if before is UNKNOWN or not before else before
        if fact["nesting"] == "list":
            return [
                self._block(path, fact, old[index] if index < len(old) else _blank(fact), one)
                for index, one in enumerate(seen)
            ]
        # A set has no order: each one known before is looked for among those seen now.
        left = list(seen)
        out = []
        for one in old:
            for now in left:
                merged = self._block(path, fact, one, now)
                if _kept_promise(one, merged):
                    out.append(merged)
                    left.remove(now)
                    break
        return [*out, *(self._block(path, fact, _blank(fact), one) for one in left)]


def _blank(fact: dict[str, Any]) -> Values:
    return null_object(fact)


def _filled(fact: dict[str, Any], before: Any) -> Any:
    if before is UNKNOWN:
        return None if fact["nesting"] == "single" else []
    return known(before)


def _kept_promise(planned: Any, state: Any) -> bool:
    """Whether a value is the planned one, where the plan knew it."""
    if planned is UNKNOWN:
        return True
    if isinstance(planned, dict) and isinstance(state, dict):
        return all(_kept_promise(value, state.get(key)) for key, value in planned.items())
    if isinstance(planned, list) and isinstance(state, list):
        if len(planned) != len(state):
            return False
        return all(any(_kept_promise(one, other) for other in state) for one in planned)
    return bool(planned == state)
