"""Verifying and replaying as JSON (docs/output.md)."""

from collections.abc import Sequence
from typing import Any

from reconciler.model.record import Recorded
from reconciler.model.verified import Anchor, Break, Replayed, Verified
from reconciler.report.as_json import document


def verified(found: Verified) -> str:
    """`reconciler audit verify`."""
    return document("AuditVerification", **fields(found))


def fields(found: Verified) -> dict[str, Any]:
    """What it came to, as part of a document."""
    known = dict(found.acknowledged)
    return {
        "branch": found.branch,
        "tip": found.tip or None,
        "records": found.records,
        "signed": found.signed,
        "whole": found.whole,
        "breaks": [_break(one, known.get(one.name)) for one in found.breaks],
        "anchors": [
            {
                "name": one.name,
                "commit": one.commit,
                "sequence": one.sequence,
                "signedBy": one.key or None,
            }
            for one in found.anchors
        ],
        "unsettled": [{"environment": name, "record": number} for name, number in found.unsettled],
        "notes": list(found.notes),
    }


def _break(one: Break, by: str | None) -> dict[str, object]:
    return {
        "name": one.name,
        "sequence": one.sequence,
        "commit": one.commit or None,
        "code": one.code,
        "why": one.why,
        "follows": one.follows,
        "acknowledgedBy": by,
    }


def replayed(many: Sequence[Replayed]) -> str:
    """`reconciler audit replay`."""
    return document(
        "AuditReplay",
        decisions=[
            {
                "sequence": one.sequence,
                "commit": one.commit,
                "environment": one.environment or None,
                "then": one.then,
                "now": one.now or None,
                "same": one.same,
                "agrees": one.agrees,
                "engines": [
                    {"name": name, "then": then, "now": now} for name, then, now in one.engines
                ],
                "differences": list(one.differences),
                "taken": list(one.taken),
            }
            for one in many
        ],
    )


def answered(made: Recorded, names: Sequence[str], because: str) -> str:
    """`reconciler audit acknowledge`."""
    return document("AuditAnswer", **_made(made), breaks=list(names), because=because)


def settled(made: Recorded, environment: str, because: str) -> str:
    """`reconciler audit settle`."""
    return document("AuditSettlement", **_made(made), environment=environment, because=because)


def anchored(anchor: Anchor, sent_to: str) -> str:
    """`reconciler audit anchor`."""
    return document(
        "AuditAnchor",
        name=anchor.name,
        sequence=anchor.sequence,
        commit=anchor.commit,
        signedBy=anchor.key or None,
        sentTo=sent_to or None,
    )


def _made(made: Recorded) -> dict[str, object]:
    return {"sequence": made.sequence, "commit": made.commit}
