"""What ends, and what is put off, for people and for programs."""

from collections.abc import Sequence
from typing import Final

from rich.console import Console

from reconciler.model.base import format_timestamp
from reconciler.model.life import AgentStanding, Expired, Held, Waiting
from reconciler.report.as_json import document
from reconciler.report.text import Table, line

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


def agents(console: Console, many: Sequence[AgentStanding]) -> None:
    """`reconciler agent list`."""
    if not many:
        line(console, "There is no agent.")
        return
    table = Table("AGENT", "OWNER", "TRACKS", "DENIALS", "ROLLBACKS", "STANDING")
    for one in many:
        table.add_row(
            one.name,
            one.owner,
            ", ".join(one.tracks),
            f"{one.denials} of {one.limits[0]}",
            f"{one.rollbacks} of {one.limits[1]}",
            one.stopped or "free",
        )
    table.print(console)


def agents_json(many: Sequence[AgentStanding]) -> str:
    """The same for programs."""
    return document(
        "AgentList",
        agents=[
            {
                "name": one.name,
                "owner": one.owner,
                "tracks": list(one.tracks),
                "stopped": one.stopped or None,
                "denials": one.denials,
                "rollbacks": one.rollbacks,
                "limits": {"denials": one.limits[0], "rollbacks": one.limits[1]},
            }
            for one in many
        ],
    )


_HELD: Final = {
    "quarantine": (("IN QUARANTINE ", "bold cyan"), ("NOT IN QUARANTINE YET ", "bold red")),
    "release": (("RELEASED ", "bold green"), ("NOT RELEASED YET ", "bold yellow")),
}


def held(console: Console, found: Held, branch: str) -> None:
    """`reconciler agent quarantine` and `release`."""
    done, not_yet = _HELD[found.verb]
    line(console, not_yet if found.proposed else done, found.agent)
    if found.proposed is not None:
        line(
            console,
            f"  `{branch}` takes no push of ours: it is proposed in !{found.proposed.number}",
        )
        return
    line(console, f"  by commit {found.commit[:_SHORT]} of `{branch}`")


def held_json(found: Held, branch: str) -> str:
    """The same for programs."""
    asked = found.proposed
    return document(
        "AgentHolding",
        agent=found.agent,
        action=found.verb,
        done=asked is None,
        because=found.because,
        branch=branch,
        commit=found.commit or None,
        mergeRequest=None
        if asked is None
        else {"number": asked.number, "link": asked.link or None},
    )
