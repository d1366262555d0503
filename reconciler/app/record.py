"""Record what happens: the intent before the deed, the outcome after, and nothing twice.

What a record rests on is read from what is true right before it is written; a decision that
changes nothing is not written again.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Final

from reconciler.app.bench import trees_of
from reconciler.app.deliver import Decided
from reconciler.app.leases import Held
from reconciler.app.records import Records, StatusOf
from reconciler.app.telemetry import NullTelemetry, passed_on
from reconciler.app.terraform import apply
from reconciler.core.decide import Question
from reconciler.core.measures import counted_in
from reconciler.core.records.facts import (
    DECISION,
    PLAN,
    Action,
    Body,
    Files,
    decision_body,
    decision_files,
    drift_body,
    drift_files,
    ended_body,
    ended_files,
    gone_body,
    override_body,
    policy_body,
    refusal_body,
    started_body,
    waived_in,
    waiver_bodies,
)
from reconciler.core.records.plan import plan_of
from reconciler.core.records.standing import Status, faster, refused_of
from reconciler.core.records.story import read_status
from reconciler.errors import ReconcilerError, WaitingError
from reconciler.model.approval import Given
from reconciler.model.base import format_timestamp
from reconciler.model.decision import Decision
from reconciler.model.drift import Drift
from reconciler.model.merge_request import DeploymentState
from reconciler.model.plan import Plan
from reconciler.model.record import Actor, Draft, Program, Recorded, Refusal, Stood
from reconciler.model.rendered import Rendered
from reconciler.model.run import Diagnostic, Outcome
from reconciler.ports import Hear, Snapshots, Telemetry
from reconciler.report.check_json import decided as as_fields

_SHOWN: Final[Mapping[str, DeploymentState]] = {
    "done": "success",
    "failed": "failed",
    "interrupted": "canceled",
}
_SKEW: Final = timedelta(hours=1)
"""Clocks of forges and of machines that write records differ by less."""


@dataclass(frozen=True, slots=True)
class Intent:
    """An apply that is about to begin, or has begun."""

    environment: str
    commit: str
    action: Action
    plan: Plan
    started: Recorded
    run: str
    law: str
    """The commit whose rules allowed it."""

    @property
    def kinds(self) -> Mapping[str, str]:
        """What was planned for each address."""
        return {one.address: one.kind for one in self.plan.changes}


@dataclass(frozen=True)
class Recorder:
    """Writes the records of one program at one time."""

    records: Records
    commits: Snapshots
    actor: Actor
    program: Program
    clock: Callable[[], datetime]
    new_id: Callable[[], str]
    simulated: bool
    telemetry: Telemetry = field(default_factory=NullTelemetry)
    _laws: dict[str, dict[str, str]] = field(default_factory=dict)

    def decided(
        self,
        decision: Decision,
        question: Question,
        plan: Plan | None = None,
        *,
        action: Action = "check",
        began: str | None = None,
        agreed: Plan | None = None,
    ) -> Recorded:
        """A decision, and the waivers that it uses for the first time.

        One that says what the last one said about the same commit and plan is not written again.
        `agreed`: the plan that people agreed to, where it is another one.
        """
        name = decision.environment
        fields = as_fields(decision)
        law = question.laws[0] if question.laws else None
        body = decision_body(
            decision,
            fields,
            question.runs,
            plan,
            Given((), question.authors, question.heads, question.plans),
            action=action,
            began=began,
            place=(law.track, law.stage, question.owner) if law else ("", "", ""),
            agreed=agreed,
        )
        files = decision_files(fields, plan, agreed) if name else {}
        before = self.records.file(name, DECISION) if name else None
        known = self.records.status(name).get("decision", {}) if before else {}
        if before == files.get(DECISION) and known.get("action") == action:
            kept = self.records.ancestor(self.records.tip(), known["record"])
            if kept is not None:
                return Recorded(kept.commit, known["record"], kept.digest)
        used = waived_in(read_status(before)) if before else set()
        (made,) = self._write(name, body["target"], [(body, files)])
        waivers = waiver_bodies(decision, question.waivers, used, made.sequence)
        if waivers:
            self._write(name, body["target"], [(one, {}) for one in waivers])
        return made

    def starting(
        self,
        decision: Recorded,
        plan: Plan,
        commit: str,
        action: Action,
        run: str,
        law: str = "",
        *,
        fence: int | None = None,
        holder: str = "",
    ) -> Intent:
        """The intent. Nothing is applied when it cannot be written, or when one is open already.

        `law`: the commit whose rules allowed it, when it is another one than what is applied. When
        other rules were taken into use meanwhile, what they allowed allows nothing any more.
        `fence`, `holder`: of the lease; another apply that began since it was taken was faster.
        """
        name, law = plan.environment, law or commit
        body = started_body(plan, commit, decision.sequence, action, fence, holder)
        trees = self._trees(law)

        def free(status: StatusOf) -> None:
            _refuse_open(name, status(name))
            if fence is not None:
                _refuse_late(name, faster(status(name), fence, holder))
            if not self.simulated and status("").get("policy", {}).get("trees") != trees:
                raise _outdated(law)

        (made,) = self._write(name, law, [(body, {})], run=run, check=free, durable=True)
        return Intent(name, commit, action, plan, made, run, law)

    def ended(self, intent: Intent, outcome: Outcome, rendered: Rendered) -> Recorded:
        """The outcome. An error where somebody else has told how it ended: that stands."""
        body = ended_body(
            outcome,
            intent.kinds,
            commit=intent.commit,
            started=intent.started.sequence,
            action=intent.action,
            files=rendered.digest,
        )
        files = ended_files(outcome, rendered, intent.action)
        name = intent.environment
        check = _still_open(name, intent.started.sequence)
        (made,) = self._write(
            name, intent.law, [(body, files)], run=intent.run, check=check, durable=True
        )
        return made

    def cut_off(self, law: str, name: str, outcomes: Sequence[tuple[str, Outcome]]) -> None:
        """What came of applies that nobody saw the end of: by run, found out by whoever came next.

        Only what a record says has begun is told: anything else was never meant to be one.
        """
        for run, outcome in outcomes:
            open_one = self.records.status(name).get("applying")
            if open_one is None or open_one.get("run") != run:
                continue
            body = ended_body(
                outcome,
                {},
                commit=open_one["commit"],
                started=open_one["record"],
                action=open_one["action"],
            )
            check = _still_open(name, open_one["record"])
            self._write(name, law, [(body, {})], run=run, check=check, durable=True)

    def settle(self, law: str, name: str, because: str) -> Recorded | None:
        """An apply that began on a machine that is gone: what became of it the next plan tells.

        Only for whoever knows that nobody is at it any more.
        """
        open_one = self.records.status(name).get("applying")
        if open_one is None:
            return None
        told = Diagnostic("warning", "nobody knows what it did", because)
        unknown = self._planned_to_make(name, open_one["plan"])
        outcome = Outcome(
            name, "interrupted", open_one["plan"], (), (), (), unknown, (told,), None, ""
        )
        body = ended_body(
            outcome,
            {},
            commit=open_one["commit"],
            started=open_one["record"],
            action=open_one["action"],
        )
        check = _still_open(name, open_one["record"])
        run = str(open_one.get("run") or "")
        (made,) = self._write(name, law, [(body, {})], run=run, check=check)
        return made

    def _planned_to_make(self, name: str, digest: str) -> tuple[str, ...]:
        """What may have been made by an apply that nobody saw the end of."""
        data = self.records.file(name, PLAN)
        try:
            plan = plan_of(data) if data is not None else None
        except ValueError:
            plan = None
        if plan is None or plan.digest != digest:
            return ()
        return tuple(one.address for one in plan.changes if "create" in one.actions)

    def drift(self, drift: Drift, commit: str) -> Recorded | None:
        """Drift that is new, or other than before, or gone; nothing when nothing changed.

        What is still there after somebody did something that could have mended it is new.
        """
        status = self.records.status(drift.environment)
        known = status.get("drift")
        body: Body
        files: Files
        if drift.in_sync:
            if known is None:
                return None
            body, files = gone_body(known["digest"], known["first"]), {"drift.json": None}
        else:
            if (
                known is not None
                and known["digest"] == drift.digest
                and not _acted_since(status, known["record"])
            ):
                return None
            body = drift_body(drift, commit)
            files = drift_files(body)
        (made,) = self._write(drift.environment, commit, [(body, files)])
        return made

    def refused(
        self,
        name: str,
        law: str,
        commit: str,
        what: str,
        why: str,
        declared: Stood | None = None,
    ) -> Recorded | None:
        """Somebody tried to get around a gate; None: the same was recorded before.

        `commit`: what should have run. `declared`: what the target branch says all the same; then
        the same is what still stands so in the status.
        """
        body = refusal_body(what, why, commit, None, declared)
        if declared is None:
            for kept in self.records.of_environment(name):
                old = kept.record.body
                if isinstance(old, Refusal) and old.commit == commit:
                    return None
            return self._write(name, law, [(body, {})])[-1]
        same = body["commit"], body["files"], body["passes"]

        def known(status: Status) -> bool:
            found = refused_of(status)
            return (found.get("commit"), found.get("files"), found.get("passes")) == same

        if known(self.records.status(name)):
            return None
        return self.unless(name, law, body, known)

    def acknowledged(self, law: str, names: Sequence[str], because: str) -> Recorded:
        """A human answers for breaks of the history."""
        good = self.records.last_good()
        known = self.records.standing(good.commit) if good is not None else {}
        trees = self._trees(law)
        new = known.get("policy", {}).get("trees") != trees
        body = override_body("chain", f"{len(names)} breaks", because, names)
        drafts = [self._draft("", policy_body(law, trees), "", {})] if new else []
        return self.records.answer([*drafts, self._draft("", body, "", {})])[-1]

    def happened(self, name: str, law: str, body: Body) -> Recorded:
        """Anything else."""
        return self._write(name, law, [(body, {})])[-1]

    def unless(
        self, name: str, law: str, body: Body, so: Callable[[Status], bool]
    ) -> Recorded | None:
        """Anything else, unless it is so already right before; None: it is."""

        def check(status: StatusOf) -> None:
            if so(status(name)):
                raise _Known

        try:
            return self._write(name, law, [(body, {})], check=check)[-1]
        except _Known:
            return None

    def once(self, id_: str, since: datetime, law: str, body: Body, name: str = "") -> Recorded:
        """What was asked for under a number of its own, and may be recorded already.

        `since`: when it was asked for; nobody recorded it before that. `name`: the environment.
        """
        oldest = format_timestamp(since - _SKEW)
        for kept in self.records.of_environment(name) if name else self.records.walk():
            if kept.record.id == id_:
                return Recorded(kept.commit, kept.record.chain.sequence, kept.digest)
            if kept.record.at < oldest:
                break
        return self._write(name, law, [(body, {})], id_=id_)[-1]

    def _write(
        self,
        name: str,
        law: str,
        bodies: Sequence[tuple[Mapping[str, Any], Files]],
        *,
        run: str = "",
        check: Callable[[StatusOf], None] = lambda _status: None,
        durable: bool = False,
        id_: str = "",
    ) -> tuple[Recorded, ...]:
        """Records about one thing; before them the policies that are in use, when they are new.

        `id_`: the number of the only one, which somebody may have written already.
        """
        drafts = [self._draft(name, body, run, files, id_) for body, files in bodies]
        trees = self._trees(law)
        judges = any(body["kind"] == "decision" for body, _ in bodies)
        while True:
            policy = self.records.status("").get("policy", {})
            known = policy.get("trees")
            new = []
            if known != trees:
                if self._newer(law, policy):
                    new = [self._draft("", policy_body(law, trees), run, {})]
                elif judges:
                    raise _outdated(law)

            def checked(status: StatusOf, known: object = known) -> None:
                if status("").get("policy", {}).get("trees") != known:
                    raise _Moved
                check(status)

            try:
                made = self.records.append(
                    [*new, *drafts], check=checked, durable=durable, again=bool(id_)
                )
            except _Moved:
                continue
            for body, _ in bodies:
                passed_on(counted_in(body), self.telemetry)
            return made[len(new) :]

    def _newer(self, law: str, policy: Mapping[str, Any]) -> bool:
        """Whether rules may follow those in use: what others took into use is not undone."""
        if self.simulated or not policy:
            return True
        try:
            return self.commits.began(law, policy["commit"]) == str(policy["commit"])
        except ReconcilerError:
            return False

    def _draft(
        self, name: str, body: Mapping[str, Any], run: str, files: Files, id_: str = ""
    ) -> Draft:
        return Draft(
            id_ or self.new_id(),
            self.clock(),
            name,
            self.actor,
            self.program,
            body,
            run,
            self.simulated,
            files,
        )

    def _trees(self, commit: str) -> dict[str, str]:
        if commit not in self._laws:
            self._laws[commit] = trees_of(self.commits, commit)
        return self._laws[commit]


def settle_cut_off(recorder: Recorder, found: Decided, law: str) -> None:
    """Record what came of runs that were cut off, and then forget them."""
    planned = found.planned
    runs = [run.path.name for run in planned.cut]
    recorder.cut_off(law, planned.plan.environment, list(zip(runs, planned.before, strict=True)))
    planned.told()


def recorded_apply(
    recorder: Recorder,
    found: Decided,
    rendered: Rendered,
    action: Action,
    hear: Hear,
    sure: Mapping[str, str],
    tell: Callable[[DeploymentState], None] = lambda _state: None,
    held: Held | None = None,
) -> tuple[Outcome, ReconcilerError | None]:
    """Record the decision and the intent, apply, record the outcome. `sure`: as `apply` says.

    With the outcome, why it could not be recorded: then the next apply does that.
    `tell`: hears of it as it begins and as it is over, whatever comes between.
    `held`: the environment's lease, confirmed right before the deed.
    """
    plan, commit = found.planned.plan, dict(found.decision.inputs)["commit.head"]
    decision = recorder.decided(found.decision, found.question, plan, action=action)
    begun: list[Intent] = []
    failed: list[ReconcilerError] = []
    shown: list[DeploymentState] = []

    def intend() -> None:
        if held is not None:
            held.confirm()
        # Before the record: whoever loses patience here leaves no apply behind that nobody ended.
        shown.append("running")
        tell("running")
        run = found.planned.run.path.name
        law = dict(found.decision.inputs).get("commit.target", "")
        begun.append(recorder.starting(decision, plan, commit, action, run, law, **_held(held)))

    def conclude(outcome: Outcome) -> None:
        try:
            recorder.ended(begun[0], outcome, rendered)
        except ReconcilerError as error:
            failed.append(error)
            raise

    try:
        outcome = apply(found.planned, plan.digest, hear, intend, conclude, sure)
    except BaseException:
        if shown:
            tell("canceled")
        raise
    tell(_SHOWN[outcome.result])
    return outcome, failed[0] if failed else None


def recorded_nothing(
    recorder: Recorder,
    found: Decided,
    rendered: Rendered,
    action: Action,
    outcome: Outcome,
    held: Held | None = None,
) -> None:
    """That the cloud is as a commit declares it now, where nothing had to be done for that.

    Nothing is written where records say so already, or where nothing was ever there.
    """
    name = rendered.environment
    status = recorder.records.status(name)
    applied, last = status.get("applied"), status.get("lastApply")
    known = applied.get("files") if isinstance(applied, dict) else None
    over = not isinstance(last, dict) or last.get("result") == "done"
    same = known == rendered.digest if action == "apply" else not applied
    if same and over:
        return
    commit = dict(found.decision.inputs)["commit.head"]
    decision = recorder.decided(found.decision, found.question, found.planned.plan, action=action)
    run, law = found.planned.run.path.name, dict(found.decision.inputs).get("commit.target", "")
    if held is not None:
        held.confirm()
    intent = recorder.starting(
        decision, found.planned.plan, commit, action, run, law, **_held(held)
    )
    recorder.ended(intent, outcome, rendered)


def _held(held: Held | None) -> dict[str, Any]:
    return {"fence": held.fence, "holder": held.holder} if held is not None else {}


def _acted_since(status: Status, number: int) -> bool:
    """Whether an apply, or mending, ended after a record."""
    marks = [status.get("lastApply"), status.get("remediation")]
    if isinstance(marks[1], dict) and marks[1].get("step") != "remediation-ended":
        marks.pop()
    return any(isinstance(one, dict) and one.get("record", 0) > number for one in marks)


class _Known(Exception):  # noqa: N818  # no failure: somebody else wrote it
    """It is so already."""


class _Moved(Exception):  # noqa: N818  # no failure: what was looked at is other now
    """Somebody else took policies into use meanwhile."""


def _outdated(law: str) -> ReconcilerError:
    return ReconcilerError(
        "old-rules",
        f"it was judged by the rules of {law[:12]}, and newer ones are in use",
        hint="fetch the target branch, and judge it again by what it says now",
    )


def _refuse_open(name: str, status: Status) -> None:
    found = status.get("applying")
    if found is not None:
        raise WaitingError(
            "apply-open",
            f"an apply of {name} began at {found['at']} (record {found['record']},"
            f" {found['by']}) and nobody has said how it ended",
            hint=f"when nobody is at it any more: `reconciler audit settle {name} --because ...`",
            subject=name,
        )


def _refuse_late(name: str, found: Status | None) -> None:
    if found is not None:
        raise WaitingError(
            "late",
            f"nothing was begun: since the lease of {name} was taken, somebody else applied it"
            f" (record {found['record']}, {found['by']}, {found['at']})",
            hint="plan it again: what was planned is not what is there",
            subject=name,
        )


def _still_open(name: str, number: int) -> Callable[[StatusOf], None]:
    def check(status: StatusOf) -> None:
        found = status(name).get("applying")
        if found is None or found.get("record") != number:
            raise ReconcilerError(
                "apply-settled",
                f"how the apply of {name} (record {number}) ended was told by somebody else"
                " meanwhile, and that stands",
                hint=f"`reconciler audit log {name}` shows by whom; the next plan tells what is"
                " there",
                subject=name,
            )

    return check
