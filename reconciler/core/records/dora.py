"""Four figures of delivery, from what records say. docs/audit.md defines each.

A figure is made of each environment by itself, so how records of several lie among one another
makes no difference. Of nothing there is no figure.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from reconciler.model.audit import Measured, Spread

_WEEK: Final = 7 * 24 * 3600


@dataclass(frozen=True, slots=True)
class Applied:
    """An apply that ended."""

    environment: str
    at: datetime
    commit: str
    done: bool
    authored: datetime | None = None
    """When the commit was made; None: nobody knows."""


@dataclass(frozen=True, slots=True)
class TakenBack:
    """A rollback was begun."""

    environment: str
    bad: str
    good: str


Event = Applied | TakenBack


@dataclass(frozen=True, slots=True)
class Facts:
    """What one environment adds to figures."""

    deployments: int = 0
    leads: tuple[int, ...] = ()
    changes: int = 0
    failed: int = 0
    restores: tuple[int, ...] = ()
    broken_now: int = 0


@dataclass(slots=True)
class _Change:
    """One apply that changed something, or was to."""

    at: datetime
    commit: str
    done: bool
    authored: datetime | None
    failed: bool


def by_environment(events: Iterable[Event], running: Mapping[str, str]) -> dict[str, Facts]:
    """Each environment's facts, from the events of all, oldest first."""
    own: dict[str, list[Event]] = {}
    for event in events:
        own.setdefault(event.environment, []).append(event)
    return {name: facts(many, running.get(name, "")) for name, many in own.items()}


def facts(events: Sequence[Event], running: str = "") -> Facts:
    """Of one environment's events, oldest first. `running`: the commit that ran before them.

    An apply of the commit that runs already changes nothing that was delivered, as after drift; one
    that goes back to a good commit is a restoration. Neither is a change.
    """
    changes: list[_Change] = []
    restores: list[int] = []
    goods: set[str] = set()
    since: datetime | None = None
    for event in events:
        if isinstance(event, TakenBack):
            bad = next(
                (one for one in reversed(changes) if one.commit == event.bad and one.done), None
            )
            if bad is not None and not bad.failed:
                bad.failed = True
                since = since or bad.at
            goods.add(event.good)
            continue
        changing = event.commit != running and event.commit not in goods
        if changing:
            own = _Change(event.at, event.commit, event.done, event.authored, not event.done)
            changes.append(own)
        if event.done:
            running = event.commit
            goods.discard(event.commit)
            if since is not None:
                restores.append(max(0, _seconds(since, event.at)))
                since = None
        elif changing:
            since = since or event.at
    deployed = [one for one in changes if one.done]
    leads = (_seconds(one.authored, one.at) for one in deployed if one.authored is not None)
    return Facts(
        len(deployed),
        tuple(one for one in leads if one >= 0),
        len(changes),
        sum(1 for one in changes if one.failed),
        tuple(restores),
        0 if since is None else 1,
    )


def _seconds(start: datetime, end: datetime) -> int:
    return int((end - start).total_seconds())


def measured(name: str, many: Iterable[Facts], seconds: int) -> Measured:
    """Figures of some environments in a span of time."""
    own = [one for one in many if one.changes or one.restores or one.broken_now]
    deployments = sum(one.deployments for one in own)
    changes = sum(one.changes for one in own)
    weeks = seconds / _WEEK
    return Measured(
        name,
        len(own),
        deployments,
        round(deployments / weeks, 2) if changes and weeks >= 1 else None,
        spread([lead for one in own for lead in one.leads]),
        changes,
        sum(one.failed for one in own),
        spread([one_time for one in own for one_time in one.restores]),
        sum(one.broken_now for one in own),
    )


def grouped(
    by_environment: Mapping[str, Facts], group_of: Mapping[str, str], seconds: int
) -> tuple[Measured, ...]:
    """The same by group; an environment without one stands under `unknown`."""
    groups: dict[str, list[Facts]] = {}
    for environment, one in by_environment.items():
        groups.setdefault(group_of.get(environment, "unknown"), []).append(one)
    found = (measured(name, groups[name], seconds) for name in sorted(groups))
    return tuple(one for one in found if one.environments)


def spread(values: Iterable[int]) -> Spread:
    """The median and the value that nine of ten do not exceed: both are ones that occurred."""
    many = sorted(values)
    if not many:
        return Spread(0, None, None)
    return Spread(len(many), many[(len(many) - 1) // 2], many[-(-9 * len(many) // 10) - 1])
