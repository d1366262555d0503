"""A decision as it may leave this process: no text in it holds what looks like a secret.

Messages quote what somebody wrote, and names of files and people are what somebody chose.
"""

from dataclasses import replace

from reconciler.core.redact import hidden
from reconciler.model.approval import Approval, Disregarded
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
        missing=tuple(replace(one, why=hidden(one.why)) for one in decision.missing),
        agreed=tuple(_approval(one) for one in decision.agreed),
        disregarded=tuple(
            Disregarded(_approval(one.approval), hidden(one.why)) for one in decision.disregarded
        ),
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


def _approval(one: Approval) -> Approval:
    """Whoever agrees writes all of it, and may have pasted anything."""
    by = replace(one.by, name=hidden(one.by.name), email=hidden(one.by.email))
    return replace(
        one,
        by=by,
        head=hidden(one.head),
        plan=hidden(one.plan),
        policies=hidden(one.policies),
        reference=hidden(one.reference),
        signed_by=hidden(one.signed_by),
    )
