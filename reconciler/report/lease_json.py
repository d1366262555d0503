"""Leases -> JSON (docs/output.md)."""

from collections.abc import Mapping, Sequence
from typing import Any

from reconciler.model.base import format_timestamp
from reconciler.model.lease import Lease
from reconciler.model.record import Recorded
from reconciler.report.as_json import document

Standing = Sequence[tuple[Lease, bool]]
"""Leases, and whether each is held by somebody who may be alive."""


def listed(found: Standing, *, simulated: bool) -> str:
    """`reconciler lease list`."""
    rows = [_row(one, alive=alive) for one, alive in found]
    return document("LeaseList", simulated=simulated, leases=rows)


def shown(environment: str, found: Standing, *, simulated: bool) -> str:
    """`reconciler lease show`."""
    rows = [_row(one, alive=alive) for one, alive in found]
    lease = rows[0] if rows else None
    return document("LeaseView", environment=environment, simulated=simulated, lease=lease)


def broken(made: Recorded, because: str, lease: Lease) -> str:
    """`reconciler lease break`."""
    return document(
        "LeaseBreak",
        sequence=made.sequence,
        commit=made.commit,
        environment=lease.environment,
        because=because,
        holder=lease.holder,
    )


def _row(one: Lease, *, alive: bool) -> Mapping[str, Any]:
    told = one.readable
    return {
        "environment": one.environment,
        "holder": one.holder,
        "reason": one.reason,
        "since": format_timestamp(one.since) if told else None,
        "beat": format_timestamp(one.beat) if told else None,
        "expires": format_timestamp(one.expires) if told else None,
        "fence": one.fence,
        "over": not alive,
    }
