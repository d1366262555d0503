"""What of an environment is not as declared: one plan, and what carries our tags."""

from collections.abc import Callable, Sequence

from reconciler.app.terraform import Site, planning, refuse_gone
from reconciler.core.drift import might_be, pending, unmanaged
from reconciler.core.plan import drift_digest
from reconciler.model.drift import Drift, Unmanaged
from reconciler.model.plan import ResourceChange
from reconciler.model.rendered import Rendered
from reconciler.ports import Cloud, Hear


def _owned(one: Unmanaged, doubts: Sequence[ResourceChange]) -> Unmanaged:
    """With the address that an apply began to make it for, where only one can be meant."""
    meant = [] if one.declared else [found for doubt in doubts for found in might_be(doubt, [one])]
    return meant[0] if len(meant) == 1 else one


def look_for_drift(
    site: Site,
    rendered: Rendered,
    cloud: Callable[[], Cloud],
    hear: Hear = lambda _event: None,
) -> Drift:
    """Plan, ask the cloud, compare. Nothing is changed."""
    name = rendered.environment
    refuse_gone(site, name)
    with planning(site, rendered, hear=hear) as planned:
        plan, state, doubts = planned.plan, planned.state, planned.doubts
    known = state.names if state else frozenset()
    asked = cloud()
    left = tuple(_owned(one, doubts) for one in unmanaged(asked.tagged(name), known, plan.changes))
    culprits = tuple(
        (one.address, found)
        for one in plan.drift
        if one.identity and (found := asked.culprit(one.identity)) is not None
    )
    return Drift(
        name,
        plan.drift,
        left,
        culprits,
        pending(plan),
        drift_digest(plan.drift, [one.arn for one in left]),
        plan.engine,
    )
