"""Merge requests -> JSON (docs/output.md)."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from reconciler.model.approval import Person
from reconciler.model.base import format_timestamp
from reconciler.model.merge_request import Consent, MergeRequest, Note, Status, Unreadable
from reconciler.report.as_json import document


@dataclass(frozen=True, slots=True)
class Told:
    """Everything about one merge request."""

    request: MergeRequest
    consents: tuple[Consent, ...]
    notes: tuple[Note, ...]
    statuses: Mapping[str, Status]


def listed(
    forge: str, target: str, many: Iterable[MergeRequest], unreadable: Iterable[Unreadable]
) -> str:
    """`reconciler mr list`."""
    return document(
        "MergeRequestList",
        forge=forge,
        target=target,
        mergeRequests=[_row(one) for one in many],
        unreadable=[{"number": one.number, "why": one.why, "hint": one.hint} for one in unreadable],
    )


def shown(told: Told) -> str:
    """`reconciler mr show`, and whatever changes one."""
    one = told.request
    return document(
        "MergeRequest",
        **_row(one),
        description=one.description,
        odd=list(one.odd),
        consents=[_consent(each, one.head) for each in told.consents],
        notes=[_note(each) for each in told.notes],
        statuses=[
            {"name": name, "state": each.state, "text": each.text, "link": each.link or None}
            for name, each in sorted(told.statuses.items())
        ],
    )


def differing(number: int, base: str, head: str, patch: str) -> str:
    """`reconciler mr diff`."""
    return document("MergeRequestDiff", number=number, base=base, head=head, patch=patch)


def merged(request: MergeRequest, commit: str, verdict: str | None, reasons: Iterable[str]) -> str:
    """`reconciler mr merge`."""
    return document(
        "Merge",
        number=request.number,
        head=request.head,
        target=request.target,
        merged=commit or None,
        verdict=verdict,
        reasons=list(reasons),
    )


def _row(one: MergeRequest) -> dict[str, Any]:
    return {
        "number": one.number,
        "title": one.title,
        "state": one.state,
        "author": _person(one.author),
        "source": one.source,
        "target": one.target,
        "head": one.head or None,
        "draft": one.draft,
        "fork": one.fork,
        "labels": list(one.labels),
        "opened": format_timestamp(one.opened),
        "updated": format_timestamp(one.updated),
        "merged": one.merged or None,
        "link": one.link or None,
    }


def _person(one: Person) -> dict[str, Any]:
    return {"name": one.name, "email": one.email or None, "forgeId": one.forge_id}


def _consent(one: Consent, head: str) -> dict[str, Any]:
    plans = one.plans
    return {
        "by": _person(one.by),
        "at": format_timestamp(one.at),
        "head": one.head or None,
        "current": one.head == head,
        "plans": None
        if plans is None
        else [{"environment": name, "digest": digest} for name, digest in plans],
        "policies": one.policies or None,
        "reference": one.reference or None,
        "signedBy": one.signed_by or None,
    }


def _note(one: Note) -> dict[str, Any]:
    place = one.place
    return {
        "id": one.id,
        "thread": one.thread,
        "by": _person(one.by),
        "at": format_timestamp(one.at),
        "edited": format_timestamp(one.edited),
        "text": one.text,
        "ours": one.ours,
        "place": {"path": place.path, "line": place.line} if place else None,
        "resolved": one.resolved,
    }
