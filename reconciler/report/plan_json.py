"""Plans, outcomes, drift and states as JSON (docs/output.md). Nothing sensitive is in them."""

import json
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from reconciler.model.base import format_timestamp
from reconciler.model.decision import Decision
from reconciler.model.difference import Difference
from reconciler.model.drift import Drift, Unlooked
from reconciler.model.plan import AttributeChange, Plan, ResourceChange
from reconciler.model.run import Outcome, StateMark
from reconciler.model.state import State
from reconciler.report.as_json import document
from reconciler.report.check_json import decided
from reconciler.report.difference import as_fields


def planned(
    plan: Plan,
    decision: Decision,
    settled: Sequence[Outcome],
    doubts: Sequence[ResourceChange] = (),
    otherwise: Difference | None = None,
    *,
    simulated: bool,
) -> str:
    """`reconciler plan ENV`."""
    return document(
        "Plan",
        environment=plan.environment,
        simulated=simulated,
        digest=plan.digest,
        engine=plan.engine,
        empty=plan.empty,
        changes=[
            {
                "address": one.address,
                "type": one.type,
                "kind": one.kind,
                "losesData": one.loses_data,
                "reason": one.reason or None,
                "importing": one.importing or None,
                "previousAddress": one.previous_address or None,
                "identity": one.identity or None,
                "attributes": _attributes(one.attributes),
            }
            for one in plan.changes
        ],
        outputs=_attributes(plan.outputs),
        drift=[
            {"address": one.address, "kind": one.kind, "mended": one.mended} for one in plan.drift
        ],
        doubts=[one.address for one in doubts],
        otherwise=as_fields(otherwise),
        decision=decided(decision),
        settled=[_outcome(one) for one in settled],
    )


def terraform_report(plan: Plan) -> str:
    """GitLab's report artifact `terraform`: what is replaced is deleted and made."""
    found = plan.counts
    counts = {
        "create": found.create + found.replace,
        "update": found.update,
        "delete": found.delete + found.replace,
    }
    return json.dumps(counts) + "\n"


def applied(outcome: Outcome, settled: Sequence[Outcome], *, simulated: bool) -> str:
    """`reconciler apply ENV`."""
    return document(
        "Outcome",
        simulated=simulated,
        **_outcome(outcome),
        outputs=[{"name": name, "value": value} for name, value in outcome.outputs],
        settled=[_outcome(one) for one in settled],
    )


def drifted(many: Sequence[Drift], failed: Sequence[Unlooked], *, simulated: bool) -> str:
    """`reconciler drift`."""
    return document(
        "Drift",
        simulated=simulated,
        environments=[
            {
                "environment": one.environment,
                "inSync": one.in_sync,
                "digest": one.digest,
                "pending": one.pending,
                "drifted": [
                    {
                        "address": each.address,
                        "type": each.type,
                        "kind": each.kind,
                        "mended": each.mended,
                        "identity": each.identity or None,
                        "attributes": [
                            {"path": a.path, "want": a.want, "have": a.have}
                            for a in each.attributes
                        ],
                        "by": next(
                            (
                                {
                                    "who": who.who,
                                    "what": who.what,
                                    "when": format_timestamp(who.when),
                                }
                                for address, who in one.culprits
                                if address == each.address
                            ),
                            None,
                        ),
                    }
                    for each in one.drifted
                ],
                "unmanaged": [
                    {
                        "arn": each.arn,
                        "import": each.importing or None,
                        "declared": each.declared or None,
                    }
                    for each in one.unmanaged
                ],
            }
            for one in many
        ],
        failed=[
            {
                "environment": one.environment,
                "reason": one.reason,
                "message": one.message,
                "hint": one.hint or None,
            }
            for one in failed
        ],
    )


def state(name: str, one: State | None, *, simulated: bool) -> str:
    """`reconciler state ENV`."""
    return document(
        "State",
        environment=name,
        simulated=simulated,
        state=_mark(one.mark if one else None),
        resources=[
            {"address": each.address, "type": each.type, "identity": each.identity or None}
            for each in (one.resources if one else ())
        ],
    )


def sandbox(endpoint: str | None, since: str | None, holds: Mapping[str, int], ahead: int) -> str:
    """`reconciler sandbox`. Without an endpoint it does not run. `ahead`: its clock, in seconds."""
    return document(
        "Sandbox",
        running=endpoint is not None,
        endpoint=endpoint,
        since=since,
        ahead=ahead,
        holds=dict(holds),
    )


def _mark(one: StateMark | None) -> dict[str, Any] | None:
    if one is None:
        return None
    return {"lineage": one.lineage, "serial": one.serial, "resources": one.resources}


def _attributes(many: Iterable[AttributeChange]) -> list[dict[str, Any]]:
    return [
        {"path": one.path, "before": one.before, "after": one.after, "replaces": one.replaces}
        for one in many
    ]


def _outcome(one: Outcome) -> dict[str, Any]:
    return {
        "environment": one.environment,
        "result": one.result,
        "plan": one.plan,
        "engine": one.engine,
        "done": list(one.done),
        "failed": list(one.failed),
        "left": list(one.left),
        "unknown": list(one.unknown),
        "state": _mark(one.state),
        "kept": one.kept or None,
        "broughtBack": one.brought_back,
        "errors": [
            {
                "summary": said.summary,
                "detail": said.detail,
                "address": said.address or None,
                "path": said.path or None,
                "line": said.line,
            }
            for said in one.diagnostics
            if said.severity == "error"
        ],
    }
