"""Drift by its causes, for people and for programs (docs/output.md)."""

from collections.abc import Sequence
from typing import Final

from rich.console import Console

from reconciler.model.remediation import Group
from reconciler.report.as_json import document
from reconciler.report.text import line
from reconciler.report.words import counted, printable

_NAMED: Final = 10


def as_json(groups: Sequence[Group], *, simulated: bool) -> str:
    """`reconciler drift --grouped`."""
    return document(
        "DriftCauses",
        simulated=simulated,
        causes=[
            {
                "mark": one.cause.mark,
                "type": one.cause.type,
                "what": one.cause.what,
                "changes": [
                    {"path": path, "want": want, "have": have}
                    for path, want, have in one.cause.changes
                ],
                "environments": list(one.environments),
                "resources": one.resources,
                "first": one.first,
                "last": one.last,
                "times": one.times,
                "suppressedBy": list(one.suppressed),
            }
            for one in groups
        ],
    )


def as_text(console: Console, groups: Sequence[Group]) -> None:
    """The same for people: one cause, one paragraph."""
    if not groups:
        line(console, ("NO DRIFT: ", "bold green"), "records know of none")
        return
    for one in groups:
        head = ("LET BE: ", "bold green") if one.suppressed else ("DRIFT: ", "bold yellow")
        line(console, head, (printable(one.cause.type), "bold"), f" {one.cause.what}")
        for path, want, have in one.cause.changes:
            line(
                console,
                (f"      {printable(path)}: ", "dim"),
                f"want {printable(want)}, have {printable(have)}",
            )
        names = ", ".join(one.environments[:_NAMED])
        more = len(one.environments) - _NAMED
        many = f"{counted(len(one.environments), 'environment')}: {names}"
        line(console, f"  {many}{f' and {more:,} more' if more > 0 else ''}")
        line(
            console,
            f"  {counted(one.resources, 'resource')}, first seen {one.first},"
            f" came {counted(one.times, 'time')}, last {one.last}",
        )
        if one.suppressed:
            line(console, ("  let be by ", "dim"), ", ".join(one.suppressed))
