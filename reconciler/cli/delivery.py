"""Delivering an environment: what `apply`, `destroy` and the controller have in common.

Judge, plan, judge the plan, agree, apply, record. Who attends it is shown each step, and may stop
it before anything is done; nothing here asks anybody by itself.
"""

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from datetime import timedelta
from pathlib import Path
from typing import Protocol

from reconciler.app.check import Checked
from reconciler.app.deliver import Decided, delivering
from reconciler.app.deployments import Telling
from reconciler.app.doubt import sure_of
from reconciler.app.environment import whole
from reconciler.app.freezes import frozen, let_go
from reconciler.app.held import Past, excepted, is_excepted, look, refuse
from reconciler.app.law import Law
from reconciler.app.leases import Held, holding
from reconciler.app.record import Recorder, recorded_apply, recorded_nothing, settle_cut_off
from reconciler.app.telemetry import NullTelemetry, step
from reconciler.cli.agreeing import agreed_to
from reconciler.cli.building import (
    Declared,
    building_of,
    declared,
    declared_tree,
    only_agreed,
    standing,
    stopping_well,
)
from reconciler.cli.bypass import made_by, refuse_bypass
from reconciler.cli.recording import record_refusal, recorder_of, refusal_noted
from reconciler.cli.screen import progress
from reconciler.core.records.facts import Action
from reconciler.core.records.refusals import hurried
from reconciler.core.redact import Redactor
from reconciler.errors import ReconcilerError, TransientError, UsageError, WaitingError
from reconciler.model.base import format_timestamp
from reconciler.model.decision import Decision, Verdict
from reconciler.model.difference import Difference
from reconciler.model.life import Waiting
from reconciler.model.merge_request import Deployment, DeploymentState, MergeRequest
from reconciler.model.order import Agrees
from reconciler.model.plan import Plan
from reconciler.model.record import Stood
from reconciler.model.run import Outcome
from reconciler.model.settings import SettingsSpec
from reconciler.ports import Hear, RepoTree, Telemetry
from reconciler.report import late
from reconciler.wiring import Ports


class Attendant(Protocol):
    """Who is there while an environment is delivered."""

    def hearing(self, redact: Redactor) -> Hear:
        """What hears of each resource as it happens."""
        ...

    def planned(self, found: Decided, *, may: bool) -> None:
        """Sees the plan, and what stands in its way."""
        ...

    def agree(self, plan: Plan) -> None:
        """Agrees to just this plan, or raises."""
        ...

    def said(self, words: str) -> None:
        """Is told something beside."""
        ...


@dataclass(frozen=True, slots=True)
class Wish:
    """What is to be delivered."""

    environment: str
    rev: str | None
    """A commit; None: the last one of the target branch."""
    sandbox: bool
    destroy: bool = False
    make_again: tuple[str, ...] = ()
    """Addresses that are made though an earlier apply began to."""
    removal: Waiting | None = None
    """What took its document out, where it is destroyed for that."""
    alone: bool = False
    """Whether nobody asked for it but the controller: in the sandbox, too, gates hold then."""

    @property
    def action(self) -> Action:
        """What it is, in records."""
        return "destroy" if self.destroy else "apply"


@dataclass(frozen=True, slots=True)
class Delivered:
    """What came of it."""

    decision: Decision
    outcome: Outcome | None = None
    """None: it may not be."""
    settled: tuple[Outcome, ...] = ()
    """What came of runs that were cut off."""
    nothing: bool = False
    """Whether there was nothing to do."""
    otherwise: Difference | None = None
    """How the plan differs from the one that people agreed to, where it is known."""
    agree: str = ""
    """How people agree to it, where they may and have not."""
    files: str = ""
    """Digest of what it renders to, where it may not be."""
    awaits: int = 0
    """The merged merge request on which they do; 0: none."""
    unrecorded: ReconcilerError | None = None
    """Why what was done could not be recorded; the next one does that."""


def deliver(
    ports: Ports, repo: Path, wish: Wish, who: Attendant, telemetry: Telemetry | None = None
) -> Delivered:
    """All of it, once. An error when it could not be told whether it may be."""
    for _ in range(2):
        found = _delivered(ports, repo, wish, who, telemetry or NullTelemetry())
        if found is not None:
            return found
    raise TransientError(
        "cut-off-again",
        f"applies of {wish.environment} are cut off all the time",
        hint="look at what ends them: `reconciler audit log`",
        subject=wish.environment,
    )


def _delivered(
    ports: Ports, repo: Path, wish: Wish, who: Attendant, measured: Telemetry
) -> Delivered | None:
    """None: somebody's apply was found cut off, and has to be known before anything is planned."""
    name, sandbox = wish.environment, wish.sandbox
    tree = declared_tree(ports, repo, wish.rev)
    settings = None if sandbox else _agreed_settings(ports, repo, tree, name, wish.action)
    one = declared(ports, tree, name, settings)
    recorder = replace(_recorder(ports, repo, tree, one, sandbox=sandbox), telemetry=measured)
    telling = None if sandbox else _telling(ports, repo, one)
    with ExitStack() as stack:
        held = stack.enter_context(leased(ports, repo, one.spec, recorder, name, wish))
        with step(measured, "judge", tree.revision, environment=name):
            if (wish.alone or not sandbox) and not wish.destroy:
                refuse_bypass(ports, repo, one, recorder, who.said)
            checked = stack.enter_context(
                standing(ports, repo, tree.revision, name, simulated=sandbox)
            )
            if not (sandbox or wish.destroy):
                checked = _with_exceptions(checked, name, recorder)
        stack.enter_context(stopping_well(ports))
        building = building_of(ports, repo, one, simulated=sandbox)
        gone = building.site.gone(name)
        if gone and not wish.alone:  # the controller says so of all of them at once
            who.said(f"Nothing of {name} is there any more: {gone}.")
        hear = who.hearing(Redactor())
        with step(measured, "plan", tree.revision, environment=name), progress("planning"):
            found = stack.enter_context(
                delivering(checked, name, building.site, destroy=wish.destroy, hear=hear)
            )
        if isinstance(found, Decided) and _heard_there(one, wish):
            said = _unheard if sandbox else who.said  # there it holds up nothing
            found = agreed_to(ports, repo, one, recorder, found, wish.removal, said)
        decision = found.decision
        may = _may(decision, sandbox=sandbox)
        if not isinstance(found, Decided):
            recorder.decided(decision, found.question, action=wish.action)
            return Delivered(decision, files=one.rendered.digest)
        plan, settled = found.planned.plan, found.planned.before
        settle_cut_off(recorder, found, tree.revision)
        # The lease is ours: whoever began an apply that is still open is at it no more.
        if recorder.settle(tree.revision, name, "its holder's lease had ended") is not None:
            return None
        who.planned(found, may=may)
        if not may:
            recorder.decided(
                decision, found.question, plan, action=wish.action, agreed=found.agreed
            )
            awaits = _agreeing(found, wish)
            return Delivered(
                decision,
                settled=settled,
                otherwise=found.otherwise,
                agree=_how(one, found, wish),
                files=one.rendered.digest,
                awaits=awaits.number if awaits is not None else 0,
            )
        if not (sandbox or wish.destroy):
            _held_to_promotion(ports, repo, tree, one, recorder, decision, who.said)
        if plan.empty:
            outcome = _nothing(found)
            recorded_nothing(recorder, found, one.rendered, wish.action, outcome, held)
            return Delivered(decision, outcome, settled, nothing=True)
        refuse_frozen(ports, repo, one, recorder)
        _merged_for(ports, repo, tree.revision, recorder, measured)
        sure = sure_of(found.planned, building.cloud, wish.make_again)
        who.agree(plan)
        with step(measured, wish.action, tree.revision, environment=name):
            outcome, unrecorded = recorded_apply(
                recorder,
                found,
                one.rendered,
                wish.action,
                who.hearing(found.planned.redact),
                sure,
                telling or _nobody,
                held,
            )
    if telling is not None and telling.untold:
        who.said(f"The forge was not told what became of this: {telling.untold}")
    return Delivered(decision, outcome, settled, unrecorded=unrecorded)


def _recorder(
    ports: Ports, repo: Path, tree: RepoTree, one: Declared, *, sandbox: bool
) -> Recorder:
    """The history may rest on newer commits of the target branch than what is applied again."""
    newest = tree if sandbox else declared_tree(ports, repo, None)
    return recorder_of(ports, repo, newest, one.spec, simulated=sandbox)


def _telling(ports: Ports, repo: Path, one: Declared) -> Telling | None:
    """Tells a server of an apply; None: the forge is this repository, whose records tell."""
    if one.spec.forge.kind == "local":
        return None
    about = Deployment(
        one.name, one.revision, one.spec.branches.target, "running", one.stage == "production"
    )
    return Telling(lambda: ports.forge(repo, one.spec), about)


def _nobody(_state: DeploymentState) -> None:
    """There is nobody to tell."""


def _unheard(_words: str) -> None:
    """It makes no difference to anybody."""


def _heard_there(one: Declared, wish: Wish) -> bool:
    """Whether people are asked for their agreement, or it is only to be recorded who gave it.

    In the sandbox nobody has to agree. Who did, stands in the decision all the same, where that is
    in this repository: nothing of a sandbox asks a server.
    """
    return not wish.sandbox or (one.spec.forge.kind == "local" and not wish.destroy)


def _agreed_settings(
    ports: Ports, repo: Path, tree: RepoTree, environment: str, action: Action
) -> SettingsSpec:
    try:
        return only_agreed(ports, repo, tree)
    except UsageError as refused:
        if refused.reason == "not-agreed":
            what = f"{action} {environment} as {tree.revision[:12]} has it"
            record_refusal(ports, repo, tree, environment, what, refused)
        raise


@contextmanager
def leased(
    ports: Ports, repo: Path, spec: SettingsSpec, recorder: Recorder, name: str, what: "Wish | str"
) -> Iterator[Held]:
    """Nobody else works on the environment meanwhile, on whatever machine."""
    reason = what if isinstance(what, str) else what.action
    with holding(
        ports.leases(repo, spec, simulated=recorder.simulated),
        name,
        reason,
        ports.holder("reconciler"),
        fence_after=recorder.records.count(),
        lasts=spec.controller.leases.lasts,
        clock=recorder.clock,
    ) as held:
        yield held


def _merged_for(
    ports: Ports, repo: Path, commit: str, recorder: Recorder, telemetry: Telemetry
) -> None:
    """How long ago what is applied was merged; what is old is applied for other reasons."""
    passed = recorder.clock() - ports.commits(repo).commit(commit).committed
    if timedelta() <= passed < timedelta(hours=1):
        telemetry.took("merge_to_apply", passed.total_seconds())


def refuse_frozen(ports: Ports, repo: Path, one: Declared, recorder: Recorder) -> None:
    """Right before the deed: nothing holds it by the target branch as everybody has it now."""
    ports.fetch_branch(repo, one.spec.branches.target, one.spec)
    tree = declared_tree(ports, repo, None)
    found = frozen(tree, one.name, recorder.clock(), (one.track,))
    if found is None:
        let_go(recorder, Law.of(tree))
        return
    until = found.spec.expires
    raise WaitingError(
        "frozen",
        f"{one.name} stands still by {found.metadata.name}: {found.spec.reason}",
        hint=f"it ends by itself at {format_timestamp(until)}"
        if until
        else "`reconciler unfreeze` lets it move again",
        subject=one.name,
    )


def _nothing(found: Decided) -> Outcome:
    """What an apply comes to that has nothing to do."""
    plan, state = found.planned.plan, found.planned.state
    mark = state.mark if state else None
    outputs = state.outputs if state else ()
    done = Outcome(plan.environment, "done", plan.digest, (), (), (), (), (), mark, plan.engine)
    return replace(done, outputs=outputs)


def _past(recorder: Recorder) -> Past | None:
    at = recorder.records.tip()
    return Past(recorder.records, recorder.commits, at) if at else None


def _with_exceptions(checked: Checked, name: str, recorder: Recorder) -> Checked:
    """With what would be too early, and a waiver lets through: the decision has to tell."""
    question, subject = checked.questions.get(name), checked.subjects.get(name)
    if question is None or subject is None:
        return checked
    found = excepted(question, subject.filled, _past(recorder))
    return replace(checked, questions={**checked.questions, name: found})


def _held_to_promotion(
    ports: Ports,
    repo: Path,
    tree: RepoTree,
    one: Declared,
    recorder: Recorder,
    decision: Decision,
    said: Callable[[str], None],
) -> None:
    """What did not do well where it should have run first goes no further, and that is recorded.

    Unless a waiver excepts just that, which the decision tells.
    """
    past, filled = _past(recorder), whole(tree, one.name)
    rules = (filled.profile.document,)
    found = look(past, filled, rules, recorder.clock()) if past is not None else None
    if found is None or found.early is None or is_excepted(decision, found.early):
        return
    try:
        refuse(found.early)
    except WaitingError as refused:
        commit = ports.makings(repo).brought(tree.revision, one.name, one.path)
        what = hurried(commit, one.name, refused.reason)
        law = declared_tree(ports, repo, None).revision
        who = made_by(ports.commits(repo), commit)
        stood = Stood(one.rendered.digest, who, passes=True)
        refusal_noted(recorder, one.name, law, commit, what, refused.message, stood, said)
        raise


def _agreeing(found: Decided, wish: Wish) -> MergeRequest | None:
    """The merged one on which people have to agree; None: there is none, or nobody has to."""
    waits = found.decision.verdict is Verdict.NEEDS_APPROVAL
    return found.request if waits and not wish.destroy else None


def _how(one: Declared, found: Decided, wish: Wish) -> str:
    """How people agree to what waits for them and is merged."""
    request, plan = _agreeing(found, wish), found.planned.plan.digest
    if request is None:
        return ""
    policies = dict(found.decision.inputs).get("policies", "")
    note = None
    if one.spec.forge.kind != "local":
        note = Agrees(one.name, request.head, plan, policies)
    return late.how(one.name, plan, request=request.number, note=note)


def _may(decision: Decision, *, sandbox: bool) -> bool:
    allowed = {Verdict.ALLOW, Verdict.NEEDS_APPROVAL} if sandbox else {Verdict.ALLOW}
    return decision.verdict in allowed
