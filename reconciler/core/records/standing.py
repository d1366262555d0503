"""What is true now, after a record: `status.json` of its environment, or of the whole.

It is derived: whoever reads the records from the beginning comes to the same. It answers in one
look what nobody wants to read a history for.
"""

from collections.abc import Callable
from typing import Any, Final

from reconciler.core.records.words import planned_otherwise
from reconciler.model.record import (
    ApplyEnded,
    ApplyStarted,
    DecisionBody,
    DriftGone,
    DriftSeen,
    Expiry,
    Override,
    PolicyTaken,
    Promotion,
    Record,
    Refusal,
    Remediation,
    Rollback,
    Stop,
)
from reconciler.model.run import StateMark

STATUS: Final = "status.json"
Status = dict[str, Any]
_HELD: Final = ("fence", "holder")
_MENDED: Final = 10
_CAUSES: Final = 50
"""So many causes of drift are remembered of an environment, the newest."""


def status_after(before: Status, record: Record) -> Status:
    """The status with what the record says; nothing in it is touched in place."""
    after = {**before, "record": record.chain.sequence, "at": record.at}
    if record.environment:
        after["environment"] = record.environment
    if record.simulated:
        after["simulated"] = True
    mark = {"record": record.chain.sequence, "at": record.at, "by": record.actor.email}
    change = _CHANGES.get(type(record.body))
    if change is not None:
        change(after, record.body, mark, record)
    return after


def _part(status: Status, key: str) -> dict[str, Any]:
    """A part of it; nothing where something else stands: a forged status may hold any."""
    found = status.get(key)
    return found if isinstance(found, dict) else {}


def _decided(after: Status, body: DecisionBody, mark: Status, _record: Record) -> None:
    after["decision"] = mark | {
        "action": body.action,
        "verdict": body.verdict,
        "risk": body.risk,
        "commit": body.head,
        "plan": body.plan.digest if body.plan else None,
    }
    if body.otherwise is not None:
        after["decision"]["otherwise"] = planned_otherwise(body.otherwise)


def _started(after: Status, body: ApplyStarted, mark: Status, record: Record) -> None:
    after["applying"] = mark | {
        "action": body.action,
        "commit": body.commit,
        "plan": body.plan.digest,
        "run": record.run,
    }
    if body.fence is not None:
        after["applying"] |= {"fence": body.fence, "holder": body.holder}


def _ended(after: Status, body: ApplyEnded, mark: Status, record: Record) -> None:
    begun = _part(after, "applying")
    after.pop("applying", None)
    done = body.result == "done"
    ended = mark | {
        "action": body.action,
        "result": body.result,
        "commit": body.commit,
        "plan": body.plan,
        "state": body.state.model_dump(mode="json") if body.state else None,
    }
    if body.files is not None:  # older records do not say so, and come to what they came to
        last = _part(after, "lastApply")
        same = last.get("files") == body.files and last.get("action") == body.action
        before = last.get("failures") if same else 0
        ended["files"] = body.files
        ended["failures"] = 0 if done else 1 + (before if isinstance(before, int) else 0)
    held = {"began": begun["record"]} if "fence" in begun else {}
    after["lastApply"] = ended | held | {key: begun[key] for key in _HELD if key in begun}
    if body.state is not None:
        after["state"] = body.state.model_dump(mode="json")
    if done:
        after.pop("refused", None)
    if done and body.action == "apply":
        since = _part(after, "applied").get("since", record.at)
        after["applied"] = ended | ({"since": since} if body.files is not None else {})
    elif done:
        after.pop("applied", None)
        after.pop("drift", None)


def _drifted(after: Status, body: DriftSeen, mark: Status, record: Record) -> None:
    known = _part(after, "drift")
    after["drift"] = mark | {
        "digest": body.digest,
        "since": known.get("since", record.at),
        "first": known.get("first", record.chain.sequence),
        "resources": len(body.drifted),
        "unmanaged": len(body.unmanaged),
    }


def _undrifted(after: Status, _body: DriftGone, _mark: Status, _record: Record) -> None:
    after.pop("drift", None)


def _remedied(after: Status, body: Remediation, mark: Status, record: Record) -> None:
    causes = {name: one for name, one in _causes(after).items() if _fits(one)}
    after["remediation"] = mark | {
        "step": body.kind,
        "mode": body.mode,
        "result": body.result,
        "mergeRequest": body.merge_request,
    }
    for name in body.marks:
        mended = causes.get(name, {}).get("mended", [])
        if body.mode == "automated" and body.kind == "remediation-started":
            mended = [*mended, record.at][-_MENDED:]
        elif body.mode != "automated" and body.result == "done":
            mended = []  # a person looked at it: whatever comes after is new
        causes = causes | {
            name: {
                "step": body.kind.rpartition("-")[2],
                "mode": body.mode,
                "result": body.result,
                "mergeRequest": body.merge_request,
                "drift": body.drift,
                "cause": body.cause,
                "because": body.because,
                "record": record.chain.sequence,
                "mended": mended,
            }
        }
    if causes:
        newest = sorted(causes, key=lambda name: causes[name]["record"])[-_CAUSES:]
        after["remediation"]["causes"] = {name: causes[name] for name in newest}


def _causes(status: Status) -> dict[str, Any]:
    return _part(_part(status, "remediation"), "causes")


def _fits(one: object) -> bool:
    """Whether it is one of ours."""
    return (
        isinstance(one, dict)
        and isinstance(one.get("record"), int)
        and isinstance(one.get("mended"), list)
    )


def _promoted(after: Status, body: Promotion, mark: Status, _record: Record) -> None:
    after["promotion"] = mark | {"source": body.source, "commit": body.commit}


def _rolled_back(after: Status, body: Rollback, mark: Status, _record: Record) -> None:
    after["rollback"] = mark | {"bad": body.bad, "good": body.good}
    if body.fast:
        after["rollback"]["agreed"] = None


def _expired(after: Status, body: Expiry, mark: Status, _record: Record) -> None:
    after["expiry"] = mark | {"expires": body.expires, "step": body.step}


def _stopped(after: Status, body: Stop, mark: Status, record: Record) -> None:
    stops = {name: one for name, one in _part(after, "freezes").items() if name != body.freeze}
    if body.kind == "freeze":
        stops[body.freeze] = mark | {
            "scope": body.scope,
            "subject": body.subject,
            "because": body.because,
            "until": body.until,
        }
    after["freezes"] = stops
    if body.kind == "resume" and body.scope == "agent" and body.freeze == f"agents/{body.subject}":
        # What an agent did before it was released is not held against it again.
        after["released"] = {**_part(after, "released"), body.subject: record.at}


def _refused(after: Status, body: Refusal, mark: Status, record: Record) -> None:
    """What the target branch declares and a gate stopped; an order that was refused is none."""
    if body.files is None:
        return
    known = _part(after, "refused")
    same = (known.get("commit"), known.get("files")) == (body.commit, body.files)
    after["refused"] = mark | {
        "commit": body.commit,
        "files": body.files,
        "since": known.get("since", record.at) if same else record.at,
        "what": body.what,
        "why": body.why,
        "of": body.by,
        "passes": bool(body.passes),
    }


def refused_of(status: Status) -> Status:
    """What was stopped last and nothing let in since; nothing: there is none.

    A decision about an apply that was made after it says that it got past what had stopped it.
    """
    found, decided = _part(status, "refused"), _part(status, "decision")
    number, later = found.get("record"), decided.get("record")
    if decided.get("action") != "apply" or not (isinstance(number, int) and isinstance(later, int)):
        return found
    return {} if later > number else found


def _overridden(after: Status, body: Override, mark: Status, _record: Record) -> None:
    """A state that somebody takes as it is counts from then on.

    So does a removal that they let be, and a rollback that they agree to.
    """
    if body.what == "removal":
        after["removal"] = mark | {"commit": body.subject}
    back = _part(after, "rollback")
    if body.what == "rollback" and str(back.get("record")) == body.subject:
        after["rollback"] = back | {"agreed": mark}
    if body.what != "state":
        return
    after.pop("state", None)
    for text in body.accepts:
        lineage, serial, resources = text.rsplit(" ", 2)
        after["state"] = {
            "lineage": lineage,
            "serial": int(serial),
            "resources": int(resources),
        }


def faster(status: Status, fence: int, holder: str) -> Status | None:
    """An apply that began since a lease was taken, and is not its holder's; None: there is none.

    Of an apply without a lease only its end is known: it counts as its beginning.
    """
    for found in (_part(status, "applying"), _part(status, "lastApply")):
        number = found.get("began", found.get("record"))
        ours = (found.get("fence"), found.get("holder")) == (fence, holder)
        if isinstance(number, int) and number >= fence and not ours:
            return found
    return None


def state_words(mark: StateMark | None) -> tuple[str, ...]:
    """A state as an override names it."""
    return () if mark is None else (f"{mark.lineage} {mark.serial} {mark.resources}",)


def state_of(status: Status) -> StateMark | None:
    """The state that records know an environment to have."""
    known = status.get("state")
    if known is None:
        return None
    return StateMark(str(known["lineage"]), int(known["serial"]), int(known["resources"]))


def _ruled(after: Status, body: PolicyTaken, mark: Status, _record: Record) -> None:
    after["policy"] = mark | {
        "commit": body.commit,
        "policies": body.policies,
        "trees": body.trees,
    }


_CHANGES: Final[dict[type, Callable[[Status, Any, Status, Record], None]]] = {
    DecisionBody: _decided,
    ApplyStarted: _started,
    ApplyEnded: _ended,
    DriftSeen: _drifted,
    DriftGone: _undrifted,
    Remediation: _remedied,
    Promotion: _promoted,
    Rollback: _rolled_back,
    Expiry: _expired,
    Override: _overridden,
    Stop: _stopped,
    Refusal: _refused,
    PolicyTaken: _ruled,
}
