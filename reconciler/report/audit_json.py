"""Audits as JSON (docs/output.md). A record is shown as it is kept."""

from typing import Any

from reconciler.model.audit import Break, Entry, Log, RecordView
from reconciler.report.as_json import document


def logged(log: Log) -> str:
    """`reconciler audit log`."""
    return document(
        "AuditLog",
        branch=log.branch,
        there=log.there,
        environment=log.environment or None,
        records=[_entry(one) for one in log.entries],
        more=log.more,
        broken=_broken(log.broken),
    )


def viewed(view: RecordView) -> str:
    """`reconciler audit show`."""
    return document(
        "Record",
        branch=view.branch,
        commit=view.entry.commit,
        digest=view.entry.digest,
        subject=view.entry.subject,
        record=view.document,
        related=[{"earlier": one.earlier, **_entry(one.entry)} for one in view.related],
    )


def _broken(one: Break | None) -> dict[str, Any] | None:
    return None if one is None else {"commit": one.commit, "why": one.why}


def _entry(one: Entry) -> dict[str, Any]:
    record = one.record
    return {
        "sequence": record.chain.sequence,
        "commit": one.commit,
        "at": record.at,
        "kind": record.body.kind,
        "environment": record.environment,
        "subject": one.subject,
        "by": {
            "name": record.actor.name,
            "email": record.actor.email,
            "forgeId": record.actor.forge_id,
            "kind": record.actor.kind,
            "agent": record.actor.agent,
        },
        "simulated": record.simulated,
    }
