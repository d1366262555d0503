"""Remediation: drift by its causes, and what is to be done about it. No value here acts."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final, Literal

from reconciler.model.base import DriftMode, Risk, Stage
from reconciler.model.record import DriftedResource
from reconciler.model.work import Job

What = Literal["changed", "gone", "unmanaged"]
Step = Literal["proposed", "started", "ended"]
Result = Literal["", "done", "failed", "escalated", "withdrawn", "declined"]
_SHOWN: Final = 3
_LONGEST: Final = 60
Doing = Literal["mend", "look", "propose", "escalate", "tell", "leave"]


@dataclass(frozen=True, slots=True, order=True)
class Cause:
    """What drift of several environments has in common."""

    type: str
    """The type of resource; of what is unmanaged and unknown here, the service."""
    what: What
    changes: tuple[tuple[str, str, str], ...] = ()
    """Path, and what is wanted and there, as JSON; `*` stands for what differs by environment."""
    mark: str = ""
    """Its name: the same cause has the same one."""

    @property
    def words(self) -> str:
        """The cause in a few words."""
        if self.what != "changed":
            return f"{self.type}: {self.what}"
        first = self.changes[:_SHOWN]
        shown = [f"{path} {_short(want)} -> {_short(have)}" for path, want, have in first]
        more = len(self.changes) - len(shown)
        return f"{self.type}: {', '.join(shown)}{f' and {more} more' if more > 0 else ''}"


def _short(value: str) -> str:
    return value if len(value) <= _LONGEST else f"{value[: _LONGEST - 3]}..."


@dataclass(frozen=True, slots=True)
class Part:
    """What one cause did to one environment."""

    cause: Cause
    resources: tuple[DriftedResource, ...] = ()
    unmanaged: tuple[str, ...] = ()
    """ARNs."""

    @property
    def count(self) -> int:
        """How much it is."""
        return len(self.resources) + len(self.unmanaged)


@dataclass(frozen=True, slots=True)
class Seen:
    """The drift of one environment, as records tell it."""

    environment: str
    digest: str
    record: int
    """The number of the record that says so."""
    first: int
    """The number of the record since which it drifts, in whatever way."""
    since: str
    """When that was."""
    at: str
    drifted: tuple[DriftedResource, ...]
    unmanaged: tuple[str, ...] = ()
    imports: Mapping[str, str] = field(default_factory=dict)
    """ARN -> the address that the source has for it."""


@dataclass(frozen=True, slots=True)
class Group:
    """One cause over all environments that have it."""

    cause: Cause
    environments: tuple[str, ...]
    resources: int
    first: str
    """When it was first seen."""
    last: str
    """When it came last."""
    times: int
    """How often it came, over all of them."""
    suppressed: tuple[str, ...] = ()
    """Names of the suppressions that hold for it somewhere."""


@dataclass(frozen=True, slots=True)
class Memory:
    """What was done about one cause in one environment before."""

    step: Step
    mode: DriftMode
    result: Result
    merge_request: str
    drift: str
    record: int
    cause: str = ""
    """In words."""
    because: str = ""
    """Why a human is asked."""
    mended: tuple[datetime, ...] = ()
    """When it was mended by itself, since a person last looked at it."""


@dataclass(frozen=True, slots=True)
class Limits:
    """What may be mended without anybody."""

    highest_risk: Risk
    per_hour: int
    resources: int
    removals: int = 0


@dataclass(frozen=True, slots=True)
class Case:
    """One drifted environment, with everything that is known of it."""

    seen: Seen
    track: str
    stage: Stage
    mode: DriftMode
    limits: Limits
    memory: Mapping[str, Memory] = field(default_factory=dict)
    """By the mark of the cause."""
    ordered: bool = False
    """Whether its document says that just this drift is to be put back."""
    frozen: bool = False
    adoptable: frozenset[str] = frozenset()
    """Marks of causes that the document could take over."""

    @property
    def environment(self) -> str:
        """Its name."""
        return self.seen.environment


@dataclass(frozen=True, slots=True)
class Action:
    """What is to be done about one cause in one environment, and why just that."""

    doing: Doing
    environment: str
    part: Part
    mode: DriftMode
    why: str = ""


@dataclass(frozen=True, slots=True)
class Mend:
    """An environment that is to be made as declared, or looked at again."""

    environment: str
    job: Literal[Job.APPLY, Job.LOOK]
    drift: str
    """Digest of what is mended."""
    mode: DriftMode
    marks: tuple[str, ...]
    """Of the causes."""
    cause: str
    """In words."""
    why: str
    limits: Limits
    """What may be done by itself."""
    applies: bool = True
    """Whether an apply mends anything of it."""
    removes: tuple[str, ...] = ()
    """ARNs of what is unmanaged and is to be taken away."""
