"""Plan an environment, ask the gates about the plan, decide; apply what was agreed to.

Static gates come first: nothing that they deny, and nothing that they could not judge, reaches
Terraform. The plan can only make a verdict stricter.
"""

from collections.abc import Collection, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace

from reconciler.app.check import Checked
from reconciler.app.judge import Unreadable
from reconciler.app.terraform import Planned, Site, planning
from reconciler.core.authority import EARLY
from reconciler.core.decide import Question, decide
from reconciler.core.difference import difference
from reconciler.core.imports import agreement_to, foreign
from reconciler.core.plan import risk_of_plan
from reconciler.core.risk import highest
from reconciler.core.veil import veiled
from reconciler.errors import IndeterminateError
from reconciler.model.approval import Given
from reconciler.model.decision import Decision, GateRun, Verdict
from reconciler.model.difference import Difference
from reconciler.model.merge_request import MergeRequest
from reconciler.model.plan import Plan
from reconciler.model.rendered import Rendered
from reconciler.ports import Hear

REFUSED = (Verdict.DENY, Verdict.INDETERMINATE)


@dataclass(frozen=True, slots=True)
class Refused:
    """The static gates do not let it be planned."""

    decision: Decision
    question: Question


@dataclass(frozen=True, slots=True)
class Decided:
    """A plan with the decision about it."""

    planned: Planned
    decision: Decision
    question: Question
    agreed: Plan | None = None
    """The plan that people agreed to, where it is another one and is kept."""
    request: MergeRequest | None = None
    """The merged one on which people have to agree; None: nobody can tell, or nobody has to."""

    @property
    def otherwise(self) -> Difference | None:
        """What differs from the plan that people agreed to; None: nothing, or nobody knows."""
        return difference(self.agreed, self.planned.plan) if self.agreed is not None else None


@contextmanager
def delivering(
    checked: Checked,
    name: str,
    site: Site,
    *,
    destroy: bool = False,
    hear: Hear,
    given: Given | None = None,
) -> Iterator[Refused | Decided]:
    """Judge, plan, judge the plan, decide. The environment is held until the caller is done.

    `given`: approvals that are known by now, in place of those that it was checked with. They are
    judged again beside the plan: one that was given for another plan, or for none, does not count.
    """
    question, rendered = _asked(checked, name)
    if given is not None:
        question = question.heard(given)
    if checked.change is not None and checked.change.verdict in REFUSED:
        # Who may not change it, may not have it run either.
        yield Refused(checked.change, question)
        return
    decision = before_plan(question)
    if _critical(decision):
        yield Refused(decision, question)
        return
    if decision.verdict in REFUSED and not (
        (destroy and _only_findings(decision)) or _only_early(decision)
    ):
        yield Refused(decision, question)
        return
    with planning(site, rendered, destroy=destroy, hear=hear) as planned:
        whole = with_plan(checked, name, question, planned.plan, planned.data, destroy=destroy)
        yield Decided(planned, veiled(decide(whole)), whole)


def heard(found: Decided, given: Given) -> Decided:
    """The same plan, decided about anew with what people said about it."""
    question = found.question.heard(given)
    return replace(found, decision=veiled(decide(question)), question=question)


def excused(found: Decided, rollback: int) -> Decided:
    """The same plan, decided about anew: a fast rollback stands for the approvals of the profile.

    `rollback`: its record, as `agreed_by_rollback` found it for this plan's risk and these files.
    """
    question = replace(found.question, rolled_back=rollback)
    return replace(found, decision=veiled(decide(question)), question=question)


def over(found: Decided, ended: int) -> Decided:
    """The same plan, decided about anew: an end that was announced and has come stands for people.

    `ended`: its record, as `ended_by` found it. Only where everything is destroyed.
    """
    question = replace(found.question, over=ended)
    return replace(found, decision=veiled(decide(question)), question=question)


def _asked(checked: Checked, name: str) -> tuple[Question, Rendered]:
    question, subject = checked.questions.get(name), checked.subjects.get(name)
    if question is None or subject is None:
        raise IndeterminateError(
            "not-judged",
            f"{name} could not be judged: it cannot be rendered",
            hint=f"`reconciler show {name}` says why",
            subject=name,
        )
    return question, subject.rendered


def _critical(decision: Decision) -> tuple[str, ...]:
    """Rules that found what nobody may try out: foreign providers, data sources, provisioners."""
    return tuple(
        sorted(
            {
                one.finding.rule
                for one in decision.findings
                if one.finding.gate == "policy"
                and one.finding.severity == "critical"
                and not one.waived_by
            }
        )
    )


def _only_findings(decision: Decision) -> bool:
    """Whether nothing but findings stands against it: they are no reason to keep a thing.

    A freeze is, and so is a gate that could not say.
    """
    return decision.verdict is Verdict.DENY and not any(
        reason.startswith(("frozen", "the gate")) for reason in decision.reasons
    )


def _only_early(decision: Decision) -> bool:
    """Whether nothing but time stands against it: people may look at its plan, and agree, before.

    The decision beside the plan denies it all the same.
    """
    hard = {
        one.finding.rule for one in decision.findings if one.level == "hard" and not one.waived_by
    }
    return hard == {EARLY} and _only_findings(decision)


def before_plan(question: Question) -> Decision:
    """The decision before Terraform is asked.

    However soft a profile is: what runs a program or reads a file at plan time must not get there.
    """
    decision = veiled(decide(question))
    critical = _critical(decision)
    if not critical:
        return decision
    why = f"nothing critical reaches Terraform: {', '.join(critical)}"
    return replace(decision, verdict=Verdict.DENY, reasons=(*decision.reasons, why))


def with_plan(
    checked: Checked,
    name: str,
    question: Question,
    plan: Plan,
    data: bytes | None,
    *,
    destroy: bool = False,
    said: Collection[GateRun] = (),
) -> Question:
    """The question with the plan in it.

    `said` are answers of gates that are not asked again: a replay has no plan's JSON, which holds
    secrets, and Checkov looks at nothing else.
    """
    law = question.laws[0]
    tier = risk_of_plan(plan, law.stage, law.track)
    runs, wanted = question.runs, question.wanted
    if not destroy:
        asked = replace(checked.subjects[name], plan=plan, plan_json=data, scan=not said)
        fresh = (*next(checked.judge.runs([asked], lambda _done: None)), *said)
        kept = tuple(run for run in runs if run.gate not in {one.gate for one in fresh})
        runs = (*kept, *fresh)
    else:
        # Nothing that is looked at will be there any more.
        runs = tuple(run for run in runs if run.gate not in ("policy", "checkov"))
        wanted -= {"policy", "checkov"}
    return replace(
        question,
        needs=(*question.needs, *agreement_to(plan, question.owner)),
        risk=highest((question.risk, tier)) if question.changing else tier,
        runs=_with_foreign(checked, name, runs, plan),
        wanted=wanted,
        changing=not plan.empty,
        inputs=(*question.inputs, ("plan", plan.digest), ("engine.terraform", plan.engine)),
    )


def _with_foreign(
    checked: Checked, name: str, runs: tuple[GateRun, ...], plan: Plan
) -> tuple[GateRun, ...]:
    """With what the plan takes over and must not, as something that nobody can soften or except."""
    if not any(one.importing for one in plan.changes):
        return runs
    subject = checked.subjects[name]
    try:
        declared = {one.address for one in checked.judge.terraform(subject.rendered).resources}
    except Unreadable:
        declared = set()
    loaded = subject.filled.environment
    found = foreign(plan, declared, loaded.path, loaded.document.metadata.owner)
    documents = next((one for one in runs if one.gate == "documents"), GateRun("documents"))
    told = replace(documents, findings=tuple(sorted({*documents.findings, *found})))
    return (*(one for one in runs if one.gate != "documents"), told)
