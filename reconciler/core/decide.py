"""Findings, levels, waivers, freezes, risk, now -> Decision. Pure, and strict in every doubt.

Adding a finding, a freeze or a failed gate never makes a verdict looser; order never matters; an
expired waiver is no waiver; a gate that is wanted and did not run never allows.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime

from reconciler.model.base import GateLevel, Risk, format_timestamp
from reconciler.model.decision import (
    STRICTNESS,
    ApprovalNeed,
    Decision,
    GateRun,
    Judged,
    Verdict,
)
from reconciler.model.environment import Environment
from reconciler.model.finding import Finding, Gate
from reconciler.model.freeze import Freeze
from reconciler.model.profile import Profile
from reconciler.model.waiver import Waiver


@dataclass(frozen=True, slots=True)
class Question:
    """Everything that one decision rests on. What judges comes from the target branch."""

    environment: Environment
    profile: Profile
    risk: Risk
    wanted: frozenset[Gate]
    """The gates that have to run."""
    runs: tuple[GateRun, ...]
    waivers: tuple[Waiver, ...]
    freezes: tuple[Freeze, ...]
    inputs: tuple[tuple[str, str], ...]
    now: datetime


def decide(question: Question) -> Decision:
    """The verdict, and every reason for it."""
    judged = tuple(
        sorted({_judge(finding, question) for run in question.runs for finding in run.findings})
    )
    reasons: list[tuple[Verdict, str]] = []
    reasons += _frozen(question)
    reasons += _gates(question)
    open_findings = [one for one in judged if not one.waived_by]
    hard = [one for one in open_findings if one.level == "hard"]
    soft = [one for one in open_findings if one.level == "soft"]
    if hard:
        reasons.append((Verdict.DENY, f"{len(hard)} that the profile makes hard: {_rules(hard)}"))
    needs = list(_needs(question))
    if soft:
        needs.append(ApprovalNeed(1, (), True, f"soft: {_rules(soft)}"))  # noqa: FBT003  # humans
    reasons += [(Verdict.NEEDS_APPROVAL, need.why) for need in needs]
    verdict = max((verdict for verdict, _ in reasons), key=STRICTNESS.index, default=Verdict.ALLOW)
    return Decision(
        question.environment.metadata.name,
        verdict,
        question.risk,
        judged,
        tuple(sorted(set(needs))),
        tuple(sorted({why for _, why in reasons})),
        tuple(sorted(set(question.inputs))),
        question.now,
    )


def _rules(judged: Sequence[Judged]) -> str:
    return ", ".join(sorted({one.finding.rule for one in judged}))


def _judge(finding: Finding, question: Question) -> Judged:
    levels = getattr(question.profile.spec.gates, question.environment.spec.stage)
    # A document that cannot be relied on is nothing that a profile can soften.
    hard = finding.gate == "documents"
    level: GateLevel = "hard" if hard else getattr(levels, finding.category)
    waivers = sorted(
        waiver.metadata.name for waiver in question.waivers if _waives(waiver, finding, question)
    )
    return Judged(finding, level, waivers[0] if waivers else "")


def _waives(waiver: Waiver, finding: Finding, question: Question) -> bool:
    subject = waiver.spec.subject
    metadata, spec = question.environment.metadata, question.environment.spec
    return (
        waiver.spec.rule == finding.rule
        and question.now <= waiver.spec.expires
        and (not subject.environments or metadata.name in subject.environments)
        and (not subject.tracks or spec.track in subject.tracks)
        and (
            not subject.resources
            or finding.resource in subject.resources
            or finding.location.path in subject.resources
        )
    )


def _frozen(question: Question) -> Iterable[tuple[Verdict, str]]:
    metadata, spec = question.environment.metadata, question.environment.spec
    for freeze in question.freezes:
        scope, until = freeze.spec.scope, freeze.spec.expires
        if question.now < freeze.spec.since or (until is not None and until < question.now):
            continue
        if scope.everything or scope.track == spec.track or scope.environment == metadata.name:
            ends = f"until {format_timestamp(until)}" if until else "until somebody takes it out"
            yield (
                Verdict.DENY,
                f"frozen by {freeze.metadata.owner} {ends}: {freeze.spec.reason}",
            )


def _gates(question: Question) -> Iterable[tuple[Verdict, str]]:
    ran = {run.gate for run in question.runs}
    for gate in question.wanted - ran:
        yield Verdict.INDETERMINATE, f"the gate {gate} did not run"
    for run in question.runs:
        if run.failure:
            hint = f" ({run.hint})" if run.hint else ""
            yield Verdict.INDETERMINATE, f"the gate {run.gate} could not say: {run.failure}{hint}"


def _needs(question: Question) -> Iterable[ApprovalNeed]:
    stage = question.environment.spec.stage
    for rule in question.profile.spec.approvals:
        if stage in rule.stages and question.risk in rule.risks:
            why = f"a change of risk {question.risk} at the stage {stage}"
            yield ApprovalNeed(rule.count, tuple(sorted(rule.teams)), rule.humans_only, why)
