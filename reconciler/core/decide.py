"""Findings, levels, waivers, freezes, risk, approvals, now -> Decision. Pure, strict in doubt.

Adding a finding, a freeze, a law or a failed gate never makes a verdict looser; order never
matters; an expired waiver is no waiver; a gate that is wanted and did not run never allows.
"""

from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Final

from reconciler.core.approve import NOBODY, Agreement, Asked, People, agreement, is_commit
from reconciler.core.authority import EARLY
from reconciler.model.approval import Approval, Given, Person
from reconciler.model.base import GateLevel, Risk, Stage, format_timestamp
from reconciler.model.decision import (
    STRICTNESS,
    ApprovalNeed,
    Decision,
    GateRun,
    Judged,
    Silence,
    Verdict,
)
from reconciler.model.finding import Finding, Gate
from reconciler.model.freeze import Freeze
from reconciler.model.profile import Profile
from reconciler.model.waiver import Waiver

LEVELS: Final[tuple[GateLevel, ...]] = ("advisory", "soft", "hard")
"""From loosest to strictest."""
ROLLBACK: Final = "rollback"
"""The input of a decision that rests on a fast rollback: its record's number."""
EXPIRY: Final = "expiry"
"""The input of a decision to destroy what has come to its end: the number of that record."""


@dataclass(frozen=True, slots=True)
class Law:
    """A profile, and the stage that it is read for."""

    profile: Profile
    stage: Stage

    @property
    def track(self) -> str:
        """The track whose law it is."""
        return self.profile.metadata.name


@dataclass(frozen=True, slots=True)
class Question:
    """Everything that one decision rests on. What judges comes from the target branch."""

    environment: str
    """Its name; empty: the change as a whole."""
    laws: tuple[Law, ...]
    """What it is judged by: one, or two when the change moves it to another track or stage, so
    that nobody escapes a strict law by moving. None: everything is hard."""
    risk: Risk
    wanted: frozenset[Gate]
    """The gates that have to run."""
    runs: tuple[GateRun, ...]
    waivers: tuple[Waiver, ...]
    freezes: tuple[Freeze, ...]
    inputs: tuple[tuple[str, str], ...]
    now: datetime
    owner: str = ""
    """The team whose agreement is wanted where a law names none."""
    needs: tuple[ApprovalNeed, ...] = ()
    """Agreement that is wanted beside what the laws ask for."""
    changing: bool = True
    """Whether there is a change to agree to; False: a look at what is."""
    approvals: tuple[Approval, ...] = ()
    authors: tuple[Person, ...] = ()
    """Everybody who made the change. None: no approval counts, it could be their own."""
    heads: frozenset[str] = frozenset()
    """Commits that an approval may name; empty: only the input `commit.head`."""
    plans: frozenset[str] = frozenset()
    """Plans that an approval may name beside the input `plan`."""
    people: People = NOBODY
    """Who is who, by the target branch."""
    rolled_back: int | None = None
    """The record of a fast rollback that stands for what the laws' rules ask of people."""
    over: int | None = None
    """The record of its end, announced and come, that stands for the same where it is destroyed."""

    def heard(self, given: Given) -> "Question":
        """The same, with what was said about it."""
        return replace(
            self,
            approvals=given.approvals,
            authors=(*self.authors, *given.authors),
            heads=given.heads,
            plans=given.plans,
        )


def decide(question: Question) -> Decision:
    """The verdict, and every reason for it."""
    judged = tuple(
        sorted({_judge(finding, question) for run in question.runs for finding in run.findings})
    )
    reasons: list[tuple[Verdict, str]] = []
    reasons += _frozen(question)
    silent = sorted(set(_silent(question)))
    reasons += [(Verdict.INDETERMINATE, one.reason) for one in silent]
    open_findings = [one for one in judged if not one.waived_by]
    hard = [one for one in open_findings if one.level == "hard"]
    soft = [one for one in open_findings if one.level == "soft"]
    if hard:
        reasons.append((Verdict.DENY, f"hard: {_rules(hard)}"))
    needs = list(_needs(question))
    if soft:
        own = (question.owner,) if question.owner else ()
        needs.append(ApprovalNeed(1, own, humans_only=True, why=f"soft: {_rules(soft)}"))
    found = _agreement(needs, question)
    reasons += [(Verdict.NEEDS_APPROVAL, need.why) for need in found.missing]
    verdict = max((verdict for verdict, _ in reasons), key=STRICTNESS.index, default=Verdict.ALLOW)
    return Decision(
        question.environment,
        verdict,
        question.risk,
        judged,
        tuple(sorted(set(needs))),
        tuple(sorted({why for _, why in reasons})),
        tuple(sorted({*question.inputs, *_more_inputs(question)})),
        question.now,
        tuple(silent),
        found.missing,
        found.counted,
        found.disregarded,
    )


def _agreement(needs: Sequence[ApprovalNeed], question: Question) -> Agreement:
    inputs = dict(question.inputs)
    head = inputs.get("commit.head", "")
    # Files as they lie there are in no commit: whatever was approved, it was not those.
    heads = question.heads or frozenset({head})
    asked = Asked(
        heads if is_commit(head) else frozenset(),
        inputs.get("plan", ""),
        inputs.get("policies", ""),
        question.authors,
        question.now,
        question.plans,
    )
    return agreement(needs, question.approvals, asked, question.people)


def _more_inputs(question: Question) -> tuple[tuple[str, str], ...]:
    """Where there are approvals, the decision rests on who is who; or on a rollback, or an end."""
    who = (("people", question.people.digest),) if question.approvals else ()
    records = ((ROLLBACK, question.rolled_back), (EXPIRY, question.over))
    return (*who, *((name, str(one)) for name, one in records if one is not None))


def _rules(judged: Sequence[Judged]) -> str:
    return ", ".join(sorted({one.finding.rule for one in judged}))


def _judge(finding: Finding, question: Question) -> Judged:
    waivers = sorted(
        waiver.metadata.name for waiver in question.waivers if _waives(waiver, finding, question)
    )
    return Judged(finding, _level(finding, question.laws), waivers[0] if waivers else "")


def _level(finding: Finding, laws: Sequence[Law]) -> GateLevel:
    if finding.gate == "documents":
        return "hard"  # a document that cannot be relied on is nothing that a profile can soften
    if finding.rule == EARLY:
        return "hard"  # a profile that asks for `greenFor` has said so: it is not applied before
    if finding.severity == "low":
        return "advisory"
    levels = [getattr(getattr(law.profile.spec.gates, law.stage), finding.category) for law in laws]
    return max(levels, key=LEVELS.index, default="hard")


def _waives(waiver: Waiver, finding: Finding, question: Question) -> bool:
    subject = waiver.spec.subject
    tracks = {law.track for law in question.laws}
    return (
        waiver.spec.rule == finding.rule
        and finding.gate != "documents"  # what cannot be read cannot be excepted
        and question.now <= waiver.spec.expires
        and (not subject.environments or question.environment in subject.environments)
        and (not subject.tracks or (bool(tracks) and tracks <= set(subject.tracks)))
        and (not subject.fingerprints or finding.fingerprint in subject.fingerprints)
        and (
            not subject.resources
            or finding.resource in subject.resources
            or finding.location.path in subject.resources
        )
    )


def _frozen(question: Question) -> Iterable[tuple[Verdict, str]]:
    if not question.environment:
        return  # else nothing could be merged any more, and not even a freeze be taken out
    tracks = {law.track for law in question.laws}
    still = standing_still(question.freezes, question.environment, tracks, question.now)
    for freeze in still:
        until = freeze.spec.expires
        ends = f"until {format_timestamp(until)}" if until else "until somebody takes it out"
        since = f"since {format_timestamp(freeze.spec.since)}"
        who = f"frozen by {freeze.metadata.owner} {since}"
        yield (Verdict.DENY, f"{who} {ends}: {freeze.spec.reason}")


def standing_still(
    freezes: Iterable[Freeze], environment: str, tracks: Collection[str], now: datetime
) -> Iterator[Freeze]:
    """The freezes that hold an environment at a time."""
    for freeze in freezes:
        scope, until = freeze.spec.scope, freeze.spec.expires
        if now < freeze.spec.since or (until is not None and until < now):
            continue
        if scope.everything or scope.track in tracks or scope.environment == environment:
            yield freeze


def _silent(question: Question) -> Iterable[Silence]:
    ran = {run.gate for run in question.runs}
    for gate in question.wanted - ran:
        yield Silence(gate, "")
    for run in question.runs:
        if run.failure:
            yield Silence(run.gate, run.failure, run.hint)


def _needs(question: Question) -> Iterable[ApprovalNeed]:
    if not question.changing:
        return
    yield from question.needs
    if question.rolled_back is not None or question.over is not None:
        return
    own = (question.owner,) if question.owner else ()
    for law in question.laws:
        for rule in law.profile.spec.approvals:
            if law.stage in rule.stages and question.risk in rule.risks:
                why = f"a change of risk {question.risk} at the stage {law.stage}"
                teams = tuple(sorted(rule.teams)) or own
                yield ApprovalNeed(rule.count, teams, rule.humans_only, why)
