"""Small words that every text uses."""

import unicodedata
from collections.abc import Iterable

from reconciler.model.approval import Approval, Disregarded, Person
from reconciler.model.base import format_timestamp
from reconciler.model.decision import ApprovalNeed, Decision, Judged
from reconciler.model.finding import Finding

_LEVELS = ("hard", "soft", "advisory")
_SEVERITIES = ("critical", "high", "medium", "low")
_SHORT = 12
_UNSEEN = {"Cc", "Cf", "Cs", "Co", "Zl", "Zp"}


def printable(text: str, *, lines: bool = False) -> str:
    """Text that cannot move a terminal's cursor, hide what it says, or pass for a line of ours.

    `lines` keeps line breaks: only for whole files, never for a part of a sentence.
    """
    if text.isascii() and text.isprintable():
        return text
    return "".join(
        char
        if (char == "\n" and lines) or unicodedata.category(char) not in _UNSEEN
        else char.encode("unicode_escape").decode()
        for char in text
    )


def counted(number: int, word: str) -> str:
    """`1 problem`, `2 problems`."""
    if number == 1:
        return f"1 {word}"
    return f"{number:,} {word[:-1]}ies" if word.endswith("y") else f"{number:,} {word}s"


def size(count: int) -> str:
    """Bytes for people."""
    return f"{count} B" if count < 1024 else f"{count / 1024:.1f} KiB"  # noqa: PLR2004  # a KiB


def need_words(need: ApprovalNeed) -> str:
    """Whose agreement is wanted, and why."""
    kind = "person" if need.count == 1 else "people"
    agents = "" if need.humans_only else " (agents count too)"
    return f"needs {need.count} {kind} of {_teams(need)}{agents}: {_why(need)}"


def missing_words(decision: Decision) -> tuple[str, ...]:
    """Whose agreement is still missing; in short where nobody has agreed yet."""
    return tuple(
        need_words(need) if need in decision.approvals else _more_words(need)
        for need in decision.missing
    )


def _more_words(need: ApprovalNeed) -> str:
    kind = "a human" if need.count == 1 else "humans"
    kind = kind if need.humans_only else "agents count too"
    more = f"{counted(need.count, 'more approval')} of {_teams(need)}, {kind}"
    return f"needs {more}: {_why(need)}"


def _teams(need: ApprovalNeed) -> str:
    return " or ".join(need.teams) if need.teams else "the owner's team"


def _why(need: ApprovalNeed) -> str:
    return need.why.replace("soft: ", "findings that are soft: ")


def agreed_words(one: Approval) -> str:
    """Who agreed, when and where."""
    where = f", {one.reference}" if one.reference else ""
    return f"agreed: {_person(one.by)}, {format_timestamp(one.at)}{where}"


def disregarded_words(one: Disregarded) -> str:
    """Whose approval does not count, why, and what to do."""
    return f"does not count: {_person(one.approval.by)}: {one.why}"


def _person(one: Person) -> str:
    known = one.name or one.email
    return known or ("somebody" if one.forge_id is None else f"user {one.forge_id}")


def rules_words(many: Iterable[Judged]) -> str:
    """The rules of findings, each once, with what they weigh."""
    return ", ".join(sorted({f"{one.finding.rule} ({one.level})" for one in many}))


def rank(one: Judged) -> tuple[object, ...]:
    """The worst first; what is waived last."""
    finding = one.finding
    return (
        bool(one.waived_by),
        _LEVELS.index(one.level),
        _SEVERITIES.index(finding.severity),
        finding.location.path,
        finding.location.line,
        finding.rule,
        finding.resource,
    )


def place(finding: Finding) -> str:
    """`path:line`, with the commit for history."""
    where = finding.location
    shown = f"{where.path}:{where.line}" if where.line else where.path
    shown += " (rendered)" if finding.rendered else ""
    return f"{shown} in commit {where.commit[:_SHORT]}" if where.commit else shown
