"""A decision as it may leave this process: no text in it holds what looks like a secret.

Messages quote what somebody wrote, and names of files and people are what somebody chose.
"""

from dataclasses import replace

from reconciler.core.redact import hidden
from reconciler.model.decision import Decision, Judged, Silence
from reconciler.model.finding import Finding
from reconciler.model.problem import Problem


def veiled(decision: Decision) -> Decision:
    """The same decision, safe to show, to write and to keep."""
    return replace(
        decision,
        findings=tuple(_judged(one) for one in decision.findings),
        reasons=tuple(hidden(one) for one in decision.reasons),
        approvals=tuple(replace(one, why=hidden(one.why)) for one in decision.approvals),
        silent=tuple(_silence(one) for one in decision.silent),
    )


def veiled_problem(one: Problem) -> Problem:
    """The same problem, safe to show."""
    return replace(
        one,
        path=hidden(one.path),
        message=hidden(one.message),
        expected=hidden(one.expected),
        suggestion=hidden(one.suggestion),
    )


def _judged(one: Judged) -> Judged:
    return replace(one, finding=_finding(one.finding))


def _finding(one: Finding) -> Finding:
    return replace(
        one,
        message=hidden(one.message),
        fix=hidden(one.fix),
        resource=hidden(one.resource),
        location=replace(one.location, path=hidden(one.location.path)),
    )


def _silence(one: Silence) -> Silence:
    return replace(one, why=hidden(one.why), hint=hidden(one.hint))
