"""Which environments may be destroyed whose documents are gone. Pure.

Their removal was agreed to, or their end had come. Beside that nobody loses many by one mistake:
above the limit of a day everything waits for a human, and what has come to its end for its day.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final, Literal

from reconciler.model.base import format_timestamp

_DAY: Final = timedelta(days=1)
_SHOWN: Final = 5


@dataclass(frozen=True, slots=True)
class Removed:
    """An environment that is there, and has no document any more."""

    name: str
    commit: str
    """What took its document out; empty: it cannot be told."""
    reason: Literal["agreed", "over", "not"]
    """Whether it was agreed to, its end had come, or neither."""
    why: str = ""
    """Why neither."""
    let: bool = False
    """Whether a human said that this very removal is meant."""


def may_remove(
    removed: Iterable[Removed], destroyed: Sequence[datetime], limit: int, now: datetime
) -> Mapping[str, str]:
    """By name: empty, or why not.

    `destroyed`: when others were, lately, without a human. A human's word lifts the limit, and
    nothing else.
    """
    found: dict[str, str] = {}
    many = sorted(removed, key=lambda one: one.name)
    recent = sorted(at for at in destroyed if now - _DAY < at)
    room = max(limit - len(recent), 0)
    for one in many:
        if one.reason == "not":
            found[one.name] = one.why or "nobody agreed to its removal"
        elif one.let:
            found[one.name] = ""
    agreed = [one for one in many if one.reason == "agreed" and one.name not in found]
    over = [one for one in many if one.reason == "over" and one.name not in found]
    taken = [one.name for one in many if one.reason != "over" and not one.let]
    if len(taken) > limit:  # also what nobody agreed to: who takes out many at once may not mean it
        why = _mass(taken, limit)
        found |= dict.fromkeys([one.name for one in agreed], why)
        agreed = []
    waits = _until(recent, limit)
    for one in (*agreed, *over):
        found[one.name] = "" if room > 0 else waits
        room -= 1
    return found


def _mass(names: Collection[str], limit: int) -> str:
    shown = ", ".join(sorted(names)[:_SHOWN])
    more = f" and {len(names) - _SHOWN} more" if len(names) > _SHOWN else ""
    return (
        f"{len(names)} environments were taken out at once ({shown}{more}), and without a human"
        f" at most {limit} are destroyed in a day: `reconciler removal allow` lets them go"
    )


def _until(recent: Sequence[datetime], limit: int) -> str:
    if limit == 0:
        return "without a human none is destroyed: `reconciler removal allow` lets it go"
    ends = f" after {format_timestamp(recent[0] + _DAY)}" if recent else " tomorrow"
    return (
        f"{limit} environments a day are destroyed without a human: it goes{ends}, or at once"
        " by `reconciler removal allow`"
    )
