"""What ends, and what is put off, for people and for programs."""

from collections.abc import Sequence
from typing import Final

from rich.console import Console

from reconciler.model.base import format_timestamp
from reconciler.model.life import Expired, Waiting
from reconciler.report.as_json import document
from reconciler.report.text import line

_SHORT: Final = 12


def extended(console: Console, found: Expired, branch: str) -> None:
    """`reconciler extend`."""
    ends = format_timestamp(found.expires)
    if found.proposed is not None:
        line(console, ("NOT EXTENDED YET ", "bold red"), found.environment)
        line(
            console,
            f"  `{branch}` takes no push of ours: it is proposed in !{found.proposed.number}",
        )
        return
    line(console, ("EXTENDED ", "bold green"), f"{found.environment}, until {ends}")
    line(console, f"  by commit {found.commit[:_SHORT]} of `{branch}`")


def extended_json(found: Expired, branch: str) -> str:
    """The same for programs."""
    asked = found.proposed
    return document(
        "Extension",
        environment=found.environment,
        done=asked is None,
        expires=format_timestamp(found.expires),
        branch=branch,
        commit=found.commit or None,
        mergeRequest=None
        if asked is None
        else {"number": asked.number, "link": asked.link or None},
    )


def waiting(console: Console, many: Sequence[Waiting]) -> None:
    """`reconciler removal list` and `allow`."""
    if not many:
        line(console, "Nothing is there without a document.")
    for one in many:
        mark = ("WAITS ", "bold yellow") if one.why else ("GOES ", "bold red")
        line(console, mark, one.environment)
        if one.commit:
            line(console, f"  taken out by {one.commit[:_SHORT]}: {one.path}")
        if one.why:
            line(console, f"  {one.why}")


def waiting_json(many: Sequence[Waiting]) -> str:
    """The same for programs."""
    return document(
        "RemovalList",
        removals=[
            {
                "environment": one.environment,
                "commit": one.commit or None,
                "path": one.path or None,
                "may": not one.why,
                "why": one.why or None,
            }
            for one in many
        ],
    )
