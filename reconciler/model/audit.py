"""What an audit tells: records that were read, and answers that were made from them."""

from dataclasses import dataclass
from typing import Any

from reconciler.model.commit import Commit
from reconciler.model.record import Record


@dataclass(frozen=True, slots=True)
class Entry:
    """A record as it was read."""

    commit: str
    digest: str
    """Of its document."""
    record: Record
    subject: str
    """What happened, in a few words."""


@dataclass(frozen=True, slots=True)
class Break:
    """Where reading ended too early: what lies behind it is not known."""

    commit: str
    why: str


@dataclass(frozen=True, slots=True)
class Log:
    """Records, newest first."""

    branch: str
    there: bool
    """Whether the branch is there at all."""
    environment: str
    """Empty: every one."""
    entries: tuple[Entry, ...]
    more: bool
    """Whether older ones that were asked for are left out."""
    broken: Break | None


@dataclass(frozen=True, slots=True)
class Related:
    """Another record that this one rests on, or that rests on this one."""

    earlier: bool
    entry: Entry


@dataclass(frozen=True, slots=True)
class RecordView:
    """Everything about one record."""

    branch: str
    entry: Entry
    document: dict[str, Any]
    """As it is kept."""
    story: tuple[str, ...]
    """The sentences of its commit's message."""
    related: tuple[Related, ...]
    last: int
    """The number of the newest record."""


@dataclass(frozen=True, slots=True)
class Deed:
    """What somebody did, how often, and when last."""

    name: str
    email: str
    forge_id: int | None
    kind: str
    """human, agent or program."""
    did: str
    """decided, approved, applied, overrode and so on."""
    count: int
    last: str
    record: int
    """The number of the record that tells of the last time."""


@dataclass(frozen=True, slots=True)
class Deeds:
    """Who did what with an environment."""

    branch: str
    there: bool
    environment: str
    deeds: tuple[Deed, ...]
    broken: Break | None


@dataclass(frozen=True, slots=True)
class Party:
    """A team, and who was in it."""

    team: str
    people: tuple[tuple[str, str, int | None], ...]
    """Name, e-mail address, id at the forge. Nobody: there was no such team."""


@dataclass(frozen=True, slots=True)
class ApproverRule:
    """One rule about whose agreement is asked for."""

    risks: tuple[str, ...]
    """Of changes that it is for; none: of findings that are soft."""
    count: int
    humans_only: bool
    parties: tuple[Party, ...]


@dataclass(frozen=True, slots=True)
class AgentPower:
    """An agent that may change the environment, and how far."""

    name: str
    owner: str
    highest_risk: str
    changes_per_day: int
    stopped: str
    """Why it may do nothing all the same; empty: it may."""


@dataclass(frozen=True, slots=True)
class InForce:
    """A freeze or a waiver that held."""

    name: str
    owner: str
    scope: str
    reason: str
    until: str
    """Empty: until somebody takes it out."""


@dataclass(frozen=True, slots=True)
class Powers:
    """Who could do what with an environment, by the documents of one commit at one time."""

    environment: str
    path: str
    track: str
    stage: str
    account: str
    owner: Party
    approvers: tuple[ApproverRule, ...]
    agents: tuple[AgentPower, ...]
    owned: tuple[tuple[str, tuple[Party, ...]], ...]
    """What judges or excepts, by path, and whose it was."""
    freezes: tuple[InForce, ...]
    waivers: tuple[InForce, ...]


@dataclass(frozen=True, slots=True)
class PowersAt:
    """The same, with the time, and how the commit was found."""

    at: str
    commit: str
    why: str
    """Why that commit judged then."""
    record: int | None
    """The number of the record that says so; None: no record does."""
    powers: Powers
    notes: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Blamed:
    """What is behind an attribute's present value, as far as it can be told."""

    environment: str
    attribute: str
    value: Any
    """As JSON has it; masked where it looks secret."""
    path: str
    """The document, or a rendered file as it was applied."""
    line: int
    origin: Commit | None
    """The commit that set it."""
    merge: Commit | None
    """The merge that brought it into the target branch, when that is another one."""
    merge_request: str
    """As a message names it; empty: none does."""
    candidates: tuple[Commit, ...]
    """Where it was one of several, and nobody knows which."""
    applied: Entry | None
    """The apply that put it in place."""
    decision: Entry | None
    """What allowed that; or the last decision, where it is not in place yet."""
    approved: tuple[tuple[str, str, int | None], ...]
    """Whose agreement counted: name, address, id at the forge."""
    policies: str
    """Digest of the policies that judged."""
    notes: tuple[str, ...]
    """What cannot be told, and why."""


@dataclass(frozen=True, slots=True)
class Spread:
    """How long something took, of how many cases; nothing is said of none."""

    count: int
    median: int | None
    """Seconds."""
    p90: int | None
    """Seconds; nine of ten took no longer."""


@dataclass(frozen=True, slots=True)
class Measured:
    """The four figures, of some environments."""

    name: str
    environments: int
    """Of how many there is anything."""
    deployments: int
    per_week: float | None
    """Deployments in a week; None: nothing was changed, or the time is shorter than a week."""
    lead: Spread
    """From the commit to the end of its apply."""
    changes: int
    """Applies that could fail: the deployments, and those that did not come to be one."""
    failed: int
    """Of these, those that failed, were interrupted or were taken back."""
    restore: Spread
    """From a failure to the next apply that was done."""
    broken_now: int
    """Failures after which no apply was done yet."""

    @property
    def failure_rate(self) -> float | None:
        """Failed of all changes; None: there were none."""
        return self.failed / self.changes if self.changes else None


@dataclass(frozen=True, slots=True)
class Dora:
    """Figures of a span of time: of everything, by track and by team."""

    branch: str
    there: bool
    since: str
    until: str
    whole: Measured
    tracks: tuple[Measured, ...]
    teams: tuple[Measured, ...]
    notes: tuple[str, ...]
    broken: Break | None
