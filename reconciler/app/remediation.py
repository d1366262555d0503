"""Have drift mended, asked about or told, as the profiles say; and record each change of that.

Level-triggered: everything follows from the target branch, from records and from what is proposed.
Called twice it does nothing the second time, and whoever died in the middle is followed by somebody
who comes to the same. Nothing here touches the cloud: what is to be applied is handed back.
"""

from dataclasses import replace
from datetime import datetime
from typing import Literal

from reconciler.app.drift_asking import Proposing
from reconciler.app.drift_desk import Desk, Look
from reconciler.app.record import Recorder
from reconciler.core.records.drifts import memory_of
from reconciler.core.records.facts import remediation_body
from reconciler.core.records.standing import Status
from reconciler.core.remediation import too_much
from reconciler.model.base import Risk
from reconciler.model.plan import Plan
from reconciler.model.remediation import Mend, Result, Step


def remedy(desk: Desk, now: datetime) -> tuple[Mend, ...]:
    """Ask people where they are to be asked; what is to be mended at once, or looked at again.

    A forge that is away, or a branch of ours that somebody took, holds up nothing else: it is told.
    """
    look = Look(desk, now)
    actions = look.actions
    for one in actions:
        if one.doing == "escalate":
            look.record(one, "ended", one.mode, result="escalated", because=one.why)
    if any(one.doing == "escalate" for one in actions):
        look = Look(desk, now)  # those are asked about from now on
    Proposing(look).make()
    look.settle()
    return look.mends()


def due(desk: Desk, environment: str, now: datetime) -> Mend | None:
    """What is still to be done about one, right before it is done; None: nothing any more.

    Nothing is written, and nobody is asked. How many are mended in an hour `remedy` has seen to.
    """
    status = desk.recorder.records.status(environment)
    alone = replace(desk, statuses=lambda: [(environment, status)])
    return next(iter(Look(alone, now).mends()), None)


def against(mend: Mend, plan: Plan, risk: Risk) -> tuple[str, ...]:
    """Why the plan that would mend it must not be applied by itself; nothing: it may.

    What people asked for is bound to the plan that they agreed to, and needs no limits of ours.
    """
    return too_much(plan, mend.limits, risk) if mend.mode == "automated" else ()


def begin(recorder: Recorder, law: str, mend: Mend, because: str = "") -> None:
    """Mending begins; somebody who died may have said so. `because`: a human's reason."""
    body = _body(mend, "started", "", because)

    def so(status: Status) -> bool:
        memory = memory_of(status)
        return all(
            (one := memory.get(mark)) is not None
            and one.step == "started"
            and one.drift == mend.drift
            for mark in mend.marks
        )

    recorder.unless(mend.environment, law, body, so)


def finish(
    recorder: Recorder,
    law: str,
    mend: Mend,
    result: Literal["done", "failed", "escalated"],
    because: str = "",
) -> None:
    """Mending ended. Whether the drift is gone the next look tells, which is to come at once.

    escalated: the plan that would have mended it was not one that may be applied by itself;
    `because` says why.
    """
    recorder.happened(mend.environment, law, _body(mend, "ended", result, because))


def _body(mend: Mend, step: Step, result: Result, because: str = "") -> dict[str, object]:
    return remediation_body(
        step, mend.mode, mend.drift, mend.cause, mend.marks, result=result, because=because
    )
