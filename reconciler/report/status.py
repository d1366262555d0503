"""`reconciler status`: every environment with what is so of it."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Final

from rich.console import Console
from rich.text import Text

from reconciler.model.base import format_timestamp
from reconciler.model.lease import Lease
from reconciler.model.work import Condition, Standing
from reconciler.report.as_json import document
from reconciler.report.plan_text import simulated as say_simulated
from reconciler.report.text import Table, line
from reconciler.report.words import counted

_STYLES: Final = {
    "Ready": "green",
    "Reconciling": "cyan",
    "Stalled": "bold red",
    "Drifted": "yellow",
    "Frozen": "bold blue",
    "Expiring": "magenta",
}


def table(
    console: Console,
    standings: Sequence[Standing],
    held: Mapping[str, Lease],
    now: datetime,
    *,
    simulated: bool,
) -> None:
    """For people: one line for each condition."""
    if simulated:
        say_simulated(console)
    if not standings:
        line(console, "Nothing to show.")
        return
    rows = Table("NAME", "TRACK", "STAGE", "IS", "SINCE", "WHY")
    for one in standings:
        name, track, stage = one.name, one.track, one.stage
        for condition in one.conditions:
            rows.add_row(
                Text(name, "bold"),
                track,
                stage,
                Text(condition.name, _STYLES[condition.name]),
                _ago(condition.since, now),
                Text(_why(condition, held.get(one.name))),
            )
            name = track = stage = ""
    rows.print(console)
    ready = sum(one.of("Ready") is not None for one in standings)
    line(console, f"{ready} of {counted(len(standings), 'environment')} as declared.")


def as_json(standings: Iterable[Standing], held: Mapping[str, Lease], *, simulated: bool) -> str:
    """For programs."""
    return document(
        "Status",
        simulated=simulated,
        environments=[
            {
                "name": one.name,
                "track": one.track or None,
                "stage": one.stage or None,
                "owner": one.owner or None,
                "applied": one.commit or None,
                "conditions": [
                    {
                        "type": condition.name,
                        "since": format_timestamp(condition.since) if condition.since else None,
                        "why": condition.why,
                        "by": condition.by or None,
                        "until": format_timestamp(condition.until) if condition.until else None,
                        "hint": condition.hint or None,
                    }
                    for condition in one.conditions
                ],
                "next": None
                if one.task is None
                else {"job": one.task.job, "due": format_timestamp(one.task.due)},
                "lease": _lease(held.get(one.name)),
            }
            for one in standings
        ],
    )


def _lease(held: Lease | None) -> dict[str, object] | None:
    if held is None:
        return None
    return {
        "holder": held.holder,
        "reason": held.reason,
        "since": format_timestamp(held.since),
        "until": format_timestamp(held.expires),
    }


def _why(condition: Condition, held: Lease | None) -> str:
    if condition.name == "Reconciling" and held is not None:
        return f"{held.holder} is at it: {held.reason}"
    return condition.said


def _ago(since: datetime | None, now: datetime) -> str:
    if since is None:
        return ""
    past = max(now - since, timedelta())
    for unit, seconds in (("d", 86400), ("h", 3600), ("min", 60)):
        if past.total_seconds() >= 2 * seconds:
            return f"{int(past.total_seconds() // seconds)} {unit} ago"
    return f"{int(past.total_seconds())} s ago"
