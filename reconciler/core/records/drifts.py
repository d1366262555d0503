"""What records keep of an environment's drift, read back. Pure.

A status may be forged and hold anything: what does not fit is nothing.
"""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from pydantic import Field, ValidationError

from reconciler.core.records.standing import Status
from reconciler.model.base import Model
from reconciler.model.record import DriftedResource
from reconciler.model.remediation import Memory, Seen


class _Kept(Model):
    """`drift.json`."""

    drifted: tuple[DriftedResource, ...]
    unmanaged: tuple[str, ...]
    imports: dict[str, str] = Field(default={})


def seen_of(name: str, status: Status, data: bytes | None) -> Seen | None:
    """The drift that an environment has by its status and its `drift.json`; None: none."""
    known = status.get("drift")
    if not isinstance(known, dict) or data is None:
        return None
    try:
        kept = _Kept.model_validate_json(data)
        digest, record = str(known["digest"]), int(known["record"])
        first = int(known["first"])
        since, at = str(known["since"]), str(known["at"])
    except (ValidationError, KeyError, TypeError, ValueError):
        return None
    return Seen(name, digest, record, first, since, at, kept.drifted, kept.unmanaged, kept.imports)


def memory_of(status: Status) -> Mapping[str, Memory]:
    """What was done about each cause before, by its mark."""
    part = status.get("remediation")
    causes = part.get("causes") if isinstance(part, dict) else None
    found = {}
    for mark, one in (causes if isinstance(causes, dict) else {}).items():
        try:
            found[str(mark)] = _memory(one)
        except (KeyError, TypeError, ValueError):
            continue
    return found


def _memory(one: dict[str, Any]) -> Memory:
    return Memory(
        one["step"],
        one["mode"],
        one["result"],
        str(one["mergeRequest"]),
        str(one["drift"]),
        int(one["record"]),
        str(one["cause"]),
        str(one["because"]),
        tuple(datetime.fromisoformat(at) for at in one["mended"]),
    )
