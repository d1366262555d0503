"""Evidence of a period: what its records say, in the tables that an auditor asks for.

Everything here is of records; times and numbers are theirs. A number names a record.
"""

from dataclasses import dataclass, field

from reconciler.model.audit import Break, Deed, Measured
from reconciler.model.verified import Verified


@dataclass(frozen=True, slots=True)
class Who:
    """Who acted. The forge's id cannot be changed by anybody; the rest can."""

    name: str
    email: str
    forge_id: int | None
    kind: str = "human"
    """human, agent or program."""
    agent: str = ""
    """The agent's name, when it is one."""


@dataclass(frozen=True, slots=True)
class Row:
    """A record on one line, as a spreadsheet has it; what does not apply is empty."""

    record: int
    at: str
    kind: str
    environment: str
    """Empty: about more than one."""
    subject: str
    who: Who
    commit: str
    """The record's own."""
    digest: str
    """Of its document."""
    outcome: str = ""
    """A verdict, a result, or a step."""
    risk: str = ""
    about: str = ""
    """The commit that it is about."""
    plan: str = ""
    policies: str = ""
    decision: int | None = None
    """The record of the decision that it rests on."""
    approved: tuple[Who, ...] = ()
    because: str = ""
    until: str = ""
    task: str = ""
    run: str = ""
    simulated: bool = False


@dataclass(frozen=True, slots=True)
class Approval:
    """Somebody agreed to something."""

    at: str
    environments: tuple[str, ...]
    who: Who
    head: str
    """The commit that was agreed to."""
    plan: str
    policies: str
    reference: str
    """Where it was given."""
    signed_by: str
    decisions: tuple[int, ...]
    """The decisions that looked at it."""
    why_not: str
    """Why it did not count; empty: it did."""


@dataclass(frozen=True, slots=True)
class Apply:
    """An apply, from its intent to what came of it."""

    environment: str
    action: str
    """apply or destroy."""
    started: str
    """Empty: nobody knows."""
    ended: str
    """Empty: not in the period."""
    who: Who
    commit: str
    plan: str
    decision: int | None
    """The decision that allowed it."""
    result: str
    """done, failed or interrupted; `open`: it had not ended."""
    counts: tuple[tuple[str, int], ...]
    """What was done, by kind of change."""
    begin: int | None
    end: int | None


@dataclass(frozen=True, slots=True)
class DriftSpan:
    """A drift, from when it was seen first until it was gone."""

    environment: str
    digest: str
    first: str
    last: str
    gone: str
    """Empty: it stood at the end of the period."""
    mended: str
    """When it was mended by us; empty: it was not."""
    what: tuple[str, ...]
    """Each resource, with what differs."""
    first_record: int
    last_record: int
    gone_record: int | None


@dataclass(frozen=True, slots=True)
class Mending:
    """A step of mending a drift."""

    record: int
    at: str
    environment: str
    who: Who
    step: str
    """proposed, started or ended."""
    mode: str
    result: str
    cause: str
    merge_request: str
    drift: str


@dataclass(frozen=True, slots=True)
class WaiverUse:
    """A waiver excepted a finding for the first time."""

    record: int
    at: str
    environment: str
    waiver: str
    rule: str
    owner: str
    because: str
    expires: str
    findings: int
    decision: int


@dataclass(frozen=True, slots=True)
class Overriding:
    """A human took something on; `chain`: breaks of the records."""

    record: int
    at: str
    environment: str
    who: Who
    what: str
    subject: str
    because: str
    until: str
    accepts: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Stopping:
    """A stop began, or ended."""

    record: int
    at: str
    who: Who
    kind: str
    """freeze, resume, or `in force`: it stood when the period began."""
    freeze: str
    scope: str
    subject: str
    because: str
    until: str


@dataclass(frozen=True, slots=True)
class Refused:
    """Somebody was stopped."""

    record: int
    at: str
    environment: str
    who: Who
    what: str
    why: str
    commit: str
    decision: int | None


@dataclass(frozen=True, slots=True)
class PolicySpan:
    """Which rules judged, from when until when."""

    record: int
    since: str
    until: str
    """Empty: still at the end of the period."""
    commit: str
    policies: str
    who: Who


@dataclass(frozen=True, slots=True)
class Moved:
    """A promotion, a rollback, or an environment's end in time."""

    record: int
    at: str
    environment: str
    who: Who
    kind: str
    what: str
    because: str
    merge_request: str


@dataclass(frozen=True, slots=True)
class Timeline:
    """What happened to one environment, newest first."""

    environment: str
    """Empty: what was about more than one."""
    rows: tuple[Row, ...]
    left_out: int
    """So many older ones are not here."""


@dataclass(frozen=True, slots=True)
class Detail:
    """A record whole."""

    row: Row
    document: bytes
    """As it is kept."""


@dataclass(frozen=True, slots=True)
class Summary:
    """How often what happened; keys are in order."""

    records: int
    kinds: tuple[tuple[str, int], ...]
    decisions: tuple[tuple[str, int], ...]
    """By verdict."""
    applies: tuple[tuple[str, int], ...]
    """By result."""
    approvals: int
    """Those that counted, each once."""
    disregarded: int
    drift_seen: int
    drift_gone: int
    drift_mended: int


@dataclass(frozen=True, slots=True)
class Tables:
    """Everything that is told of a period, oldest first."""

    summary: Summary
    deeds: tuple[Deed, ...]
    approvals: tuple[Approval, ...] = ()
    applies: tuple[Apply, ...] = ()
    drifts: tuple[DriftSpan, ...] = ()
    mendings: tuple[Mending, ...] = ()
    waivers: tuple[WaiverUse, ...] = ()
    overrides: tuple[Overriding, ...] = ()
    stops: tuple[Stopping, ...] = ()
    refusals: tuple[Refused, ...] = ()
    policies: tuple[PolicySpan, ...] = ()
    moves: tuple[Moved, ...] = ()
    timelines: tuple[Timeline, ...] = ()


@dataclass(frozen=True, slots=True)
class Standing:
    """What was so already when the period began."""

    policy: PolicySpan | None = None
    stops: tuple[Stopping, ...] = ()
    drifts: tuple[DriftSpan, ...] = ()


@dataclass(frozen=True, slots=True)
class Evidence:
    """The evidence of a period."""

    repository: str
    branch: str
    since: str
    until: str
    environments: tuple[str, ...]
    """Those that were asked for; none: all."""
    simulated: bool
    tables: Tables
    dora: Measured
    verified: Verified | None
    """None: the chain could not be verified."""
    details: tuple[Detail, ...]
    """The newest records, newest first."""
    details_left_out: int
    notes: tuple[str, ...] = field(default=())
    broken: Break | None = None
    """Where reading ended too early."""

    @property
    def good(self) -> bool:
        """Whether all of it could be read and nothing is broken that nobody answered for."""
        return self.broken is None and self.verified is not None and not self.verified.open_breaks
