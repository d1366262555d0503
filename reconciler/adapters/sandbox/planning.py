"""The plan of one resource: what the source says, what stays, what is unknown, what is replaced.

It follows the real provider, which is of Terraform's older kind: a default is planned although
the source does not say it, and "not set" equals an empty value. It asks the cloud nothing.
"""

from typing import Any

from reconciler.adapters.sandbox.kind import Kind
from reconciler.adapters.sandbox.values import (
    UNKNOWN,
    Values,
    has_unknown,
    is_empty,
    null_object,
    same,
)


class Planner:
    """Plans resources of one type."""

    def __init__(self, facts: dict[str, Any], kind: Kind) -> None:
        self._facts = facts
        self._kind = kind

    def plan(self, config: Values, prior: Values | None) -> Values:
        """The planned values, without what the provider's configuration adds."""
        return self._block("", self._facts, config, prior)

    def replaced(self, prior: Values, planned: Values) -> list[str]:
        """Attributes and blocks that force a new resource."""
        changed = [
            name for name, value in planned.items() if not self._same(name, prior.get(name), value)
        ]
        if self._kind.replace_all:
            free = ("tags", "tags_all", "timeouts")
            computed = {
                name
                for name, fact in self._facts.get("attributes", {}).items()
                if not fact.get("optional") and not fact.get("required")
            }
            return [name for name in changed if name not in free and name not in computed]
        return [name for name in changed if name in self._kind.replace]

    def renew(self, prior: Values, planned: Values) -> None:
        """What the cloud computes anew at a change is unknown until then."""
        ignored = {"tags", "tags_all", "timeouts"}
        changed = any(
            not self._same(name, prior.get(name), value)
            for name, value in planned.items()
            if name not in ignored
        )
        if changed:
            planned.update(dict.fromkeys(self._kind.renewed, UNKNOWN))

    def _same(self, name: str, left: Any, right: Any) -> bool:
        attribute = self._facts.get("attributes", {}).get(name)
        notation = attribute["type"] if attribute else ["set", "dynamic"]
        return same(notation, left, right, as_json=name in self._kind.documents)

    def _block(
        self, path: str, facts: dict[str, Any], config: Values, prior: Values | None
    ) -> Values:
        out: Values = {}
        for name, fact in facts.get("attributes", {}).items():
            out[name] = self._attribute(path + name, fact, config.get(name), name, prior)
        for name, fact in facts.get("blocks", {}).items():
            before = prior.get(name) if prior else None
            out[name] = self._blocks(path + name, fact, config.get(name), before, prior is None)
        return out

    def _attribute(
        self, path: str, fact: dict[str, Any], given: Any, name: str, prior: Values | None
    ) -> Any:
        before = prior.get(name) if prior is not None else None
        if given is not None:
            as_json = path in self._kind.documents
            equal = prior is not None and same(fact["type"], before, given, as_json=as_json)
            return before if equal else given
        if path in self._kind.defaults:
            return self._kind.defaults[path]
        if fact.get("computed"):
            return UNKNOWN if prior is None else before
        return before if is_empty(before) else None

    def _blocks(
        self,
        path: str,
        fact: dict[str, Any],
        given: Any,
        before: Any,
        creating: bool,  # noqa: FBT001
    ) -> Any:
        if given is UNKNOWN or fact["nesting"] == "single":
            return given
        if not given:
            if path in self._kind.computed_blocks:
                return UNKNOWN if creating else before
            return []
        old = [one for one in before or [] if isinstance(one, dict)]
        if fact["nesting"] == "list":
            return [
                self._block(f"{path}.", fact, one, old[index] if index < len(old) else None)
                for index, one in enumerate(given)
            ]
        planned = [self._member(path, fact, one, old) for one in given]
        return before if same(["set", ""], before, planned) else planned

    def _member(self, path: str, fact: dict[str, Any], given: Values, old: list[Values]) -> Values:
        for one in old:
            if self._block(f"{path}.", fact, given, one) == one:
                return one
        return self._block(f"{path}.", fact, given, None)


def plan_tags(planned: Values, config: Values, prior: Values | None, merged: Values | None) -> None:
    """`tags_all` is what the source says over what the provider puts on everything."""
    if merged is None or has_unknown(config.get("tags")):
        planned["tags_all"] = UNKNOWN
    elif prior is None or prior.get("tags_all") != merged:
        planned["tags_all"] = merged
    else:
        planned["tags_all"] = prior["tags_all"]


def empty(facts: dict[str, Any]) -> Values:
    return null_object(facts)
