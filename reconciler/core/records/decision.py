"""A recorded decision, as far as it is judged again without asking any gate."""

from collections.abc import Mapping
from typing import Any

from reconciler.core.approve import Asked
from reconciler.model.approval import Approval, Person
from reconciler.model.base import format_timestamp, parse_start
from reconciler.model.decision import ApprovalNeed
from reconciler.model.record import DecisionBody


def needs_of(body: DecisionBody) -> tuple[ApprovalNeed, ...]:
    """What was asked for."""
    return tuple(
        ApprovalNeed(
            int(one["count"]), tuple(one["teams"]), bool(one["humansOnly"]), str(one["why"])
        )
        for one in body.decision.get("approvals", ())
    )


def agreed_of(body: DecisionBody) -> tuple[Approval, ...]:
    """What counted."""
    return tuple(approval_of(one) for one in body.decision.get("agreed", ()))


def heard_of(body: DecisionBody) -> tuple[Approval, ...]:
    """Everything that was said, whether it counted or not."""
    passed_over = body.decision.get("disregarded", ())
    return (*agreed_of(body), *(approval_of(one["approval"]) for one in passed_over))


def asked_of(body: DecisionBody) -> Asked:
    """What an approval had to be about."""
    inputs = body.decision.get("inputs", {})
    return Asked(
        frozenset(body.given.get("heads", ())) or frozenset({str(inputs.get("commit.head", ""))}),
        str(inputs.get("plan", "")),
        str(inputs.get("policies", "")),
        tuple(person_of(one) for one in body.given.get("authors", ())),
        parse_start(body.now),
        frozenset(str(one) for one in body.given.get("plans", ())),
    )


def approval_of(one: Mapping[str, Any]) -> Approval:
    """An approval as a document has it."""
    return Approval(
        person_of(one),
        parse_start(str(one["at"])),
        str(one["head"]),
        str(one.get("plan") or ""),
        str(one.get("policies") or ""),
        str(one.get("reference") or ""),
        str(one.get("signedBy") or ""),
    )


def person_of(one: Mapping[str, Any]) -> Person:
    """A person as a document has one."""
    forge_id = one.get("forgeId")
    return Person(
        str(one.get("name") or ""),
        str(one.get("email") or ""),
        int(forge_id) if forge_id is not None else None,
    )


def person_fields(one: Person) -> dict[str, Any]:
    """A person as a document has one."""
    return {"name": one.name, "email": one.email, "forgeId": one.forge_id}


def approval_fields(one: Approval) -> dict[str, Any]:
    """An approval as a document has it."""
    return person_fields(one.by) | {
        "at": format_timestamp(one.at),
        "head": one.head,
        "plan": one.plan or None,
        "policies": one.policies,
        "reference": one.reference or None,
        "signedBy": one.signed_by or None,
    }
