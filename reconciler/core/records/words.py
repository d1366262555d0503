"""A record in words: the commit's message. The same record always has the same message.

Whatever stands in a message stands in the document, too: a message that says something else is a
forged one. Nothing that somebody chose can begin a line of its own.
"""

from collections.abc import Callable, Iterator
from functools import lru_cache
from typing import Any, Final

from reconciler.model.record import (
    Actor,
    ApplyEnded,
    ApplyStarted,
    DecisionBody,
    DriftGone,
    DriftSeen,
    Expiry,
    Override,
    PlannedOtherwise,
    PlanSummary,
    PolicyTaken,
    Promotion,
    Record,
    Refusal,
    Remediation,
    Rollback,
    Stop,
    WaiverUsed,
)

_SUBJECT: Final = 100
_LINE: Final = 300
_SHOWN: Final = 10
_SHORT: Final = 12
_NAME: Final = 80
_FRAMES: Final = str.maketrans("<>()", "    ")
"""What sets a name off from what stands behind it."""


def message(record: Record, digest: str) -> str:
    """Subject, sentences and trailers."""
    first, said, trailers = subject(record), [*sentences(record)], [*_trailers(record, digest)]
    ends = [f"{key}: {value}" for key, value in trailers if value]
    whole = [first, "", *(said or [""]), "", *ends, ""]
    text = "\n".join(whole)
    if len(first) <= _SUBJECT and max(map(len, whole)) <= _LINE and _quiet(text, len(whole)):
        return text
    ends = [f"{key}: {one}" for key, value in trailers if (one := line(value, _LINE))]
    whole = [line(first, _SUBJECT), "", "\n".join(line(one, _LINE) for one in said), "", *ends, ""]
    return "\n".join(whole)


def _quiet(text: str, lines: int) -> bool:
    """Whether `line` would leave each of so many lines as it is, but for their lengths."""
    return (
        text.count("\n") == lines - 1
        and text.replace("\n", "").isprintable()
        and "  " not in text
        and "\n " not in text
        and " \n" not in text
        and text[0] != " "
    )


def line(text: str, most: int) -> str:
    """The text on one line, with nothing in it that a screen would obey."""
    if not text.isprintable():
        text = "".join(char if char.isprintable() else " " for char in text)
    one = " ".join(text.split()) if " " in text else text
    return one if len(one) <= most else one[: most - 1] + "…"


def subject(record: Record) -> str:
    """What happened, in a few words."""
    return _KINDS[type(record.body)][0](record.body, record.environment or "all")


def planned(plan: PlanSummary) -> str:
    """A plan's numbers."""
    return _numbers(
        (
            (plan.create, "to add"),
            (plan.update, "to change"),
            (plan.replace, "to make anew"),
            (plan.delete, "to delete"),
            (plan.forget, "to forget"),
            (plan.imports, "to take over"),
            (plan.move, "to move"),
        )
    )


def planned_otherwise(one: PlannedOtherwise) -> str:
    """How much differs from the plan that was agreed to."""
    return _numbers(
        (
            (len(one.more), "more"),
            (len(one.less), "no longer"),
            (len(one.otherwise), "otherwise"),
            (len(one.outputs), "outputs"),
        )
    )


def drifted(body: DriftSeen) -> str:
    """How much differs."""
    changed = sum(1 for one in body.drifted if one.what == "changed")
    gone = len(body.drifted) - changed
    return _numbers(
        ((changed, "changed by hand"), (gone, "gone"), (len(body.unmanaged), "unmanaged"))
    )


def _numbers(pairs: tuple[tuple[int, str], ...]) -> str:
    return ", ".join(f"{count} {what}" for count, what in pairs if count) or "nothing"


_DONE: Final = {
    "create": "added",
    "update": "changed",
    "replace": "made anew",
    "delete": "deleted",
    "forget": "forgotten",
    "import": "taken over",
    "move": "moved",
}


def _outcome(body: ApplyEnded) -> str:
    did = _numbers(tuple((body.counts.get(kind, 0), word) for kind, word in _DONE.items()))
    if body.result == "done":
        return did
    total = len(body.done) + len(body.failed) + len(body.left) + len(body.unknown)
    return f"{body.result} after {len(body.done)} of {total}"


def person(actor: Actor) -> str:
    """Who, with what cannot be made up."""
    return _person(actor.name, actor.email, actor.forge_id)


def _person(name: object, email: object, forge_id: object) -> str:
    """However long a name is and whatever stands in it, the forge's id stands last and whole."""
    forge = f" (forge id {forge_id})" if isinstance(forge_id, int) else ""
    return _named_as(str(name), str(email)) + forge


@lru_cache(maxsize=1024)
def _named_as(name: str, email: str) -> str:
    name, email = (line(one.translate(_FRAMES), _NAME) for one in (name, email))
    return f"{name or 'unknown'} <{email.replace(' ', '')}>"


def sentences(record: Record) -> Iterator[str]:
    """What happened, at length."""
    if record.simulated:
        yield "Simulated: nothing of this is real."
    about = record.environment or "every environment"
    yield from _KINDS[type(record.body)][1](record.body, record, about)


def _named(words: str, names: tuple[str, ...]) -> Iterator[str]:
    if names:
        more = f" and {len(names) - _SHOWN} more" if len(names) > _SHOWN else ""
        yield f"{words} {', '.join(names[:_SHOWN])}{more}."


def _trailers(record: Record, digest: str) -> Iterator[tuple[str, str]]:
    body: Any = record.body
    fields = type(body).model_fields
    if record.environment:
        yield "Environment", record.environment
    yield "Kind", body.kind
    commit = body.head if "head" in fields else body.commit if "commit" in fields else None
    if commit is not None:
        yield "Commit", commit
    plan = body.plan if "plan" in fields else None
    if plan is not None:
        yield "Plan", plan.digest if isinstance(plan, PlanSummary) else plan
    if isinstance(body, DecisionBody):
        inputs = body.decision.get("inputs")
        yield "Policy", str(inputs.get("policies", "")) if isinstance(inputs, dict) else ""
        yield "Decision", body.verdict
        for one in _listed(body, "agreed"):
            if isinstance(one, dict):
                yield "Approved-by", _approval(one)
    elif isinstance(body, PolicyTaken):
        yield "Policy", body.policies
    elif "decision" in fields and body.decision is not None:
        yield "Decision", f"record {body.decision}"
    yield "Actor", person(record.actor)
    if record.actor.agent:
        yield "Agent", record.actor.agent
    if record.actor.task:
        yield "Task-Id", record.actor.task
    if record.run:
        yield "Run-Id", record.run
    yield "Sequence", str(record.chain.sequence)
    yield "Record", digest


def _approval(one: dict[str, object]) -> str:
    who = _person(one.get("name"), one.get("email"), one.get("forgeId"))
    return f"{who} at {line(str(one.get('at')), _NAME)}"


def _listed(body: DecisionBody, key: str) -> list[Any]:
    """A list of the decision's; none where something else stands: a forged one may hold any."""
    found = body.decision.get(key)
    return found if isinstance(found, list) else []


def _of_decision(body: DecisionBody, _record: Record, about: str) -> Iterator[str]:
    yield f"Whether {about} may be as commit {body.head[:_SHORT]} has it: {body.verdict}."
    yield f"It was judged by the rules of commit {body.target[:_SHORT]} as of {body.now}."
    for one in _listed(body, "reasons")[:_SHOWN]:
        yield f"- {one}"
    if body.plan is not None:
        yield f"Terraform would have {planned(body.plan)}."
    if body.otherwise is not None:
        yield f"What was agreed to is another plan: {planned_otherwise(body.otherwise)}."


def _of_start(body: ApplyStarted, _record: Record, about: str) -> Iterator[str]:
    yield f"The {body.action} of {about} begins: {planned(body.plan)}."
    yield f"Record {body.decision} allows it."
    if body.fence is not None:
        yield f"It is held by {body.holder}, since there were {body.fence} records."
    yield from _named("It would lose data of", body.plan.loses_data)


def _of_end(body: ApplyEnded, _record: Record, about: str) -> Iterator[str]:
    what = "destroyed" if body.action == "destroy" else "made"
    where = f" as commit {body.commit[:_SHORT]} has it" if body.commit else ""
    yield f"{about} was to be {what}{where}."
    yield f"It ended as {body.result}: {_outcome(body)}."
    yield from _named("Failed:", body.failed)
    yield from _named("Not begun:", body.left)
    yield from _named("Nobody knows what became of", body.unknown)
    for fault in body.diagnostics[:_SHOWN]:
        yield f"- {fault.severity}: {fault.summary}"


def _of_drift(body: DriftSeen, _record: Record, about: str) -> Iterator[str]:
    yield f"{about} is not as it was left: {drifted(body)}."
    for each in body.drifted[:_SHOWN]:
        paths = ", ".join(one.path for one in each.attributes) or each.what
        by = f" (by {each.who})" if each.who else ""
        yield f"- {each.address}: {paths}{by}"
    yield from _named("No state knows", body.unmanaged)


def _of_no_drift(body: DriftGone, _record: Record, about: str) -> Iterator[str]:
    yield f"{about} is as it was left, again. Record {body.since} saw the drift first."


def _of_remediation(body: Remediation, _record: Record, about: str) -> Iterator[str]:
    yield f"Drift of {about} ({body.mode}): {body.cause}."
    if body.because:
        yield f"A human is asked, since {body.because}."


def _of_promotion(body: Promotion, _record: Record, about: str) -> Iterator[str]:
    yield f"What runs in {body.source} is to run in {about}."


def _of_rollback(body: Rollback, _record: Record, about: str) -> Iterator[str]:
    yield f"{about} goes back to commit {body.good[:_SHORT]}: {body.because}"


def _of_expiry(body: Expiry, _record: Record, about: str) -> Iterator[str]:
    yield f"{about} ends at {body.expires}: {body.step}."
    if body.because:
        yield body.because


def _of_stop(body: Stop, _record: Record, _about: str) -> Iterator[str]:
    ends = f" until {body.until}" if body.until else ""
    word = "stands still" if body.kind == "freeze" else "may move again"
    what = f"The {body.scope} {body.subject}" if body.subject else "Everything"
    yield f"{what} {word}{ends}: {body.because}"


def _of_waiver(body: WaiverUsed, _record: Record, _about: str) -> Iterator[str]:
    yield f"The team {body.owner} answers for it until {body.expires}: {body.because}"


def _of_override(body: Override, record: Record, _about: str) -> Iterator[str]:
    ends = f" until {body.until}" if body.until else ""
    yield f"A human takes on {body.what} {body.subject}{ends}: {person(record.actor)}."
    yield f"Because: {body.because}"
    yield from _named("It accepts", body.accepts)


def _of_refusal(body: Refusal, _record: Record, _about: str) -> Iterator[str]:
    yield f"It was stopped: {body.why}"


def _of_policy(_body: PolicyTaken, _record: Record, _about: str) -> Iterator[str]:
    yield "From now on its policies, profiles, templates and people judge."


def _decided(body: DecisionBody, about: str) -> str:
    what = "" if body.action == "check" else f" to {body.action}"
    return f"decision({about}): {body.verdict}{what}, risk {body.risk}"


def _remedied(body: Remediation, about: str) -> str:
    result = f", {body.result}" if body.result else ""
    return f"remediation({about}): {body.kind.rpartition('-')[2]}{result}"


_KINDS: Final[dict[type, tuple[Callable[[Any, str], str], Callable[..., Iterator[str]]]]] = {
    DecisionBody: (_decided, _of_decision),
    ApplyStarted: (
        lambda body, about: f"{body.action}({about}): started, {planned(body.plan)}",
        _of_start,
    ),
    ApplyEnded: (lambda body, about: f"{body.action}({about}): {_outcome(body)}", _of_end),
    DriftSeen: (lambda body, about: f"drift({about}): {drifted(body)}", _of_drift),
    DriftGone: (lambda _body, about: f"drift({about}): gone", _of_no_drift),
    Remediation: (_remedied, _of_remediation),
    Promotion: (
        lambda body, about: f"promotion({about}): {body.commit[:_SHORT]} from {body.source}",
        _of_promotion,
    ),
    Rollback: (
        lambda body, about: f"rollback({about}): {body.bad[:_SHORT]} to {body.good[:_SHORT]}",
        _of_rollback,
    ),
    Expiry: (lambda body, about: f"expiry({about}): {body.step}", _of_expiry),
    Stop: (lambda body, _about: f"{body.kind}({body.subject or 'all'}): {body.because}", _of_stop),
    WaiverUsed: (
        lambda body, about: f"waiver({about}): {body.waiver} excepts {body.rule}",
        _of_waiver,
    ),
    Override: (
        lambda body, about: f"override({about}): {body.what} {body.subject}".rstrip(),
        _of_override,
    ),
    Refusal: (lambda body, about: f"refusal({about}): {body.what}", _of_refusal),
    PolicyTaken: (
        lambda body, _about: f"policy: {body.commit[:_SHORT]} taken into use",
        _of_policy,
    ),
}
