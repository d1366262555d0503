"""A plan as it is kept beside records, and back: what was masked stays masked."""

import json
from dataclasses import asdict
from typing import Any

from reconciler.model.plan import (
    AttributeChange,
    Drifted,
    DriftedAttribute,
    Plan,
    ResourceChange,
)
from reconciler.model.record import PlanSummary


def plan_bytes(plan: Plan) -> bytes:
    """The file `plan.json`. Numbers stand as they are: a replay needs the very same."""
    text = json.dumps(asdict(plan), sort_keys=True, indent=2, ensure_ascii=False)
    return (text + "\n").encode("utf-8", "surrogatepass")


def plan_of(data: bytes) -> Plan:
    """The plan of such a file; ValueError when it is none."""
    try:
        value: dict[str, Any] = json.loads(data)
        return Plan(
            value["environment"],
            tuple(
                ResourceChange(
                    **one
                    | {
                        "actions": tuple(one["actions"]),
                        "attributes": tuple(AttributeChange(**each) for each in one["attributes"]),
                    }
                )
                for one in value["changes"]
            ),
            tuple(
                Drifted(
                    **one
                    | {"attributes": tuple(DriftedAttribute(**each) for each in one["attributes"])}
                )
                for one in value["drift"]
            ),
            tuple(AttributeChange(**one) for one in value["outputs"]),
            value["digest"],
            value["engine"],
        )
    except (KeyError, TypeError, AttributeError) as err:
        msg = f"it is no plan: {err}"
        raise ValueError(msg) from err


def plan_summary(plan: Plan) -> PlanSummary:
    """A plan in few words."""
    counts = plan.counts
    return PlanSummary.model_construct(
        digest=plan.digest,
        engine=plan.engine,
        create=counts.create,
        update=counts.update,
        replace=counts.replace,
        delete=counts.delete,
        forget=counts.forget,
        imports=counts.imports,
        move=counts.move,
        loses_data=tuple(one.address for one in plan.loses_data),
    )


def in_numbers(summary: PlanSummary) -> tuple[object, ...]:
    """What people read of a plan: a digest tells them nothing."""
    return (
        *(summary.create, summary.update, summary.replace, summary.delete, summary.forget),
        *(summary.imports, summary.move, tuple(summary.loses_data)),
    )
