"""Work: what an environment wants to have done, as the controller sees it. No value here acts."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Literal

from reconciler.model.base import DriftMode, Stage, format_timestamp
from reconciler.model.run import StateMark

Outcome = Literal["done", "again", "held", "waiting", "stuck"]
"""again: by itself, later and later; held: when somebody else has ended; waiting: when people have
agreed; stuck: not before something changes."""


class Job(StrEnum):
    """What is done to an environment."""

    DESTROY = "destroy"
    """Delete everything of an environment whose document is gone."""
    APPLY = "apply"
    """Make the cloud as declared; first find out what became of an apply that nobody ended."""
    ROLL = "roll"
    """Go on with a change that reaches users step by step, or see whether it did them good."""
    LOOK = "look"
    """Look for drift."""
    REVIEW = "review"
    """Look at merge requests; of no environment."""
    CHORES = "chores"
    """Everything that follows from records and documents; of no environment."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """An environment as the target branch declares it."""

    name: str
    path: str
    oid: str
    """The document's object id."""
    track: str
    stage: Stage
    owner: str
    files: str
    """Digest of what it renders to; empty: it cannot be rendered."""
    drift: DriftMode
    look_every: timedelta
    ttl: timedelta | None = None
    """How long it lives after its first apply; None: for ever."""
    after: tuple[str, ...] = ()
    """Environments that have to be there first."""
    takes: tuple[tuple[str, str, str, object], ...] = ()
    """Parameters that follow others: parameter, environment, output, and what it is now."""
    checked: bool = False
    """Whether its blueprint says how to tell that it does well."""
    trial: bool = False
    """Whether something is on trial in it."""
    problem: str = ""
    """Why it cannot be rendered."""


@dataclass(frozen=True, slots=True)
class Refused:
    """What a gate stopped though the target branch declares it."""

    files: str
    """Digest of what it renders to: anything else was not refused."""
    commit: str
    """What brought it there."""
    since: datetime | None
    why: str
    by: str
    """Who brought it, as that commit says."""
    passes: bool
    """Whether it may be let in later as it is."""


@dataclass(frozen=True, slots=True)
class Halt:
    """A freeze, as it holds an environment."""

    why: str
    by: str = ""
    """Who stopped it, and for which team."""
    since: datetime | None = None
    until: datetime | None = None
    """When it ends by itself; None: when somebody takes it out."""


@dataclass(frozen=True, slots=True)
class Known:
    """An environment as records tell of it."""

    name: str
    record: int = -1
    """The number of the last record about it; -1: there is none."""
    files: str = ""
    """Digest of what was applied last and is done; empty: nothing was, or nobody knows."""
    commit: str = ""
    """The commit that was applied last."""
    since: datetime | None = None
    """When it was applied first."""
    applied: datetime | None = None
    """When it was applied last."""
    opened: datetime | None = None
    """When an apply began of which nobody said how it ended."""
    result: str = ""
    """How the last apply ended."""
    tried: str = ""
    """Digest of what the last apply tried."""
    failures: int = 0
    """How often in a row that failed."""
    ended: datetime | None = None
    verdict: str = ""
    """The last decision's."""
    otherwise: str = ""
    """How its plan differs from the one that people agreed to; empty: it does not."""
    waits: str = ""
    """Digest of the plan that people have to agree to before it is applied; empty: none."""
    drift: str = ""
    """Digest of the drift that is there; empty: none is known."""
    drifted: datetime | None = None
    """Since when."""
    seen: datetime | None = None
    """When it was seen last."""
    warned: datetime | None = None
    """When it was said that it expires."""
    expiry: str = ""
    """How far its end is."""
    there: bool = False
    """Whether anything of it may be in the cloud."""
    destroyed: bool = False
    """Whether what was done last was to destroy it."""
    state: StateMark | None = None
    """How far its state had come; None: there is none, or nobody knows."""
    lost: str = ""
    """Why nothing of that is there any more, though nobody destroyed it; empty: it is there."""
    refused: Refused | None = None
    """What was stopped of it last, and was not let in since."""


@dataclass(frozen=True, slots=True)
class Tried:
    """What this controller last tried with an environment."""

    job: Job
    key: str
    """What it was tried with: with anything else it is tried at once."""
    state: Outcome
    at: datetime
    failures: int = 0
    why: str = ""


@dataclass(frozen=True, slots=True)
class Memory:
    """What a controller remembers of an environment; forgotten with its process."""

    looked: datetime
    """When drift was looked for, or since when it would have been."""
    tried: Tried | None = None
    seen: datetime | None = None
    """When this controller itself looked; None: it has not."""
    mend: str = ""
    """Digest of the drift that is to be mended."""
    rolled: datetime | None = None
    """The apply after which nothing more is to be seen to."""
    roll: datetime | None = None
    """When to see to it again; None: now."""
    awaits: int = 0
    """The merged merge request that it waits for people on; 0: none."""


@dataclass(frozen=True, slots=True)
class Condition:
    """One thing that is so of an environment: since when, and why."""

    name: Literal["Ready", "Reconciling", "Stalled", "Drifted", "Frozen", "Expiring"]
    since: datetime | None
    why: str
    by: str = ""
    """Who brought it about, where that is known."""
    until: datetime | None = None
    """When it ends by itself, where it does."""
    hint: str = ""
    """What to do about it."""

    @property
    def said(self) -> str:
        """All of it in one sentence but for since when."""
        ends = f"until {format_timestamp(self.until)}" if self.until else ""
        return "; ".join(filter(None, (self.why, self.by and f"by {self.by}", ends, self.hint)))


@dataclass(frozen=True, slots=True)
class Task:
    """One thing to do, and from when on."""

    environment: str
    """Empty: it is about no single one."""
    job: Job
    due: datetime
    why: str = ""
    rank: int = 0
    """How urgent: the lowest goes first."""
    key: str = ""
    """What it is done with."""


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
    commit: str = ""
    """The commit that was applied last."""
    lost: str = ""
    """Why nothing of that is there any more; empty: it is there."""

    def of(self, name: str) -> Condition | None:
        """A condition, when it holds."""
        return next((one for one in self.conditions if one.name == name), None)


@dataclass(frozen=True, slots=True)
class Ended:
    """What came of a task."""

    task: Task
    state: Outcome
    why: str = ""
    hint: str = ""
    mend: tuple[tuple[str, str], ...] = ()
    """Environments that are to be mended at once, each with the drift's digest."""
    look: tuple[str, ...] = ()
    """Environments that are to be looked at again."""
    gone: tuple[tuple[str, str], ...] = ()
    """Environments without a document, each with why it must not be destroyed; empty: it may."""
    later: datetime | None = None
    """When to come again; of a rollout: None, it is over."""
    awaits: int = 0
    """The merged merge request on which people have to agree; 0: none."""
    agreed: tuple[str, ...] = ()
    """Environments that somebody has just agreed to."""


@dataclass(frozen=True, slots=True)
class Heads:
    """Where everything is that a controller follows."""

    target: str
    records: str
    reviews: str
    """Changes when a merge request of the local forge does."""
    leases: int = field(default=0, compare=False)
    """How many are held, or were and nobody gave back."""
    cloud: str = ""
    """Which sandbox it is; empty: it does not run, or it is a real account."""
    requests: Mapping[int, str] = field(default_factory=dict, compare=False)
    """Where each merge request of the local forge is."""

    def moved(self, before: "Heads") -> frozenset[int]:
        """The merge requests that something happened to since then."""
        known = before.requests
        return frozenset(one for one, tip in self.requests.items() if known.get(one) != tip)
