"""What documents, paths and owners say about a change, as findings and needs. Pure."""

from collections.abc import Collection, Iterable, Iterator
from typing import Final

from reconciler.core.authority import owners_of
from reconciler.core.decide import Law
from reconciler.core.fingerprint import fingerprint
from reconciler.core.risk import RULES
from reconciler.model.decision import ApprovalNeed
from reconciler.model.desired import Shared
from reconciler.model.environment import Environment
from reconciler.model.finding import Finding, Location
from reconciler.model.policy import Tested
from reconciler.model.problem import Problem

CONFLICT: Final = "merge-conflict"


def as_finding(problem: Problem, environment: str = "") -> Finding:
    """A problem of a document as a finding of the gate of documents."""
    fix = problem.suggestion or (f"expected: {problem.expected}" if problem.expected else "")
    return Finding(
        "documents",
        problem.code,
        "Every document can be relied on",
        "high",
        "operational",
        environment,
        problem.message,
        Location(problem.path, problem.line),
        fix or "`reconciler validate` shows all problems of the repository",
        fingerprint=fingerprint("documents", problem.code, problem.path, problem.message),
    )


def as_conflict(path: str) -> Finding:
    """A file that the target branch changed, too, so that nobody knows what merging would make."""
    message = "the target branch changed it, too, and git cannot merge the two"
    return Finding(
        "documents",
        CONFLICT,
        "A change can be merged",
        "high",
        "operational",
        "",
        message,
        Location(path),
        "merge the target branch into the branch, mend this file, commit and push",
        fingerprint=fingerprint("documents", CONFLICT, path),
    )


def as_test_finding(test: Tested) -> Finding:
    """A test of a rule that fails as the change would have it."""
    message = f"the test {test.test.name} of {test.test.rule} fails: {test.why}"
    return Finding(
        "documents",
        "policy-test",
        "Every test of every rule passes",
        "high",
        "operational",
        "",
        message,
        Location(test.test.path, test.line or test.test.line),
        "`reconciler policy test` shows it",
        fingerprint=fingerprint("documents", "policy-test", test.test.path, test.test.name),
    )


def new_problems(
    before: Iterable[Problem], after: Iterable[Problem], touched: Collection[str]
) -> tuple[Problem, ...]:
    """What a change brings: problems that were not there, and all of the files that it touches.

    Lines do not count: a problem that moved down is no new one.
    """
    known = {(one.path, one.code, one.message) for one in before}
    return tuple(
        one
        for one in after
        if one.path in touched or (one.path, one.code, one.message) not in known
    )


def laws_of(sides: Iterable[Environment | None], shared: Shared) -> tuple[Law, ...]:
    """The laws of an environment before and after; one when both are the same."""
    found: dict[tuple[str, str], Law] = {}
    for document in sides:
        profile = shared.profiles.get(document.spec.track) if document else None
        if document is not None and profile is not None:
            key = (document.spec.track, document.spec.stage)
            found[key] = Law(profile.document, document.spec.stage)
    return tuple(found[key] for key in sorted(found))


def rules_among(paths: Iterable[str]) -> tuple[str, ...]:
    """Those of the paths that judge or build environments."""
    return tuple(sorted(path for path in paths if path.startswith(RULES)))


def needs_for_rules(paths: Iterable[str], shared: Shared) -> Iterator[ApprovalNeed]:
    """Whoever owns a rule agrees to its change: nobody changes the law alone."""
    by_owner: dict[tuple[str, ...], list[str]] = {}
    for path in rules_among(paths):
        by_owner.setdefault(owners_of(path, shared), []).append(path)
    for owners, own in sorted(by_owner.items()):
        more = f" and {len(own) - 1} more" if own[1:] else ""
        yield ApprovalNeed(1, owners, humans_only=True, why=f"it changes the rules: {own[0]}{more}")
