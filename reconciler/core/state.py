"""A Terraform state, as far as we look at it: which one it is, how far it has come, what it knows.

A state that is not the one we left must not be planned against: an empty one would make everything
twice, an old one would undo what was done since.
"""

import json
from collections.abc import Iterator
from typing import Any, Final

from reconciler.core.redact import hidden
from reconciler.errors import ReconcilerError
from reconciler.model.plan import SENSITIVE
from reconciler.model.run import StateMark
from reconciler.model.state import Resource, State

SANDBOX: Final = "sandbox-"
"""How the lineage of every simulated state begins."""
_VERSION: Final = 4


def read_state(data: bytes, environment: str) -> State | None:
    """The state; None when there is none."""
    if not data.strip():
        return None
    try:
        document = json.loads(data)
    except (ValueError, RecursionError) as err:
        raise _unreadable(environment, "it is not JSON") from err
    if not isinstance(document, dict) or document.get("version") != _VERSION:
        raise _unreadable(environment, "its format is not known here")
    if not document.get("lineage"):
        return None  # what some backends say when there is nothing
    resources: list[Resource] = []
    names: set[str] = set()
    for block in document.get("resources") or []:
        for instance in block.get("instances") or []:
            values = instance.get("attributes") or {}
            resources.append(_resource(block, instance, values))
            if block.get("mode") == "managed":
                names.update(_names(values))
    managed = sum(1 for one in resources if one.managed)
    mark = StateMark(str(document.get("lineage", "")), int(document.get("serial", 0)), managed)
    in_order = tuple(sorted(resources, key=lambda one: one.address))
    return State(mark, in_order, frozenset(names), tuple(_outputs(document.get("outputs"))))


def _outputs(found: Any) -> Iterator[tuple[str, Any]]:
    for name, one in sorted(found.items()) if isinstance(found, dict) else ():
        value = one.get("value")
        text = json.dumps(value, ensure_ascii=False)
        secret = one.get("sensitive") or hidden(text) != text
        yield name, {SENSITIVE: ""} if secret else value


def _resource(block: dict[str, Any], instance: dict[str, Any], values: dict[str, Any]) -> Resource:
    prefix = f"{block['module']}." if block.get("module") else ""
    data = "data." if block.get("mode") == "data" else ""
    key = instance.get("index_key")
    index = "" if key is None else f"[{json.dumps(key)}]"
    address = f"{prefix}{data}{block.get('type')}.{block.get('name')}{index}"
    names = (values.get(name) for name in ("arn", "id"))
    identity = next((one for one in names if isinstance(one, str) and one), "")
    return Resource(address, str(block.get("type", "")), identity, managed=not data)


def _names(values: dict[str, Any]) -> Iterator[str]:
    for name, value in values.items():
        if isinstance(value, str) and value and (name in ("id", "arn") or name.endswith("_arn")):
            yield value


def _unreadable(environment: str, why: str) -> ReconcilerError:
    return ReconcilerError(
        "state-unreadable",
        f"the state of {environment} cannot be read: {why}",
        hint="bring back an older version of it from the backend's history",
        subject=environment,
    )


def furthest(own: StateMark | None, recorded: StateMark | None) -> StateMark | None:
    """What is known of a state: this machine's own memory may be old, and records may be behind.

    Two that are not one state: the records count, since everybody writes them.
    """
    if own is None or recorded is None:
        return recorded or own
    if own.lineage != recorded.lineage:
        return recorded
    return max(own, recorded, key=lambda one: one.serial)


def check_state(
    environment: str, known: StateMark | None, found: StateMark | None, *, simulated: bool
) -> None:
    """Stop when the state is not the one that we left."""
    if found is not None and found.lineage.startswith(SANDBOX) is not simulated:
        words = (
            "the state is one of a real account, and this is the sandbox"
            if simulated
            else "the state is one of the sandbox, and this is a real account"
        )
        raise ReconcilerError(
            "state-of-another-world",
            f"{environment}: {words}",
            hint="look at `state` in reconciler.yaml: both must never share a place",
            subject=environment,
        )
    if known is None or (known.resources == 0 and found is None):
        return
    was = f"we left it at serial {known.serial} with {known.resources} resources"
    if found is None:
        raise _lost(environment, "state-vanished", f"there is no state any more; {was}")
    if found.lineage != known.lineage:
        raise _lost(environment, "state-replaced", f"it is another state; {was}")
    if found.serial < known.serial:
        words = f"it went back to serial {found.serial}; {was}"
        raise _lost(environment, "state-went-back", words)


def gone(
    recorded: StateMark | None, remembered: StateMark | None, found: StateMark | None, cloud: str
) -> str:
    """Why what records know is not in the sandbox that is there; empty: it is, or never was.

    A sandbox that is started anew is empty by what it is, and what was in it may be made again:
    nothing outside of it can be there twice. `remembered` is of the sandbox that is there, as
    `found` is: a state that it had and has not any more was taken from under it, and stops a plan.
    `cloud`: which one it is; empty: none runs.
    """
    if recorded is None or not recorded.resources:
        return ""
    if not cloud:
        return "the sandbox does not run, and what it held is gone"
    if found is not None and found.lineage == recorded.lineage:
        back = found.serial < recorded.serial
        return f"its state went back to serial {found.serial}" if back else ""
    if remembered is not None and remembered.lineage == recorded.lineage:
        return "its state vanished" if found is None else "its state is another one"
    return "the sandbox that it was made in is gone"


def _lost(environment: str, reason: str, words: str) -> ReconcilerError:
    return ReconcilerError(
        reason,
        f"the state of {environment} is not the one that we know: {words}",
        hint="bring it back from the backend's history; planning now could make everything twice."
        f" If it is right as it is: `reconciler state {environment} --accept --because ...`",
        subject=environment,
    )
