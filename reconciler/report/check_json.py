"""A check as JSON: everything that the report holds (docs/output.md)."""

from collections.abc import Iterable
from typing import Any

from reconciler.model.approval import Approval
from reconciler.model.base import format_timestamp
from reconciler.model.check import CheckReport, Impact
from reconciler.model.decision import ApprovalNeed, Decision, Judged
from reconciler.model.difference import Difference
from reconciler.model.story import Story
from reconciler.report.as_json import document
from reconciler.report.difference import as_fields


def checked(report: CheckReport) -> str:
    """`reconciler check`."""
    impact = report.impact
    return document(
        "Check",
        base=report.base,
        head=report.head,
        now=format_timestamp(report.now),
        verdict=str(report.verdict),
        engines=dict(report.engines),
        touched=[
            {
                "environment": one.name,
                "path": one.path,
                "effect": one.effect.value,
                "reasons": list(one.reasons),
            }
            for one in report.touched
            if report.changing
        ],
        decisions=[decided(one) for one in report.worst_first],
        impact=None
        if impact is None
        else {
            "lookedAt": impact.looked_at,
            "environments": [_impact(one) for one in impact.differing],
        },
        notes=list(report.notes),
    )


def explained(story: Story) -> str:
    """`reconciler explain`."""
    rule = story.rule
    return document(
        "Explanation",
        environment=story.decision.environment or None,
        verdict=str(story.decision.verdict),
        finding=_judged(story.judged),
        whyLevel=story.why_level,
        lines=[{"line": number, "text": text} for number, text in story.lines],
        rule=None
        if rule is None
        else {"path": rule.path, "description": rule.description, "unknown": rule.unknown},
        waiver=story.waiver or None,
    )


def refused(decision: Decision, otherwise: Difference | None = None) -> str:
    """`reconciler plan ENV` and `apply ENV`, where the decision leaves nothing to do."""
    return document("Refusal", decision=decided(decision), otherwise=as_fields(otherwise))


def decided(one: Decision) -> dict[str, Any]:
    return {
        "environment": one.environment or None,
        "verdict": str(one.verdict),
        "risk": one.risk,
        "reasons": list(one.reasons),
        "approvals": _needs(one.approvals),
        "missing": _needs(one.missing),
        "agreed": [_approval(each) for each in one.agreed],
        "disregarded": [
            {"approval": _approval(each.approval), "why": each.why} for each in one.disregarded
        ],
        "silent": [{"gate": each.gate, "why": each.why, "hint": each.hint} for each in one.silent],
        "findings": _many(one.findings),
        "inputs": dict(one.inputs),
    }


def _needs(many: Iterable[ApprovalNeed]) -> list[dict[str, Any]]:
    return [
        {
            "count": need.count,
            "teams": list(need.teams),
            "humansOnly": need.humans_only,
            "why": need.why,
        }
        for need in many
    ]


def _approval(one: Approval) -> dict[str, Any]:
    return {
        "name": one.by.name,
        "email": one.by.email or None,
        "forgeId": one.by.forge_id,
        "at": format_timestamp(one.at),
        "head": one.head,
        "plan": one.plan or None,
        "policies": one.policies,
        "reference": one.reference or None,
        "signedBy": one.signed_by or None,
    }


def _impact(one: Impact) -> dict[str, Any]:
    return {
        "environment": one.environment,
        "before": str(one.before),
        "after": str(one.after),
        "newlyFailing": _many(one.newly_failing),
        "newlyPassing": _many(one.newly_passing),
    }


def _many(many: Iterable[Judged]) -> list[dict[str, Any]]:
    return [_judged(one) for one in many]


def _judged(one: Judged) -> dict[str, Any]:
    finding = one.finding
    return {
        "fingerprint": finding.fingerprint,
        "gate": finding.gate,
        "rule": finding.rule,
        "title": finding.title,
        "severity": finding.severity,
        "category": finding.category,
        "level": one.level,
        "waivedBy": one.waived_by or None,
        "message": finding.message,
        "path": finding.location.path,
        "line": finding.location.line,
        "commit": finding.location.commit or None,
        "resource": finding.resource or None,
        "fix": finding.fix,
        "link": finding.link or None,
    }
