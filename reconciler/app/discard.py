"""Take away what nobody manages: one by one, and only what is the environment's right now.

Whoever calls holds the environment, and has looked at it a moment ago. Between that look and the
deed a thing may have changed hands, so its own tags are read once more, right before.
"""

from collections.abc import Callable, Collection
from dataclasses import dataclass
from typing import Final

from reconciler.core.discard import REMOVABLE, is_of
from reconciler.core.drift import kind_of
from reconciler.errors import ReconcilerError
from reconciler.model.drift import Drift
from reconciler.ports import Discarder

_LOOKS: Final = 6
"""So often it is looked whether a thing is gone."""


@dataclass(frozen=True, slots=True)
class Discarded:
    """What came of it."""

    removed: tuple[str, ...]
    """ARNs; each was looked for afterwards, and is gone."""
    kept: tuple[tuple[str, str], ...]
    """ARNs of what is still there, and why."""


def discard(
    cloud: Discarder, found: Drift, arns: Collection[str], pause: Callable[[], object]
) -> Discarded:
    """Remove those that are unmanaged by a look of this moment. `pause`: between two looks."""
    there = {one.arn: one for one in found.unmanaged}
    removed: list[str] = []
    kept: list[tuple[str, str]] = []
    for arn in arns:
        if arn not in there:
            why = "it is not unmanaged any more"
        elif there[arn].declared:
            why = f"the blueprint has it as {there[arn].declared}: take it over"
        else:
            why = _removed(cloud, found.environment, arn, pause)
        if why:
            kept.append((arn, why))
        else:
            removed.append(arn)
    return Discarded(tuple(removed), tuple(kept))


def _removed(cloud: Discarder, environment: str, arn: str, pause: Callable[[], object]) -> str:
    """Why it is still there; empty: it is gone."""
    if kind_of(arn) not in REMOVABLE:
        return "it may hold data, and is never removed by this program"
    try:
        tags = cloud.tags(arn)
        if tags is None:
            return ""
        if not is_of(environment, tags):
            return f"its own tags do not say any more that it is {environment}'s"
        if cloud.used(arn):
            return "it holds something, or somebody may be using it"
        cloud.remove(arn)
        for _ in range(_LOOKS):
            if cloud.tags(arn) is None:
                return ""
            pause()
    except ReconcilerError as error:
        return error.message
    return "it was deleted, and is still there"
