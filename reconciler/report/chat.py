"""Answers to orders in notes. Whatever somebody wrote, or a document says, stands in code spans."""

from collections.abc import Iterable, Sequence
from typing import Final

from reconciler.model.check import CheckReport
from reconciler.model.decision import Judged
from reconciler.model.order import FORMS, WORD, Misread, Order
from reconciler.model.policy import Rule
from reconciler.report.markdown import code, link
from reconciler.report.words import counted, rank

_SHORT: Final = 12
_SHOWN: Final = 10


def answer(said: Sequence[tuple[Order | Misread, str]], mark: str, size: int) -> str:
    """One answer to all orders of a note, with what it is known by at its end."""
    text = "\n\n".join(f"{code(one.line)}\n\n{words}" for one, words in said)
    room = size - len(mark) - 2
    if len(text) > room:
        # Cut between lines, so that no code span is left open.
        text = text[:room].rpartition("\n")[0]
    return f"{text}\n\n{mark}"


def misread(one: Misread) -> str:
    """What was not understood, and what would be."""
    forms = "\n".join(f"- {code(f'{WORD} {form}')}" for form in FORMS.values())
    return f"Nothing was done: {code(one.why)}. These are understood:\n\n{forms}"


def refused(why: str) -> str:
    """Who may not do it hears why, and what to do."""
    return f"Refused, and nothing was done: {code(why)}"


def heard(environment: str) -> str:
    """Somebody agreed to what is merged and waits."""
    return (
        f"Taken: {code(environment)} is tried again now. Whether that is all that it waits for, its"
        " plan says then."
    )


def looked(words: str) -> str:
    """It was looked at again."""
    return f"Looked at again: {code(words)}" if words else "It is looked at again."


def proposed(what: str, names: Sequence[str], number: int, address: str, why: str = "") -> str:
    """A merge request of ours was opened."""
    where = link(f"merge request {number}", address) or f"merge request {number}"
    listed = ", ".join(code(one) for one in names)
    because = f" ({code(why)})" if why else ""
    return (
        f"{what} {listed} is proposed in {where}{because}. It is judged like any other change, and"
        " **holds only when it is merged**."
    )


def stopped(
    names: Sequence[tuple[str, str]], branch: str, commit: str, until: str, *, done: bool
) -> str:
    """A freeze stands on the target branch. `names`: of the documents, and what they stop."""
    listed = ", ".join(f"{code(what)} ({code(name)})" for name, what in names)
    ends = f" until {code(until)}" if until else " until somebody takes it out"
    where = f", in commit {code(commit[:_SHORT])} of {code(branch)}" if done else " already"
    return f"**Frozen**{where}: {listed},{ends}. `{WORD} unfreeze` takes it out."


def resumed(names: Sequence[tuple[str, str]], branch: str, commit: str) -> str:
    """Freezes were taken out of the target branch."""
    listed = ", ".join(f"{code(what)} ({code(name)})" for name, what in names)
    return f"**May move again**: {listed}, by commit {code(commit[:_SHORT])} of {code(branch)}."


def explained(mark: str, report: CheckReport, rule: Rule | None) -> str:
    """What a rule says, and what it found here."""
    found = found_by(mark, report)
    lines = []
    if rule is not None:
        lines += [f"{code(rule.id)}: {code(rule.title)}", "", code(rule.description), ""]
        lines += [f"What mends it: {code(rule.fix)}", ""] if rule.fix else []
    if not found:
        lines.append(f"Nothing here is found by {code(mark)}.")
        known = sorted({one.finding.rule for _, one in report.judged()})[:_SHOWN]
        if known and rule is None:
            lines.append(f"Found here: {', '.join(map(code, known))}.")
        return "\n".join(lines)
    for where, one in found[:_SHOWN]:
        lines += _finding(where, one)
    if len(found) > _SHOWN:
        lines.append(f"- and {counted(len(found) - _SHOWN, 'finding')} more")
    return "\n".join(lines)


def _finding(where: str, one: Judged) -> Iterable[str]:
    finding = one.finding
    place = finding.location
    at = f"{place.path}:{place.line}" if place.line else place.path
    level = f"excepted by {code(one.waived_by)}" if one.waived_by else one.level
    yield f"- **{code(finding.rule)}** {code(finding.title)} ({finding.severity}, {level})"
    yield f"  - of {code(where)}, at {code(at)}, fingerprint {code(finding.fingerprint[:_SHORT])}"
    yield f"  - why: {code(finding.message)}"
    if finding.fix:
        yield f"  - fix: {code(finding.fix)}"
    told = link("more", finding.link)
    if told:
        yield f"  - {told}"


def found_by(mark: str, report: CheckReport) -> tuple[tuple[str, Judged], ...]:
    """Findings of a rule, or whose fingerprint begins so; the worst first."""
    return tuple(
        sorted(
            (
                (where, one)
                for where, one in report.judged()
                if one.finding.rule == mark or _begins(one, mark)
            ),
            key=lambda pair: (rank(pair[1]), pair[0]),
        )
    )


def _begins(one: Judged, mark: str) -> bool:
    shortest = 4
    return len(mark) >= shortest and one.finding.fingerprint.startswith(mark.lower())
