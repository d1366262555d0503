"""One task of the controller, in a process of its own: one line of JSON in, one line out.

It is what a person does with `apply`, `destroy`, `drift --record` and `mr watch --once`, and takes
the same steps. Whoever started it may be gone: what was done is recorded all the same.
"""

import json
import sys
from contextlib import redirect_stdout, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from reconciler.app.deliver import Decided
from reconciler.app.drift import look_for_drift
from reconciler.app.environment import find_environment
from reconciler.cli.attending import Attending
from reconciler.cli.building import building_of, declared, declared_tree, only_agreed, settings_of
from reconciler.cli.delivery import Delivered, Wish, deliver, leased
from reconciler.cli.recording import recorder_of
from reconciler.core.redact import Redactor, hidden
from reconciler.errors import (
    IndeterminateError,
    ReconcilerError,
    StoppedError,
    TransientError,
    WaitingError,
)
from reconciler.model.decision import Verdict
from reconciler.model.plan import Plan
from reconciler.model.review import Outcome as Reviewed
from reconciler.model.work import Job, Outcome
from reconciler.ports import Hear
from reconciler.wiring import Ports, build

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


@dataclass(frozen=True, slots=True)
class Order:
    """What is to be done."""

    repo: Path
    sandbox: bool
    plan: bool
    """Whether merge requests are planned, too."""
    environment: str
    job: Job
    numbers: tuple[int, ...]

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
            tuple(int(one) for one in told["numbers"]),
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


def carry_out(ports: Ports, order: Order) -> Came:
    """All of it; what went wrong says when to try again."""
    try:
        match order.job:
            case Job.APPLY:
                return _delivered(ports, order, Wish(order.environment, None, order.sandbox))
            case Job.DESTROY:
                rev = _last_with(ports, order)
                wish = Wish(order.environment, rev, order.sandbox, destroy=True)
                return _delivered(ports, order, wish)
            case Job.LOOK:
                return _look(ports, order)
            case Job.REVIEW:
                return _review(ports, order)
            case Job.CHORES:
                return Came("done")
    except WaitingError as error:
        # A freeze is waited for as people are: nothing else is at it.
        return _failed("waiting" if error.reason == "frozen" else "held", error)
    except (TransientError, StoppedError, IndeterminateError) as error:
        return _failed("again", error)
    except ReconcilerError as error:
        return _failed("waiting", error)
    except KeyboardInterrupt:
        return Came("again", "it was told to stop")


def _failed(state: Outcome, error: ReconcilerError) -> Came:
    return Came(state, hidden(error.message), hidden(error.hint))


def _delivered(ports: Ports, order: Order, wish: Wish) -> Came:
    done: Delivered = deliver(ports, order.repo, wish, _Nobody())
    outcome = done.outcome
    if outcome is None:
        why = "; ".join(done.decision.reasons[:3])
        words = str(done.decision.verdict).replace("_", " ")
        return Came(_STATES[done.decision.verdict], f"{words}: {why}" if why else words)
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


def _look(ports: Ports, order: Order) -> Came:
    tree = declared_tree(ports, order.repo, None)
    settings = None if order.sandbox else only_agreed(ports, order.repo, tree)
    one = declared(ports, tree, order.environment, settings)
    recorder = recorder_of(ports, order.repo, tree, one.spec, simulated=order.sandbox)
    building = building_of(ports, order.repo, one, simulated=order.sandbox)
    with leased(ports, order.repo, one.spec, recorder, order.environment, "look for drift"):
        found = look_for_drift(building.site, one.rendered, building.cloud)
        recorder.drift(found, tree.revision)
    return Came("done", "" if found.in_sync else "the cloud is not as declared")


def _review(ports: Ports, order: Order) -> Came:
    failed: list[str] = []

    def tell(outcome: Reviewed) -> None:
        if outcome.state == "failed":
            failed.append(f"merge request {outcome.number}: {outcome.told}")

    def complain(error: ReconcilerError) -> None:
        failed.append(error.message)

    attending = Attending(ports, order.repo, order.plan, tell, complain)
    if order.numbers:
        for number in order.numbers:
            attending.one(number)
    else:
        attending.everything()
    return Came("again", hidden("; ".join(failed[:3]))) if failed else Came("done")


def main() -> None:
    """Wait for a task, do it, say what came of it."""
    line = sys.stdin.buffer.readline()
    if not line.strip():
        return  # nobody wants anything any more
    order = Order.read(line)
    with redirect_stdout(sys.stderr):
        came = carry_out(build(), order)
    told = {"state": came.state, "why": came.why, "hint": came.hint, "mend": came.mend}
    with suppress(BrokenPipeError):  # who asked is gone
        sys.stdout.write(json.dumps(told) + "\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main()
