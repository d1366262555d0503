"""Two plans -> what differs: what a person looks at before agreeing once more. Pure.

It is empty just where the plans have one digest. Only what the digest is of is compared, since only
that was agreed to; whoever kept a plan may have written anything beside it.
"""

import zlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any, Final

from pydantic import TypeAdapter, ValidationError

from reconciler.core.plan import canonical, plan_digest
from reconciler.core.records.plan import plan_bytes
from reconciler.core.redact import hidden
from reconciler.model.difference import Difference, OtherAttribute, OtherResource, Step
from reconciler.model.plan import AttributeChange, Plan, ResourceChange

LARGEST: Final = 4 * 1024 * 1024
"""Bytes of a plan that is kept to be compared with; a larger one is not."""
_PLAN: Final = TypeAdapter(Plan)
_Key = tuple[str, str]


def difference(agreed: Plan, now: Plan) -> Difference:
    """What differs, by address. Both are plans of one environment."""
    olds, news = _by_key(agreed.changes), _by_key(now.changes)
    found = (
        _resource(*key, olds.get(key), news.get(key)) for key in sorted(olds.keys() | news.keys())
    )
    return Difference(
        agreed.digest,
        now.digest,
        tuple(one for one in found if one is not None),
        tuple(_attributes(_steps(agreed.outputs), _steps(now.outputs))),
    )


def kept_plan(plan: Plan) -> bytes | None:
    """A plan as it is kept until it is applied; None: it is too large, or could hold a secret."""
    data = plan_bytes(replace(plan, drift=()))
    text = data.decode("utf-8", "surrogatepass")
    return data if len(data) <= LARGEST and hidden(text) == text else None


def known_plan(data: bytes, environment: str, digest: str = "") -> Plan | None:
    """The plan of that digest, from bytes that anybody may have written; None: it is another.

    Whoever agreed named the digest, and it is derived here: so nobody else has to be believed.
    Without one the plan's own has to be right.
    """
    try:
        plan = _PLAN.validate_json(data)
        found = plan_digest(plan.environment, plan.changes, plan.outputs)
    except (ValidationError, ValueError, RecursionError):
        return None
    same = found == plan.digest == (digest or found) and plan.environment == environment
    return plan if same else None


def packed(plans: Mapping[str, bytes], space: int) -> bytes:
    """Kept plans by digest, the first ones as far as there is space for them."""
    found, size, parts = b"", 0, []
    for digest, data in plans.items():
        size += len(data)
        parts.append(digest.encode() + b"\n" + data)
        tried = zlib.compress(b"\0".join(parts), 9)
        if len(tried) > space or size > LARGEST:
            break
        found = tried
    return found


def unpacked(data: bytes) -> dict[str, bytes]:
    """The reverse; nothing of what is none, or far too large."""
    reader = zlib.decompressobj()
    try:
        found = reader.decompress(data, 2 * LARGEST)
    except zlib.error:
        return {}
    lines = (one.partition(b"\n") for one in found.split(b"\0")) if reader.eof else ()
    return {digest.decode("ascii", "replace"): plan for digest, _, plan in lines if plan}


def _by_key(changes: Sequence[ResourceChange]) -> dict[_Key, ResourceChange]:
    return {(one.address, one.deposed): one for one in changes}


def _resource(
    address: str, deposed: str, old: ResourceChange | None, new: ResourceChange | None
) -> OtherResource | None:
    found = tuple(_attributes(_facts(old), _facts(new)))
    kinds = (old.kind if old else "", new.kind if new else "")
    if not found and kinds[0] == kinds[1]:
        return None
    return OtherResource(address, deposed, *kinds, found)


def _facts(one: ResourceChange | None) -> dict[str, Step]:
    """Everything of a change that the digest is of, beside its kind."""
    if one is None:
        return {}
    gone = "delete" in one.actions or one.kind == "forget"
    said = {
        "(taken over)": one.importing,
        "(address before)": one.previous_address,
        "(name in the cloud)": one.identity if gone else "",
        "(in this order)": ", ".join(one.actions) if one.actions != (one.kind,) else "",
    }
    facts: dict[str, Step] = {name: (None, value) for name, value in said.items() if value}
    return facts | _steps(one.attributes)


def _steps(many: Sequence[AttributeChange]) -> dict[str, Step]:
    return {one.path: (one.before, one.after) for one in many}


def _attributes(olds: Mapping[str, Step], news: Mapping[str, Step]) -> Iterator[OtherAttribute]:
    for path in sorted(olds.keys() | news.keys()):
        old, new = olds.get(path), news.get(path)
        if not _same(old, new):
            yield OtherAttribute(path, old, new)


def _same(old: Step | None, new: Step | None) -> bool:
    """As the digest has it: to Python, `true` and 1 are the same."""
    values: tuple[Any, Any] = (old, new)
    return canonical(values[0]) == canonical(values[1])
