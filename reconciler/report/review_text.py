"""Reviews of merge requests for people."""

from collections.abc import Sequence

from rich.console import Console

from reconciler.model.decision import STRICTNESS
from reconciler.model.review import Outcome
from reconciler.report import check_text, difference, plan_text
from reconciler.report.text import line
from reconciler.report.words import counted, printable


def reviewed(console: Console, one: Outcome, *, dry_run: bool) -> None:
    """`mr check N`: what was judged, and what was posted; or the note itself."""
    found = one.review
    if found is None:
        _head(console, one)
        if one.posted:
            line(console, ("posted: ", "dim"), ", ".join(one.posted))
        _hint(console, one)
        return
    if dry_run:
        console.print(printable(one.text, lines=True), soft_wrap=True)
        _notes(console, one)
        return
    _head(console, one)
    check_text.checked(console, found.report, advice=False)
    if found.simulated:
        console.print()
        plan_text.simulated(console)
    for plan in found.plans:
        console.print()
        plan_text.planned(console, plan)
    for _, since in found.otherwise:
        console.print()
        difference.shown(console, since)
    for each in found.unplanned:
        line(console, (f"{each.environment}: ", "bold"), f"not planned: {each.why}")
        if each.hint:
            line(console, ("  try: ", "dim"), each.hint)
    console.print()
    line(console, ("posted: ", "dim"), ", ".join(one.posted) or "nothing: it is all said")
    _merging(console, one)
    _mishaps(console, one)
    _notes(console, one)


def listed(console: Console, many: Sequence[Outcome]) -> None:
    """`mr check --all`: a line each; those that stayed the same are counted."""
    if not many:
        line(console, "No merge request is open.")
    for one in many:
        if one.state == "skipped":
            continue
        _head(console, one)
        if one.posted:
            line(console, ("  posted: ", "dim"), ", ".join(one.posted))
        _merging(console, one, "  ")
        _hint(console, one)
        _mishaps(console, one)
    skipped = [one.verdict for one in many if one.state == "skipped"]
    if skipped:
        words = counted(len(skipped), "merge request")
        known = [verdict for verdict in skipped if verdict is not None]
        worst = max(known, key=STRICTNESS.index) if known else None
        told = f": {check_text.words(worst)} at worst" if worst else ""
        line(console, (f"{words} as they were when they were looked at last{told}.", "dim"))
    for note in dict.fromkeys(note for one in many for note in one.notes):
        line(console, ("note: ", "dim"), (note, "dim"))


def _head(console: Console, one: Outcome) -> None:
    found = one.review
    where = f"  ({one.link})" if one.link else ""
    style = check_text.STYLE[found.verdict] if found is not None else "bold yellow"
    words = check_text.words(found.verdict) if found is not None else one.state.upper()
    told = f": {one.told}" if one.told else ""
    line(
        console,
        (f"!{one.number}  ", "bold"),
        (words, style),
        f"  {one.title}{told}" if one.title else f"  {one.told}",
        (where, "dim"),
    )


def _hint(console: Console, one: Outcome) -> None:
    if one.hint:
        line(console, ("  try: ", "dim"), one.hint)


def _merging(console: Console, one: Outcome, indent: str = "") -> None:
    """Nobody is to wonder who merged it, or why nobody did."""
    found = one.merging
    if found is None:
        return
    if found.commit:
        words = f"by itself, as {found.commit[:12]}: its track wants that when all is allowed"
        line(console, (f"{indent}merged: ", "bold green"), words)
        return
    again = "; the next look tries it again" if found.later else ""
    words = "; ".join(found.why_not)
    line(console, (f"{indent}not merged by itself: ", "dim"), f"{words}{again}")


def _mishaps(console: Console, one: Outcome) -> None:
    """One cause is told once, with everything that it kept from being posted."""
    alike: dict[tuple[str, str], list[str]] = {}
    for each in one.mishaps:
        alike.setdefault((each.why, each.hint), []).append(each.what)
    for (why, hint), what in alike.items():
        line(console, ("not posted: ", "bold red"), f"{', '.join(what)}: {why}")
        if hint:
            line(console, ("  try: ", "dim"), hint)


def _notes(console: Console, one: Outcome) -> None:
    for note in one.notes:
        line(console, ("note: ", "dim"), (note, "dim"))
