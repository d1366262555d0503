"""Verifying and replaying for people."""

from collections.abc import Sequence

from rich.console import Console

from reconciler.model.verified import Replayed, Verified
from reconciler.report.text import line
from reconciler.report.words import counted

_SHORT = 12


def verified(console: Console, found: Verified) -> None:
    """What verifying came to: breaks first."""
    known = dict(found.acknowledged)
    rest = _following(found)
    for one in found.breaks:
        if one.name in rest:
            continue
        by = known.get(one.name)
        style = "yellow" if by else "bold red"
        where = one.commit[:_SHORT] if one.sequence is None else f"record {one.sequence}"
        line(console, (one.name, style), f"  {where}: {one.why}")
        if by:
            line(console, f"  answered for by {by}")
    if rest:
        verb = "follows" if len(rest) == 1 else "follow"
        line(console, f"{len(rest)} more {verb} from what was lost: `--format json` names each")
    for name, number in found.unsettled:
        line(console, f"{name}: an apply has begun (record {number}) and not ended yet")
    for anchor in found.anchors[-1:]:
        by = f", signed by {anchor.key}" if anchor.key else ", not signed"
        line(console, f"anchored: {anchor.name} at {anchor.commit[:_SHORT]}{by}")
    for note in found.notes:
        line(console, ("note", "yellow"), f"  {note}")
    many = counted(found.records, "record")
    signed = f", {found.signed} of them signed" if found.signed else ""
    if found.whole:
        line(console, ("WHOLE", "bold green"), f"  {many} on `{found.branch}`{signed}")
    elif not found.open_breaks:
        wrong = counted(len(found.breaks), "break")
        words = f"  {wrong} in {many} on `{found.branch}`{signed}; nothing else is broken"
        line(console, ("ANSWERED FOR", "bold yellow"), words)
    else:
        wrong = counted(len(found.open_breaks), "break")
        answered = len(found.breaks) - len(found.open_breaks)
        more = f", and {answered} that somebody answered for" if answered else ""
        line(
            console,
            ("BROKEN", "bold red"),
            f"  {wrong} in {many} on `{found.branch}`{signed}{more}",
        )


def _following(found: Verified) -> frozenset[str]:
    """What need not be told beside its cause; where somebody answered for that, it is told."""
    if all(one.follows for one in found.open_breaks):
        return frozenset()
    return frozenset(one.name for one in found.open_breaks if one.follows)


def replayed(console: Console, one: Replayed) -> None:
    """One decision."""
    about = one.environment or "the change itself"
    head = f"  record {one.sequence} ({one.commit[:_SHORT]}), {about}: {one.then}"
    if one.same:
        line(console, ("same", "green"), head)
    elif one.agrees:
        line(console, ("same", "green"), f"{head}, by other programs")
    else:
        line(console, ("OTHER", "bold red"), f"{head}, now {one.now or 'not to be told'}")
    for name, then, now in one.engines:
        line(console, f"    {name}: then {then or 'none'}, now {now or 'none'}")
    for difference in one.differences:
        line(console, f"    {difference}")
    for gate in one.taken:
        line(console, f"    {gate} about the plan: as recorded (a plan's secrets are not kept)")


def replays(console: Console, many: Sequence[Replayed]) -> None:
    """All of them in short."""
    agree = sum(1 for one in many if one.agrees)
    if not many:
        line(console, "There are no decisions.")
    elif len(many) > 1:
        line(console, f"{agree} of {len(many)} decisions are the same.")
