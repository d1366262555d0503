"""Audits as JSON (docs/output.md). A record is shown as it is kept."""

from typing import Any

from reconciler.model.audit import (
    Blamed,
    Break,
    Deeds,
    Dora,
    Entry,
    InForce,
    Log,
    Measured,
    Party,
    PowersAt,
    RecordView,
    Spread,
)
from reconciler.model.base import format_timestamp
from reconciler.model.commit import Commit
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


def did(found: Deeds) -> str:
    """`reconciler audit who-did`."""
    return document(
        "WhoDid",
        branch=found.branch,
        environment=found.environment,
        deeds=[
            {
                "name": one.name,
                "email": one.email,
                "forgeId": one.forge_id,
                "kind": one.kind,
                "did": one.did,
                "count": one.count,
                "last": one.last,
                "record": one.record,
            }
            for one in found.deeds
        ],
        broken=_broken(found.broken),
    )


def could(found: PowersAt) -> str:
    """`reconciler audit who-could`."""
    one = found.powers
    return document(
        "WhoCould",
        environment=one.environment,
        at=found.at,
        commit=found.commit,
        why=found.why,
        record=found.record,
        path=one.path,
        track=one.track,
        stage=one.stage,
        account=one.account,
        owner=_party(one.owner),
        approvers=[
            {
                "risks": list(each.risks),
                "count": each.count,
                "humansOnly": each.humans_only,
                "teams": [_party(team) for team in each.parties],
            }
            for each in one.approvers
        ],
        agents=[
            {
                "name": each.name,
                "owner": each.owner,
                "highestRisk": each.highest_risk,
                "changesPerDay": each.changes_per_day,
                "stopped": each.stopped or None,
            }
            for each in one.agents
        ],
        owned=[
            {"path": path, "teams": [_party(team) for team in teams]} for path, teams in one.owned
        ],
        freezes=[_in_force(each) for each in one.freezes],
        waivers=[_in_force(each) for each in one.waivers],
        notes=list(found.notes),
    )


def blamed(found: Blamed) -> str:
    """`reconciler audit blame`."""
    return document(
        "Blame",
        environment=found.environment,
        attribute=found.attribute,
        value=found.value,
        path=found.path or None,
        line=found.line,
        commit=_commit(found.origin),
        merge=_commit(found.merge),
        mergeRequest=found.merge_request or None,
        candidates=[_commit(one) for one in found.candidates],
        applied=None if found.applied is None else _entry(found.applied),
        decision=None if found.decision is None else _entry(found.decision),
        approvedBy=[
            {"name": name, "email": email, "forgeId": own} for name, email, own in found.approved
        ],
        policies=found.policies or None,
        notes=list(found.notes),
    )


def measured(found: Dora, by: str | None) -> str:
    """`reconciler audit dora`."""
    return document(
        "Dora",
        branch=found.branch,
        since=found.since,
        until=found.until,
        all=_measured(found.whole),
        tracks=[_measured(one) for one in found.tracks if by in (None, "track")],
        teams=[_measured(one) for one in found.teams if by in (None, "team")],
        notes=list(found.notes),
        broken=_broken(found.broken),
    )


def _measured(one: Measured) -> dict[str, Any]:
    rate = one.failure_rate
    return {
        "name": one.name,
        "environments": one.environments,
        "deployments": one.deployments,
        "deploymentsPerWeek": one.per_week,
        "leadTime": _spread(one.lead),
        "changes": one.changes,
        "failedChanges": one.failed,
        "changeFailureRate": None if rate is None else round(rate, 4),
        "timeToRestore": _spread(one.restore),
        "brokenNow": one.broken_now,
    }


def _spread(one: Spread) -> dict[str, Any]:
    return {"count": one.count, "medianSeconds": one.median, "p90Seconds": one.p90}


def _commit(one: Commit | None) -> dict[str, Any] | None:
    if one is None:
        return None
    return {
        "id": one.id,
        "author": {"name": one.author.name, "email": one.author.email},
        "authored": format_timestamp(one.authored),
        "subject": one.subject,
    }


def _party(one: Party) -> dict[str, Any]:
    people = [{"name": name, "email": email, "forgeId": own} for name, email, own in one.people]
    return {"team": one.team, "people": people}


def _in_force(one: InForce) -> dict[str, Any]:
    return {
        "name": one.name,
        "owner": one.owner,
        "scope": one.scope,
        "reason": one.reason,
        "until": one.until or None,
    }


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
