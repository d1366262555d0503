"""Audits as JSON (docs/output.md). A record is shown as it is kept."""

import json
from collections.abc import Iterable
from typing import Any

from reconciler.model.audit import (
    Blamed,
    Break,
    Deed,
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
from reconciler.model.evidence import Detail, Evidence, Row, Tables, Who
from reconciler.report import verify_json
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
        deeds=_deeds(found.deeds),
        broken=_broken(found.broken),
    )


def _deeds(many: Iterable[Deed]) -> list[dict[str, Any]]:
    return [
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
        for one in many
    ]


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


def exported(found: Evidence) -> str:
    """`reconciler audit export`."""
    told = found.tables
    return document(
        "AuditExport",
        repository=found.repository,
        branch=found.branch,
        since=found.since,
        until=found.until,
        environments=list(found.environments),
        simulated=found.simulated,
        summary=_summary(told),
        verification=None if found.verified is None else verify_json.fields(found.verified),
        dora=_measured(found.dora),
        deeds=_deeds(told.deeds),
        **_tables(told),
        timelines=[
            {
                "environment": one.environment or None,
                "records": [_row(row) for row in one.rows],
                "leftOut": one.left_out,
            }
            for one in told.timelines
        ],
        records=[_detail(one) for one in found.details],
        recordsLeftOut=found.details_left_out,
        notes=list(found.notes),
        broken=_broken(found.broken),
    )


def _summary(told: Tables) -> dict[str, Any]:
    one = told.summary
    return {
        "records": one.records,
        "kinds": dict(one.kinds),
        "decisions": dict(one.decisions),
        "applies": dict(one.applies),
        "approvals": one.approvals,
        "disregarded": one.disregarded,
        "drift": {"seen": one.drift_seen, "gone": one.drift_gone, "mended": one.drift_mended},
    }


def _tables(told: Tables) -> dict[str, Any]:
    return {
        "approvals": [
            {
                "at": one.at,
                "by": _who(one.who),
                "environments": list(one.environments),
                "commit": one.head or None,
                "plan": one.plan or None,
                "policies": one.policies or None,
                "reference": one.reference or None,
                "signedBy": one.signed_by or None,
                "counted": not one.why_not,
                "whyNot": one.why_not or None,
                "decisions": list(one.decisions),
            }
            for one in told.approvals
        ],
        "applies": [
            {
                "environment": one.environment or None,
                "action": one.action,
                "started": one.started or None,
                "ended": one.ended or None,
                "by": _who(one.who),
                "commit": one.commit or None,
                "plan": one.plan or None,
                "decision": one.decision,
                "result": one.result,
                "counts": dict(one.counts),
                "beganWith": one.begin,
                "endedWith": one.end,
            }
            for one in told.applies
        ],
        "drift": [
            {
                "environment": one.environment or None,
                "digest": one.digest,
                "first": one.first or None,
                "last": one.last or None,
                "gone": one.gone or None,
                "mended": one.mended or None,
                "what": list(one.what),
                "firstRecord": one.first_record,
                "lastRecord": one.last_record,
                "goneRecord": one.gone_record,
            }
            for one in told.drifts
        ],
        "mending": [
            {
                **_place(one.record, one.at, one.environment),
                "by": _who(one.who),
                "step": one.step,
                "mode": one.mode,
                "result": one.result or None,
                "cause": one.cause,
                "mergeRequest": one.merge_request or None,
                "drift": one.drift,
            }
            for one in told.mendings
        ],
        "waivers": [
            {
                **_place(one.record, one.at, one.environment),
                "waiver": one.waiver,
                "rule": one.rule,
                "owner": one.owner,
                "because": one.because,
                "expires": one.expires,
                "findings": one.findings,
                "decision": one.decision,
            }
            for one in told.waivers
        ],
        **_rare(told),
    }


def _rare(told: Tables) -> dict[str, Any]:
    return {
        "overrides": [
            {
                **_place(one.record, one.at, one.environment),
                "by": _who(one.who),
                "what": one.what,
                "subject": one.subject,
                "because": one.because,
                "until": one.until or None,
                "accepts": list(one.accepts),
            }
            for one in told.overrides
        ],
        "freezes": [
            {
                "record": one.record,
                "at": one.at,
                "by": _who(one.who),
                "kind": one.kind,
                "freeze": one.freeze,
                "scope": one.scope,
                "subject": one.subject or None,
                "because": one.because,
                "until": one.until or None,
            }
            for one in told.stops
        ],
        "refusals": [
            {
                **_place(one.record, one.at, one.environment),
                "by": _who(one.who),
                "what": one.what,
                "why": one.why,
                "commit": one.commit or None,
                "decision": one.decision,
            }
            for one in told.refusals
        ],
        "policies": [
            {
                "record": one.record,
                "since": one.since,
                "until": one.until or None,
                "commit": one.commit,
                "policies": one.policies,
                "by": _who(one.who),
            }
            for one in told.policies
        ],
        "moves": [
            {
                **_place(one.record, one.at, one.environment),
                "by": _who(one.who),
                "kind": one.kind,
                "what": one.what,
                "because": one.because or None,
                "mergeRequest": one.merge_request or None,
            }
            for one in told.moves
        ],
    }


def _place(record: int, at: str, environment: str) -> dict[str, Any]:
    return {"record": record, "at": at, "environment": environment or None}


def _who(one: Who) -> dict[str, Any]:
    return {
        "name": one.name,
        "email": one.email,
        "forgeId": one.forge_id,
        "kind": one.kind,
        "agent": one.agent or None,
    }


def _row(one: Row) -> dict[str, Any]:
    return {
        "record": one.record,
        "at": one.at,
        "kind": one.kind,
        "what": one.subject,
        "by": _who(one.who),
    }


def _detail(one: Detail) -> dict[str, Any]:
    row = one.row
    return {
        "record": row.record,
        "commit": row.commit,
        "digest": row.digest,
        "what": row.subject,
        "document": json.loads(one.document),
    }


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
