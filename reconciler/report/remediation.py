"""Merge requests about drift, in Markdown. Whatever the cloud or a document says stands in code."""

import re
from collections.abc import Sequence
from textwrap import shorten
from typing import Final

from reconciler.model.record import DriftedResource
from reconciler.model.remediation import Cause, Part, Seen
from reconciler.report.markdown import code, codes, folded, row
from reconciler.report.words import counted

_SHOWN: Final = 50
_TITLE: Final = 120
_KEEPS: Final = "**Merging keeps it**: what is there becomes what the documents declare."
_TAKES: Final = (
    "**Merging takes it over**: `spec.imports` of each document says what becomes which resource of"
    " the blueprint, and the apply that follows makes nothing twice. It is let through only where"
    " the thing's own tags name the environment, and once a human agreed to the plan."
)
_ATTRIBUTE: Final = re.compile("[a-z0-9_]*")
"""An attribute's own name; what comes after it may be a key that anybody chose."""


def title(cause: Cause, environments: Sequence[str]) -> str:
    """One line. A title is no place for code, so only the provider's own names are in it."""
    names = sorted({_ATTRIBUTE.match(path)[0] for path, _, _ in cause.changes})  # type: ignore[index]  # it matches anything
    what = ", ".join(names) if cause.what == "changed" else cause.what
    where = environments[0] if len(environments) == 1 else counted(len(environments), "environment")
    return shorten(f"Drift of {where}: {cause.type} {what}", _TITLE, placeholder=" ...")


def kept(cause: Cause, environments: Sequence[str]) -> str:
    """The title of what takes it over."""
    return shorten(f"Keep: {title(cause, environments)}", _TITLE, placeholder=" ...")


def description(
    cause: Cause, members: Sequence[tuple[Seen, Part, str]], offered: str, *, reverts: bool = False
) -> str:
    """What drifted where, since when and by whom; what merging does, and what else could be done.

    `members`: with why a human is asked. `offered`: the branch that adopts it; empty: none does.
    `reverts`: whether merging puts it back, else it is kept.
    """
    lines = [
        f"The cloud is not as declared: {code(cause.words)}.",
        "",
        row(("environment", "since", "resource", "attribute", "declared", "there", "by")),
        row(("---",) * 7),
    ]
    shown = [
        row((code(seen.environment), code(seen.since), *cells))
        for seen, part, _ in members
        for cells in _cells(part, seen)
    ]
    lines += shown[:_SHOWN]
    if len(shown) > _SHOWN:
        lines += ["", f"and {len(shown) - _SHOWN:,} more."]
    keeps = _TAKES if cause.what == "unmanaged" else _KEEPS
    lines += ["", *(_does(members) if reverts else [keeps])]
    lines += _homeless(members)
    if offered:
        keep = f"**To keep it instead**, merge the branch {code(offered)}: it writes what is there"
        lines += ["", f"{keep} into the documents. Then this one is closed by itself."]
    lines += ["", "**To leave it as it is**, close this; nobody asks again before it changes."]
    asked = sorted({why for _, _, why in members if why})
    if asked:
        lines += ["", f"Why a human is asked: {'; '.join(code(one) for one in asked)}."]
    return "\n".join(lines) + "\n"


def _homeless(members: Sequence[tuple[Seen, Part, str]]) -> list[str]:
    """What no block is known for, and what a human can do about it."""
    left = [arn for seen, part, _ in members for arn in part.unmanaged if arn not in seen.imports]
    if not left:
        return []
    words = "Not taken over by it, since the blueprint has nothing that it would become"
    advice = "Take it away, take its tags away, or add a resource for it to the blueprint."
    return [*folded(words, [f"- {code(one)}" for one in sorted(set(left))]), "", advice]


def _cells(part: Part, seen: Seen) -> list[tuple[str, ...]]:
    found: list[tuple[str, ...]] = []
    for one in part.resources:
        if one.what == "gone":
            found.append((code(one.address), "", "there", "gone", code(one.who)))
        found += _changes(one)
    for arn in part.unmanaged:
        becomes = seen.imports.get(arn, "")
        found.append((code(becomes) if becomes else "", "", "in no state", code(arn), ""))
    return found


def _changes(one: DriftedResource) -> list[tuple[str, ...]]:
    address, by = code(one.address), code(one.who)
    return [
        (address, code(each.path), code(each.want), code(each.have), by) for each in one.attributes
    ]


def _does(members: Sequence[tuple[Seen, Part, str]]) -> list[str]:
    """What merging does to each environment: an apply knows no single resource."""
    once = "an apply makes each environment as declared, once, with the plan that was agreed to"
    lines = [f"**Merging puts it back**: {once}."]
    for seen, part, _ in members:
        mine = {one.address for one in part.resources}
        others = [one.address for one in seen.drifted if one.address not in mine and one.mended]
        if others:
            lines += ["", f"In {code(seen.environment)} it also puts back {codes(others, 5)}."]
    kept = [one.address for _, part, _ in members for one in part.resources if not one.mended]
    if kept:
        lines += [
            *folded(
                "What no apply puts back, since the source does not speak of it",
                [f"- {code(one)}" for one in sorted(set(kept))],
            )
        ]
    return lines


def withdrawn(cause: str) -> str:
    """Why one of ours is closed."""
    return f"This drift is gone, or nobody is to be asked about it any more: {code(cause)}."
