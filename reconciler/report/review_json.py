"""Reviews of merge requests for programs."""

from collections.abc import Sequence
from typing import Any

from reconciler.model.review import Outcome
from reconciler.report.as_json import document
from reconciler.report.difference import as_fields


def reviewed(many: Sequence[Outcome]) -> str:
    """`mr check --format json`."""
    return document("ReviewList", reviews=[_one(one) for one in many])


def _one(one: Outcome) -> dict[str, Any]:
    found = one.review
    plans = {plan.environment: plan for plan in found.plans} if found else {}
    since = dict(found.otherwise) if found else {}
    unplanned = {each.environment: each.why for each in found.unplanned} if found else {}
    return {
        "number": one.number,
        "title": one.title,
        "link": one.link or None,
        "state": one.state,
        "told": one.told or None,
        "hint": one.hint or None,
        "verdict": str(one.verdict) if one.verdict else None,
        "head": found.report.head if found else None,
        "base": found.report.base if found else None,
        "decisions": [
            {
                "environment": each.environment or None,
                "verdict": str(each.verdict),
                "risk": each.risk,
                "missing": sum(need.count for need in each.missing),
                "plan": plans[each.environment].digest if each.environment in plans else None,
                "notPlanned": unplanned.get(each.environment),
                "otherwise": as_fields(since.get(each.environment)),
            }
            for each in (found.report.worst_first if found else ())
        ],
        "simulated": bool(found and found.simulated),
        "note": one.text or None,
        "posted": list(one.posted),
        "merged": (one.merging.commit or None) if one.merging else None,
        "notMerged": list(one.merging.why_not) if one.merging else [],
        "failed": [
            {"what": each.what, "why": each.why, "hint": each.hint or None} for each in one.mishaps
        ],
        "notes": list(one.notes),
    }
