"""Work: what an environment wants to have done, as the controller sees it. No value here acts."""

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum

from reconciler.model.base import DriftMode, Stage


class Job(StrEnum):
    """What is done to an environment, the most urgent first."""

    SETTLE = "settle"
    """Find out what became of an apply that nobody saw the end of."""
    DESTROY = "destroy"
    """Delete everything of an environment whose document is gone."""
    APPLY = "apply"
    """Make the cloud as declared."""
    LOOK = "look"
    """Look for drift."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """An environment as the target branch declares it."""

    name: str
    path: str
    track: str
    stage: Stage
    owner: str
    commit: str
    """The newest commit that may change what it comes to."""
    files: str
    """Digest of what it renders to; empty: it cannot be rendered."""
    drift: DriftMode
    look_every: timedelta
    lives: timedelta | None = None
    """How long after its first apply; None: for ever."""
    after: tuple[str, ...] = ()
    """Environments that have to be there first."""
    problem: str = ""
    """Why it cannot be rendered."""


@dataclass(frozen=True, slots=True)
class Condition:
    """One thing that is so of an environment: since when, and why."""

    name: str
    """Ready, Reconciling, Stalled, Drifted, Frozen, Expiring."""
    since: datetime | None
    why: str


@dataclass(frozen=True, slots=True)
class Task:
    """One thing to do, and from when on."""

    environment: str
    job: Job
    due: datetime
    why: str
    commit: str = ""
    """What it is done by; empty for what no commit declares any more."""


@dataclass(frozen=True, slots=True)
class Standing:
    """An environment with everything that is so of it."""

    name: str
    track: str
    stage: str
    owner: str
    conditions: tuple[Condition, ...]
    task: Task | None = None
    """What is to be done next; None: nothing before something changes."""
    applied: str = ""
    """The commit that was applied last."""
    failures: int = field(default=0)
    """How often in a row it failed at what it is to do."""
