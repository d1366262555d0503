"""What `doctor` finds, for people and for programs."""

from collections.abc import Iterable, Sequence
from typing import Final

from rich.console import Console

from reconciler.model.doctor import Part, verdict
from reconciler.report.as_json import document
from reconciler.report.text import line
from reconciler.report.words import counted

_MARKS: Final = {"good": ("✓", "green"), "bad": ("✗", "red"), "unknown": ("-", "dim")}


def told(console: Console, parts: Sequence[Part]) -> None:
    """Part by part; what to do stands below what is bad."""
    for part in parts:
        line(console, (part.name, "bold"))
        for one in part.advice:
            mark, style = _MARKS[verdict(one)]
            line(console, (f"  {mark} ", style), (one.what, "bold"), f": {one.told}")
            if one.hint:
                line(console, ("      do ", "dim"), one.hint)
        console.print()
    bad = sum(one.good is False for part in parts for one in part.advice)
    line(console, "Nothing is wrong." if not bad else f"{counted(bad, 'thing')} to mend.")


def as_json(parts: Iterable[Part]) -> str:
    """The same for programs."""
    many = list(parts)
    return document(
        "Examination",
        good=all(part.good for part in many),
        parts=[
            {
                "name": part.name,
                "findings": [
                    {
                        "what": one.what,
                        "verdict": verdict(one),
                        "told": one.told,
                        "hint": one.hint,
                    }
                    for one in part.advice
                ],
            }
            for part in many
        ],
    )
