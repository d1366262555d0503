"""Leases for people."""

from rich.console import Console

from reconciler.model.base import format_timestamp
from reconciler.report.lease_json import Standing
from reconciler.report.text import Table, line

_OVER = "over: whoever comes next takes it"


def listed(console: Console, found: Standing) -> None:
    """`reconciler lease list`."""
    if not found:
        line(console, "Nothing is held.")
        return
    table = Table("ENVIRONMENT", "HOLDER", "REASON", "SINCE", "UNTIL")
    for one, alive in found:
        since = format_timestamp(one.since) if one.readable else ""
        until = format_timestamp(one.expires) if one.readable else ""
        table.add_row(one.environment, one.holder, one.reason, since, until if alive else _OVER)
    table.print(console)


def shown(console: Console, environment: str, found: Standing) -> None:
    """`reconciler lease show`."""
    if not found:
        line(console, f"{environment} is held by nobody.")
    for one, alive in found:
        line(console, one.told + ("" if alive else f"; it is {_OVER}"))
        if one.readable:
            line(console, f"  last heard of {format_timestamp(one.beat)}")
            line(console, f"  there were {one.fence} records when it was taken")
