"""`terraform show -json PLAN` -> Plan: masked by the plan's own marks, canonical, with a digest.

What is noise, and so not in the digest: the order of resources, resources that stay as they are,
data that is only read, the program's version and the time, why Terraform replaces something,
attributes of an update that do not change, attributes of something that is deleted beyond its name
in the cloud, and nulls of something new.
"""

import hashlib
import hmac
import json
from collections.abc import Iterator, Mapping, Sequence
from itertools import starmap
from typing import Any, Final

from pydantic_core import from_json

from reconciler.core.risk import HOLDS_DATA
from reconciler.model.base import Risk
from reconciler.model.plan import (
    SENSITIVE,
    UNKNOWN,
    AttributeChange,
    Drifted,
    DriftedAttribute,
    Kind,
    Plan,
    ResourceChange,
)

_CANONICAL: Final = json.JSONEncoder(
    sort_keys=True, separators=(",", ":"), ensure_ascii=True, check_circular=False
)
_MAJOR: Final = "1"
_MARK: Final = 16
_NESTED: Final = (dict, list)
_SIDES: Final = (("before", "before_sensitive"), ("after", "after_sensitive"))
_KINDS: Final[dict[tuple[str, ...], Kind]] = {
    ("create",): "create",
    ("update",): "update",
    ("delete",): "delete",
    ("delete", "create"): "replace",
    ("create", "delete"): "replace",
    ("read",): "read",
    ("forget",): "forget",
    ("create", "forget"): "replace",
    ("no-op",): "no-op",
}


_AS_A_WHOLE: Final = ("delete", "forget", "no-op", "read", "import", "move")
"""What changes no attribute of a resource, but all of it, or nothing."""


Document = Mapping[str, Any]
"""A plan's JSON; it holds secrets."""


class NotAPlan(Exception):  # noqa: N818  # a state of what was given, told in words
    """What was given is no whole plan, and must not be taken for one."""


def read_plan(data: bytes | Document, environment: str, engine: str, key: bytes) -> Plan:
    """The plan as a value. `key` marks sensitive values: equal ones alike, none to be guessed."""
    document = data if isinstance(data, Mapping) else plan_document(data)
    changes = [_change(one, key) for one in _list(document, "resource_changes")]
    doing = [one for one in changes if one.kind not in ("no-op", "read")]
    doing.sort(key=lambda one: (not one.loses_data, one.address, one.deposed))
    mended = {one.address for one in doing}
    differing = _list(document, "resource_drift")
    literals = _literals(document) if differing else {}
    drift = sorted(
        (found for one in differing if (found := _drifted(one, mended, key, literals)) is not None),
        key=lambda one: one.address,
    )
    outputs = tuple(_outputs(document.get("output_changes") or {}, key))
    return Plan(
        environment,
        tuple(doing),
        tuple(drift),
        outputs,
        plan_digest(environment, doing, outputs),
        engine,
    )


def sensitive_texts(data: bytes | Document) -> frozenset[str]:
    """Every text that a plan marks as sensitive, to be taken out of whatever is shown."""
    found: set[str] = set()
    document = data if isinstance(data, Mapping) else plan_document(data)
    for name in ("resource_changes", "resource_drift"):
        for one in _list(document, name):
            change = one.get("change") or {}
            for side, sensitive in _SIDES:
                if marks := change.get(sensitive):
                    found.update(_texts(change.get(side), marks))
    for change in (document.get("output_changes") or {}).values():
        for side, sensitive in _SIDES:
            found.update(_texts(change.get(side), change.get(sensitive)))
    return frozenset(found)


def risk_of_plan(plan: Plan, stage: str, track: str) -> Risk:
    """The tier of what a plan does."""
    if plan.empty:
        return "L0"
    if plan.loses_data or (stage == "production" and track == "platform"):
        return "L3"
    wide = any(one.importing or one.kind in ("delete", "replace", "forget") for one in plan.changes)
    return "L2" if stage == "production" or wide else "L1"


def drift_digest(drift: Sequence[Drifted], unmanaged: Sequence[str] = ()) -> str:
    """The same drift twice has one digest."""
    rows = [
        [one.address, one.kind, one.mended, [[a.path, a.want, a.have] for a in one.attributes]]
        for one in sorted(drift, key=lambda one: one.address)
    ]
    return _sha(["drift", rows, sorted(unmanaged)])


def plan_document(data: bytes) -> Document:
    """A plan's JSON, read once for all that look at it; NotAPlan when it is none."""
    try:
        document = from_json(data)
    except (ValueError, RecursionError) as err:
        msg = "it is not JSON"
        raise NotAPlan(msg) from err
    # A plan without any resource leaves the list out, and still says that it is a plan.
    if not isinstance(document, dict) or not {"resource_changes", "planned_values"} & {*document}:
        msg = "it is not a plan's JSON"
        raise NotAPlan(msg)
    version = str(document.get("format_version", ""))
    if version.partition(".")[0] != _MAJOR:
        msg = f"its format {version or 'without a version'} is not known here"
        raise NotAPlan(msg)
    if document.get("errored"):
        msg = "planning failed half-way"
        raise NotAPlan(msg)
    if document.get("complete") is False:
        msg = "it is incomplete: some changes were put off"
        raise NotAPlan(msg)
    return document


def _list(document: Mapping[str, Any], name: str) -> list[dict[str, Any]]:
    return [one for one in document.get(name) or [] if isinstance(one, dict)]


def _change(one: Mapping[str, Any], key: bytes) -> ResourceChange:
    change = one.get("change") or {}
    actions = tuple(str(action) for action in change.get("actions") or ())
    kind = _KINDS.get(actions)
    if kind is None:
        msg = f"it does something that is not known here to {one.get('address')}: {actions}"
        raise NotAPlan(msg)
    importing = _importing(change.get("importing"))
    belongs, owner = _belongs(change) if importing else ("", "")
    previous = str(one.get("previous_address", ""))
    if kind in ("no-op", "read") and importing:
        kind = "import"
    elif kind == "no-op" and previous:
        kind = "move"
    type_ = str(one.get("type", ""))
    return ResourceChange(
        address=str(one.get("address", "")),
        type=type_,
        kind=kind,
        actions=actions,
        attributes=() if kind in _AS_A_WHOLE else tuple(_attributes(kind, change, key)),
        reason=str(one.get("action_reason", "")),
        importing=importing,
        belongs=belongs,
        owner=owner,
        previous_address=previous,
        deposed=str(one.get("deposed", "")),
        identity=_identity(change.get("before"), change.get("before_sensitive")),
        loses_data="delete" in actions and type_ in HOLDS_DATA and one.get("mode") != "data",
    )


def _attributes(kind: Kind, change: Mapping[str, Any], key: bytes) -> Iterator[AttributeChange]:
    before = masked(change.get("before"), change.get("before_sensitive"), key)
    after = masked(change.get("after"), change.get("after_sensitive"), key)
    after = with_unknown(after, change.get("after_unknown"))
    found = differences(before if kind != "create" else None, after)
    if kind == "create":
        found = [one for one in found if one[2] is not None]
    replaces = {_path(path) for path in change.get("replace_paths") or [] if path}
    if not replaces:
        yield from starmap(AttributeChange, found)
        return
    for path, old, new in found:
        replaced = any(_within(path, one) for one in replaces)
        yield AttributeChange(path, old, new, replaced)


def _within(path: str, top: str) -> bool:
    return path == top or path.startswith((f"{top}.", f"{top}["))


def _importing(said: Any) -> str:
    """By what it is taken over. An id may be empty or not known yet, or there is another name."""
    if said is None:
        return ""
    one = said.get("id") if isinstance(said, Mapping) else None
    return one if isinstance(one, str) and one else canonical(said).decode()


def _belongs(change: Mapping[str, Any]) -> tuple[str, str]:
    """Of which environment and team what is there is by its tags; empty where that is not sure."""
    before, marks = change.get("before"), change.get("before_sensitive")
    tags = before.get("tags_all") if isinstance(before, Mapping) else None
    if not isinstance(tags, Mapping) or _hides(marks) or tags.get("managed-by") != "reconciler":
        return "", ""
    name, owner = tags.get("environment"), tags.get("owner")
    return name if isinstance(name, str) else "", "" if owner is None else str(owner)


def _hides(marks: Any) -> bool:
    """Whether any of the tags is said to be sensitive."""
    return marks is True or (isinstance(marks, Mapping) and bool(marks.get("tags_all")))


def _identity(before: Any, marks: Any) -> str:
    """The cloud's name of a thing; never one that is sensitive."""
    if not isinstance(before, Mapping) or marks is True:
        return ""
    hidden = marks if isinstance(marks, Mapping) else {}
    for name in ("arn", "id", "name"):
        value = before.get(name)
        if isinstance(value, str) and value and not hidden.get(name):
            return value
    return ""


def mark_of(value: Any, key: bytes) -> str:
    """By which equal values are told to be equal, and none can be guessed."""
    return hmac.digest(key, canonical(value), "sha256").hex()[:_MARK]


def masked(value: Any, marks: Any, key: bytes) -> Any:
    """The value without what is marked; what is marked can be compared, and not be guessed."""
    if marks is True and value is not None:
        return {SENSITIVE: mark_of(value, key)}
    if not marks:
        return value
    if isinstance(value, dict) and isinstance(marks, dict):
        hidden = {
            name: masked(value[name], mark, key)
            for name, mark in marks.items()
            if mark and name in value
        }
        return value | hidden if hidden else value
    if isinstance(value, list) and isinstance(marks, list) and any(marks):
        return [
            masked(one, marks[place] if place < len(marks) else None, key)
            for place, one in enumerate(value)
        ]
    return value


def with_unknown(value: Any, unknown: Any) -> Any:
    """The value with a mark wherever only the apply can tell."""
    if unknown is True:
        return UNKNOWN
    if isinstance(unknown, dict) and unknown:
        known = value if isinstance(value, dict) else {}
        if SENSITIVE in known:
            return known
        merged = dict(known)
        for name, one in unknown.items():
            if one is True or (one and isinstance(one, _NESTED)):
                merged[name] = with_unknown(known.get(name), one)
        return merged if isinstance(value, dict) or merged else value
    if isinstance(unknown, list) and unknown:
        known_list = value if isinstance(value, list) else []
        size = max(len(known_list), len(unknown))
        return [
            with_unknown(
                known_list[place] if place < len(known_list) else None,
                unknown[place] if place < len(unknown) else None,
            )
            for place in range(size)
        ]
    return value


def _is_leaf(value: Any) -> bool:
    return not isinstance(value, _NESTED) or not value or _is_mark(value)


def _is_mark(value: Any) -> bool:
    return isinstance(value, dict) and (SENSITIVE in value or value == UNKNOWN)


def differences(before: Any, after: Any, path: str = "") -> list[tuple[str, Any, Any]]:
    """Every leaf that differs, by its path, in a fixed order."""
    found: list[tuple[str, Any, Any]] = []
    if before != after:
        _differ(before, after, path, found)
    return found


def _differ(before: Any, after: Any, path: str, found: list[tuple[str, Any, Any]]) -> None:
    """Adds the differences of two values that are not the same."""
    if (
        (before is None or isinstance(before, dict))
        and (after is None or isinstance(after, dict))
        and not (_is_mark(before) or _is_mark(after))
    ):
        olds, news = before or {}, after or {}
        if olds or news:
            for name in sorted(olds.keys() | news.keys()):
                old, new = olds.get(name), news.get(name)
                if old is new or old == new:
                    continue
                inner = f"{path}.{name}" if path else name
                if isinstance(old, _NESTED) or isinstance(new, _NESTED):
                    _differ(old, new, inner, found)
                else:
                    found.append((inner, old, new))
            return
    if (
        isinstance(before, list)
        and isinstance(after, list)
        and before
        and after
        and not all(_is_leaf(one) for one in (*before, *after))
    ):
        for place in range(max(len(before), len(after))):
            old = before[place] if place < len(before) else None
            new = after[place] if place < len(after) else None
            inside = differences(old, new, f"{path}[{place}]")
            if not inside and place >= min(len(before), len(after)):
                inside = [(f"{path}[{place}]", old, new)]  # one more, though nothing is in it
            found += inside
        return
    found.append((path, before, after))


def _path(steps: Sequence[Any]) -> str:
    text = ""
    for step in steps:
        if isinstance(step, int):
            text += f"[{step}]"
        else:
            text += f".{step}" if text else str(step)
    return text


def _literals(document: Document) -> dict[str, Mapping[str, Any]]:
    """What the source says of its resources in so many words, by address."""
    root = (document.get("configuration") or {}).get("root_module") or {}
    return {
        str(one.get("address", "")): {
            name: said["constant_value"]
            for name, said in (one.get("expressions") or {}).items()
            if isinstance(said, dict) and "constant_value" in said
        }
        for one in _list(root, "resources")
    }


def _drifted(
    one: Mapping[str, Any], mended: set[str], key: bytes, literals: Mapping[str, Mapping[str, Any]]
) -> Drifted | None:
    """What drifted of a resource; None: nothing did.

    What the source has come to say just so is no drift, though the last apply left it otherwise.
    """
    change = one.get("change") or {}
    actions = tuple(change.get("actions") or ())
    before = masked(change.get("before"), change.get("before_sensitive"), key)
    after = masked(change.get("after"), change.get("after_sensitive"), key)
    gone = "delete" in actions
    said = literals.get(str(one.get("address", "")).partition("[")[0], {})
    attributes = (
        ()
        if gone
        else tuple(
            DriftedAttribute(*difference)
            for difference in differences(before, after)
            if difference[0] not in said or said[difference[0]] != difference[2]
        )
    )
    if not gone and not attributes:
        return None
    address = str(one.get("address", ""))
    return Drifted(
        address,
        str(one.get("type", "")),
        "gone" if gone else "changed",
        attributes,
        address in mended,
        _identity(change.get("before"), change.get("before_sensitive")),
    )


def _outputs(changes: Mapping[str, Any], key: bytes) -> Iterator[AttributeChange]:
    for name in sorted(changes):
        change = changes[name]
        if tuple(change.get("actions") or ()) == ("no-op",):
            continue
        before = masked(change.get("before"), change.get("before_sensitive"), key)
        after = masked(change.get("after"), change.get("after_sensitive"), key)
        yield AttributeChange(name, before, with_unknown(after, change.get("after_unknown")))


def _texts(value: Any, marks: Any) -> Iterator[str]:
    if marks is True:
        yield from _all_texts(value)
    elif isinstance(value, dict) and isinstance(marks, dict):
        for name, mark in marks.items():
            if mark and name in value:
                yield from _texts(value[name], mark)
    elif isinstance(value, list) and isinstance(marks, list):
        for one, mark in zip(value, marks, strict=False):
            yield from _texts(one, mark)


def _all_texts(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        for one in value.values():
            yield from _all_texts(one)
    elif isinstance(value, list):
        for one in value:
            yield from _all_texts(one)


def canonical(value: Any) -> bytes:
    """One spelling of a JSON value."""
    return _CANONICAL.encode(value).encode()


def _sha(value: Any) -> str:
    return "sha256:" + hashlib.sha256(canonical(value)).hexdigest()


def plan_digest(
    environment: str, changes: Sequence[ResourceChange], outputs: Sequence[AttributeChange]
) -> str:
    """Of one environment's plan: who agrees to it has agreed to no other environment's."""
    rows = [
        [
            one.address,
            one.deposed,
            one.kind,
            list(one.actions),
            one.importing,
            one.previous_address,
            one.identity if "delete" in one.actions or one.kind == "forget" else "",
            [[a.path, a.before, a.after] for a in one.attributes],
        ]
        for one in sorted(changes, key=lambda one: (one.address, one.deposed))
    ]
    return _sha(["plan", 2, environment, rows, [[o.path, o.before, o.after] for o in outputs]])
