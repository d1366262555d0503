"""One task of the controller, in a process of its own: one line of JSON in, one line out.

It is what a person does with `apply`, `destroy`, `drift --record` and `mr watch --once`, and takes
the same steps. Whoever started it may be gone: what was done is recorded all the same.
"""

import json
import sys
from collections.abc import Callable, Collection
from contextlib import redirect_stdout, suppress
from dataclasses import asdict, dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Final, Literal

from reconciler.app.deliver import Decided
from reconciler.app.drift import look_for_drift
from reconciler.app.drift_desk import Desk as Remedies
from reconciler.app.drift_desk import concerned
from reconciler.app.environment import find_environment
from reconciler.app.freezes import frozen
from reconciler.app.remediation import against, begin, due, finish
from reconciler.app.rollout import roll_out
from reconciler.app.telemetry import step, told
from reconciler.cli.again import again, as_if_typed
from reconciler.cli.attending import Attending
from reconciler.cli.building import building_of, declared, declared_tree, only_agreed, settings_of
from reconciler.cli.bypass import tell_bypass
from reconciler.cli.chores import see_to_it
from reconciler.cli.clearing import clearing_of
from reconciler.cli.delivery import Delivered, Wish, deliver, leased
from reconciler.cli.discarding import remove_for_loop
from reconciler.cli.recording import recorder_of
from reconciler.cli.rolling import rollout_desk
from reconciler.cli.steward import caller_of, steward_of
from reconciler.core.redact import Redactor, hidden
from reconciler.errors import (
    NotAllowedError,
    ReconcilerError,
    StoppedError,
    UsageError,
    WaitingError,
)
from reconciler.model.base import Risk
from reconciler.model.decision import Verdict
from reconciler.model.desired import Effective
from reconciler.model.plan import Plan
from reconciler.model.remediation import Mend
from reconciler.model.review import Outcome as Reviewed
from reconciler.model.rollout import Advance, Back, Done, Finish, Wait
from reconciler.model.work import Job, Outcome
from reconciler.ports import Hear, Telemetry
from reconciler.report.difference import words as differing
from reconciler.wiring import Ports, build, stand_by

_RESULTS: Final[dict[str, Literal["done", "failed", "escalated"]]] = {
    "done": "done",
    "again": "failed",
}
_SHOWN: Final = 5
_AGAIN: Final = timedelta(minutes=5)
_STATES: dict[Verdict, Outcome] = {
    Verdict.DENY: "stuck",
    Verdict.NEEDS_APPROVAL: "waiting",
    Verdict.INDETERMINATE: "again",
}


@dataclass(frozen=True, slots=True)
class Came:
    """What came of it."""

    state: Outcome
    why: str = ""
    hint: str = ""
    mend: tuple[tuple[str, str], ...] = ()
    look: tuple[str, ...] = ()
    gone: tuple[tuple[str, str], ...] = ()
    later: datetime | None = None
    awaits: int = 0
    agreed: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Order:
    """What is to be done."""

    repo: Path
    sandbox: bool
    plan: bool
    """Whether merge requests are planned, too."""
    environment: str
    job: Job
    numbers: tuple[int, ...] = ()
    """Merge requests to look at; none: all."""
    expiring: tuple[str, ...] = ()
    over: tuple[str, ...] = ()
    taking: tuple[str, ...] = ()
    mend: str = ""
    """Digest of the drift that is mended."""
    awaited: tuple[int, ...] = ()
    """Merged merge requests on which something waits for people."""

    @classmethod
    def read(cls, line: bytes) -> "Order":
        """As the controller wrote it."""
        told: dict[str, Any] = json.loads(line)
        return cls(
            Path(told["repo"]),
            bool(told["sandbox"]),
            bool(told["plan"]),
            str(told["environment"]),
            Job(told["job"]),
            tuple(int(one) for one in told.get("numbers", ())),
            tuple(str(one) for one in told.get("expiring", ())),
            tuple(str(one) for one in told.get("over", ())),
            tuple(str(one) for one in told.get("taking", ())),
            str(told.get("mend", "")),
            tuple(int(one) for one in told.get("awaited", ())),
        )


class _Nobody:
    """Nobody attends: the loop reads records."""

    def hearing(self, redact: Redactor) -> Hear:
        """Nothing is shown."""
        del redact
        return lambda _event: None

    def planned(self, found: Decided, *, may: bool) -> None:
        """Seen in records."""

    def agree(self, plan: Plan) -> None:
        """The decision allows it."""

    def said(self, words: str) -> None:
        """For the log."""
        sys.stderr.write(f"{hidden(words)}\n")


class TooMuch(Exception):  # noqa: N818  # no failure: people are asked instead
    """The plan does more than may be done by itself."""


class _Mender(_Nobody):
    """Agrees to a plan that only mends, and not too much of it."""

    def __init__(self, mend: Mend) -> None:
        self._mend = mend
        self._risk: Risk = "L3"
        self.against: tuple[str, ...] = ()

    def planned(self, found: Decided, *, may: bool) -> None:
        """How much could go wrong."""
        del may
        self._risk = found.decision.risk

    def agree(self, plan: Plan) -> None:
        """Only what the profile lets go by itself."""
        self.against = against(self._mend, plan, self._risk)
        if self.against:
            raise TooMuch


def carry_out(ports: Ports, order: Order, telemetry: Telemetry) -> Came:
    """All of it; what went wrong says when to try again."""
    try:
        return _DOES[order.job](ports, order, telemetry)
    except WaitingError as error:
        # A freeze, or time that has to pass, is waited for as people are: nothing else is at it.
        alone = ("frozen", "not-green-long", "not-promoted")
        return _failed("waiting" if error.reason in alone else "held", error)
    except (NotAllowedError, UsageError) as error:
        return _failed("waiting", error)
    except ReconcilerError as error:  # a full disk may be emptied: nobody waits for people alone
        return _failed("again", error)
    except KeyboardInterrupt:
        return Came("again", "it was told to stop")


def _failed(state: Outcome, error: ReconcilerError) -> Came:
    return Came(state, hidden(error.message), hidden(error.hint))


def _apply(ports: Ports, order: Order, telemetry: Telemetry) -> Came:
    wish = Wish(order.environment, None, order.sandbox, alone=True)
    return (
        _mended(ports, order, telemetry, wish)
        if order.mend
        else _came(ports, order, telemetry, wish)
    )


def _destroy(ports: Ports, order: Order, telemetry: Telemetry) -> Came:
    name = order.environment
    if order.sandbox:
        wish = Wish(name, _last_with(ports, order), sandbox=True, destroy=True)
        return _came(ports, order, telemetry, wish)
    law = steward_of(ports, order.repo).law()
    waiting = clearing_of(ports, order.repo).waiting(law, datetime.now(UTC))
    one = next((one for one in waiting if one.environment == name), None)
    if one is None or law.has(name):
        return Came("done")  # it was declared again meanwhile, or is gone
    if one.why:
        return Came("waiting", one.why, "`reconciler removal list` tells more")
    wish = Wish(name, one.last, sandbox=False, destroy=True, removal=one)
    return _came(ports, order, telemetry, wish)


def _mended(ports: Ports, order: Order, telemetry: Telemetry, wish: Wish) -> Came:
    """Drift that is mended without anybody being asked: begun, done and ended in records."""
    at = steward_of(ports, order.repo, simulated=order.sandbox)
    recorder = at.recorder(None)
    desk = Remedies(at.bot, recorder, lambda: at.law().tree, lambda: concerned(recorder.records))
    law = at.law().commit
    mend = due(desk, order.environment, at.clock())
    if mend is None or (mend.drift, mend.job) != (order.mend, Job.APPLY):
        return Came("done", "its drift is not to be mended any more")
    begin(recorder, law, mend)
    mender = _Mender(mend)
    try:
        came = _came(ports, order, telemetry, wish, mender) if mend.applies else Came("done")
    except TooMuch:
        finish(recorder, law, mend, "escalated", "; ".join(mender.against))
        return Came("waiting", "; ".join(mender.against))
    if came.state == "done" and mend.removes:
        words, gone = remove_for_loop(ports, order.repo, mend, sandbox=order.sandbox)
        finish(recorder, law, mend, "done" if gone else "escalated", words)
        return Came("done" if gone else "waiting", words)
    if came.state != "held":
        finish(recorder, law, mend, _RESULTS.get(came.state, "escalated"))
    return came


def _came(
    ports: Ports,
    order: Order,
    telemetry: Telemetry,
    wish: Wish,
    who: "_Nobody | None" = None,
) -> Came:
    done: Delivered = deliver(ports, order.repo, wish, who or _Nobody(), telemetry)
    outcome = done.outcome
    if outcome is None:
        why = "; ".join(done.decision.reasons[:3])
        words = str(done.decision.verdict).replace("_", " ")
        if done.otherwise is not None:
            why = f"{why}; what was agreed to is another plan: {differing(done.otherwise)}"
        if done.decision.verdict is not Verdict.INDETERMINATE and not wish.destroy:
            tell_bypass(
                ports,
                order.repo,
                order.environment,
                done.files,
                why or words,
                sandbox=order.sandbox,
            )
        return Came(
            _STATES[done.decision.verdict],
            f"{words}: {why}" if why else words,
            done.agree,
            awaits=done.awaits,
        )
    if done.unrecorded is not None:
        return _failed("again", done.unrecorded)
    if outcome.result == "done":
        return Came("done")
    first = next((one for one in outcome.diagnostics if one.severity == "error"), None)
    why = f"{outcome.result}: {first.summary}" if first else outcome.result
    return Came("again", hidden(why))


def _last_with(ports: Ports, order: Order) -> str:
    """The newest commit of the target branch that still declares an environment."""
    tree = declared_tree(ports, order.repo, None)
    records = ports.records(order.repo, settings_of(tree), simulated=order.sandbox)
    status = records.status(order.environment)
    parts = (status.get(one) for one in ("applied", "applying", "lastApply"))
    known = next((one["commit"] for one in parts if isinstance(one, dict)), "")
    path = find_environment(declared_tree(ports, order.repo, known), order.environment).path
    commits = ports.commits(order.repo)
    at = tree.revision
    while commits.lies(at, path) is None:
        parents = commits.commit(at).parents
        if not parents:
            return str(known)
        at = parents[0]
    return at


def _look(ports: Ports, order: Order, telemetry: Telemetry) -> Came:
    tree = declared_tree(ports, order.repo, None)
    settings = None if order.sandbox else only_agreed(ports, order.repo, tree)
    one = declared(ports, tree, order.environment, settings)
    recorder = recorder_of(ports, order.repo, tree, one.spec, simulated=order.sandbox)
    building = building_of(ports, order.repo, one, simulated=order.sandbox)
    with leased(ports, order.repo, one.spec, recorder, order.environment, "look for drift"):
        with step(telemetry, "look", tree.revision, environment=order.environment):
            found = look_for_drift(building.site, one.rendered, building.cloud)
        recorder.drift(found, tree.revision)
    return Came("done", "" if found.in_sync else "the cloud is not as declared")


def _roll(ports: Ports, order: Order, _telemetry: Telemetry) -> Came:
    """On with a trial, or see whether a change did well; what did not is taken back."""
    at = steward_of(ports, order.repo, simulated=order.sandbox)
    recorder, tree = at.recorder(None), at.law().tree

    def held(filled: Effective) -> str:
        document = filled.environment.document
        found = frozen(tree, document.metadata.name, at.clock(), (document.spec.track,))
        return "" if found is None else f"frozen: {found.spec.reason}"

    desk = rollout_desk(ports, order.repo, tree, recorder, caller_of(ports, at), held)
    now = at.clock()
    match roll_out(desk, order.environment, now):
        case Wait(until, why):
            return Came("done", why, later=until or now + _AGAIN)
        case Back(why):
            return Came("done", f"taken back: {why}")
        case Advance(number):
            return Came("done", f"its trial goes on with step {number}")
        case Finish():
            return Came("done", "its trial did well: everybody has it now")
        case Done(why):
            return Came("done", why)


def _chores(ports: Ports, order: Order, telemetry: Telemetry) -> Came:
    did = see_to_it(
        ports,
        order.repo,
        telemetry,
        order.expiring,
        order.over,
        order.taking,
        sandbox=order.sandbox,
    )
    return Came(
        "again" if did.failed else "done",
        hidden("; ".join((did.failed or did.did)[:_SHOWN])),
        mend=tuple(did.mend),
        look=tuple(did.look),
        gone=tuple(did.gone),
    )


def _changed(attending: Attending, numbers: Collection[int]) -> None:
    """These open merge requests, or all."""
    for number in numbers:
        attending.one(number)
    if not numbers:
        attending.everything()


def _review(ports: Ports, order: Order, _telemetry: Telemetry) -> Came:
    failed: list[str] = []

    def tell(outcome: Reviewed) -> None:
        if outcome.state == "failed":
            failed.append(f"merge request {outcome.number}: {outcome.told}")

    def complain(error: ReconcilerError) -> None:
        failed.append(error.message)

    attending = Attending(ports, order.repo, order.plan, tell, complain)
    wrong: list[ReconcilerError] = []

    def looked(look: Callable[[], None]) -> None:
        try:
            look()
        except StoppedError:
            raise
        except ReconcilerError as error:
            wrong.append(error)  # what cannot be looked at keeps nothing else waiting

    if order.awaited:
        looked(lambda: attending.merged(order.awaited))
    looked(lambda: _changed(attending, order.numbers))
    if wrong and not attending.agreed:
        raise wrong[0]
    for error in wrong:
        complain(error)  # whoever agreed was answered: nobody waits for the rest
    agreed = tuple(attending.agreed)
    if failed:
        return Came("again", hidden("; ".join(failed[:3])), agreed=agreed)
    return Came("done", agreed=agreed)


_DOES: Final = {
    Job.APPLY: _apply,
    Job.DESTROY: _destroy,
    Job.ROLL: _roll,
    Job.LOOK: _look,
    Job.REVIEW: _review,
    Job.CHORES: _chores,
}


def main() -> None:
    """Wait to be forked for a task."""
    stand_by(_carry_out)


def _carry_out() -> int:
    """Read a task, do it, say what came of it."""
    line = sys.stdin.buffer.readline()
    if not line.strip():
        return 0  # nobody wants anything any more
    order = Order.read(line)
    if order.sandbox:
        as_if_typed("sandbox")
    ports = build()
    telemetry = ports.gathering()
    with redirect_stdout(sys.stderr):
        came = carry_out(ports, order, telemetry)
        telemetry.close()
    answer = {
        **asdict(came),
        "why": again(came.why),
        "hint": again(came.hint),
        "later": came.later.isoformat() if came.later else None,
        "measures": told(telemetry.measured),
    }
    with suppress(BrokenPipeError):  # who asked is gone
        sys.stdout.write(json.dumps(answer) + "\n")
        sys.stdout.flush()
    return 0


if __name__ == "__main__":
    main()
