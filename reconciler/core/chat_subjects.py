"""What orders in notes are about, by the documents of the target branch. Pure."""

from collections.abc import Callable, Container, Iterable
from datetime import datetime
from typing import Final

from reconciler.core.approve import Somebody, key_fingerprint
from reconciler.core.authority import EARLY
from reconciler.core.chat_documents import parts
from reconciler.core.documents import parse
from reconciler.errors import ReconcilerError
from reconciler.model.check import CheckReport
from reconciler.model.desired import Loaded, Shared
from reconciler.model.documents import BY_NAME
from reconciler.model.freeze import Freeze, Scope
from reconciler.model.team import Member
from reconciler.model.waiver import Subject

_NO_WAIVER: Final = "documents"


def subject_of(rule: str, report: CheckReport, known: Callable[[str], bool]) -> Subject | str:
    """What a waiver of a rule is for: the environments in which it was found, or the findings.

    `known`: whether the target branch has an environment. One that it has not cannot be named in a
    document of it.
    """
    names, marks = set(), set()
    for decision in report.decisions:
        for one in decision.findings:
            if one.finding.rule != rule or one.waived_by:
                continue
            if one.finding.gate == _NO_WAIVER:
                return "nothing excepts a document that cannot be relied on: mend it"
            if decision.environment and known(decision.environment):
                names.add(decision.environment)
            else:
                marks.add(one.finding.fingerprint)
    if names and (marks or rule == EARLY):
        marks |= {
            one.finding.fingerprint
            for decision in report.decisions
            for one in decision.findings
            if one.finding.rule == rule and not one.waived_by
        }
    if marks and rule == EARLY:
        # Just what waits, and nothing that is brought later.
        return Subject.model_validate(
            {"environments": tuple(sorted(names)), "fingerprints": tuple(sorted(marks))}
        )
    if marks:
        return Subject.model_validate({"fingerprints": tuple(sorted(marks))})
    if names:
        return Subject.model_validate({"environments": tuple(sorted(names))})
    return f"nothing here is found by {rule}: there is nothing to except"


def sound(path: str, text: str, kind: str) -> None:
    """Nothing is written that the target branch could not read."""
    _, faults = parse(path, text.encode(), BY_NAME[kind])
    if faults:
        raise ReconcilerError(
            "bad-document", f"it would be no good {kind}: {faults[0]}", hint="say it in other words"
        )


def member_of(who: Somebody, team: str, shared: Shared) -> Member:
    """The person in that team's document."""
    for one in shared.teams[team].document.spec.members:
        marks = {("email", one.email.strip().lower()), ("id", str(one.forge_id))}
        marks |= {("key", key_fingerprint(key)) for key in one.keys}
        if marks & who.marks:
            return one
    raise ReconcilerError("no-member", f"{who.name} is not in {team} any more", hint="ask again")


def freezes_at(shared: Shared) -> set[str]:
    """Where freezes lie."""
    return {one.path for one in shared.freezes.values()}


def standing(
    scopes: Iterable[Scope], freezes: Iterable[Loaded[Freeze]], now: datetime
) -> tuple[Loaded[Freeze], ...]:
    """The freezes of just these scopes that have not come to their end."""
    wanted = set(map(parts, scopes))
    return tuple(
        one
        for one in sorted(freezes, key=lambda one: one.path)
        if parts(one.document.spec.scope) in wanted
        and (one.document.spec.expires is None or now <= one.document.spec.expires)
    )


def absent(scope: Scope, shared: Shared, environments: Container[str]) -> str:
    """Why there is nothing of that scope; empty: there is."""
    kind, name = parts(scope)
    known = {
        "track": shared.profiles,
        "agent": shared.agents,
        "environment": environments,
    }.get(kind)
    return "" if known is None or name in known else f"there is no {kind} {name}"


def scope_words(one: Loaded[Freeze]) -> str:
    """What a freeze stops, for people."""
    return " ".join(parts(one.document.spec.scope)).rstrip()
