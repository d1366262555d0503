"""What came of a freeze, or of its end, for people and for programs."""

from typing import Final

from rich.console import Console

from reconciler.model.base import format_timestamp
from reconciler.model.freeze import Frozen, Stopped
from reconciler.report.as_json import document
from reconciler.report.text import line

_SHORT: Final = 12
_DONE: Final = {"freeze": ("FROZEN ", "bold cyan"), "unfreeze": ("MAY MOVE AGAIN ", "bold green")}
_NOT_YET: Final = {
    "freeze": ("NOT FROZEN YET ", "bold red"),
    "unfreeze": ("STILL FROZEN ", "bold yellow"),
}


def told(console: Console, found: Stopped) -> None:
    """The verdict first, then each freeze."""
    mark = _NOT_YET if found.proposed else _DONE
    names = ", ".join(_what(one) for one in found.freezes)
    line(console, mark[found.verb], names)
    for one in found.freezes:
        until = f", until {format_timestamp(one.until)}" if one.until else ""
        ends = until if found.verb == "freeze" else ""
        line(console, f"  {one.name}: {_what(one)}{ends}")
    if found.proposed is not None:
        asked = found.proposed
        line(
            console, f"  `{found.branch}` takes no push of ours: it is proposed in !{asked.number}"
        )
        line(console, "  Nothing changes before that is merged.")
        if found.kept_out:
            line(console, f"  why {found.kept_out}")
        if found.hint:
            line(console, f"  do  {found.hint}")
        if asked.link:
            line(console, f"  {asked.link}")
    elif found.commit:
        line(console, f"  by commit {found.commit[:_SHORT]} of `{found.branch}`")
    else:
        line(console, f"  It was so already on `{found.branch}`.")


def _what(one: Frozen) -> str:
    return f"{one.kind} {one.subject}".rstrip()


def as_json(found: Stopped) -> str:
    """The same for programs."""
    asked = found.proposed
    return document(
        "Freezing",
        action=found.verb,
        done=asked is None,
        because=found.because,
        branch=found.branch,
        commit=found.commit or None,
        mergeRequest=None
        if asked is None
        else {"number": asked.number, "link": asked.link or None},
        freezes=[
            {
                "name": one.name,
                "scope": one.kind,
                "subject": one.subject or None,
                "since": format_timestamp(one.since),
                "until": format_timestamp(one.until) if one.until else None,
            }
            for one in found.freezes
        ],
    )
