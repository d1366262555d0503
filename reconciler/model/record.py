"""Record: one thing that happened, as a document. What is written once is read for ever.

A record is a commit on the branch of records; its document is what an auditor judges by, and the
commit's message says the same for people. Numbers are whole, so that there is one way to write
them. A field is never given a new meaning: what needs one gets a new version beside this one.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Annotated, Any, Final, Literal

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    GetCoreSchemaHandler,
    GetJsonSchemaHandler,
    StringConstraints,
)
from pydantic_core import core_schema

from reconciler.model.base import Model, Name

VERSION: Final = "reconciler.records/v1"
DOCUMENT: Final = "record.json"
"""Where a record's document lies in its commit's tree."""
FOLDER: Final = "environments"
"""Below it each environment has what is true of it now."""

Digest = Annotated[str, StringConstraints(pattern=r"^sha256:[0-9a-f]{64}$")]
Commit = Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{40}$")]
Count = Annotated[int, Field(ge=0)]
Instant = Annotated[
    str,
    StringConstraints(
        pattern=r"^[0-9]{4}-(0[1-9]|1[0-2])-(0[1-9]|[12][0-9]|3[01])"
        r"T([01][0-9]|2[0-3]):[0-5][0-9]:[0-5][0-9]Z$"
    ),
]
Words = Annotated[str, StringConstraints(max_length=4000)]


class RecordKind(StrEnum):
    """What happened."""

    DECISION = "decision"
    APPLY_STARTED = "apply-started"
    APPLY_ENDED = "apply-ended"
    DRIFT_SEEN = "drift-seen"
    DRIFT_GONE = "drift-gone"
    REMEDIATION_PROPOSED = "remediation-proposed"
    REMEDIATION_STARTED = "remediation-started"
    REMEDIATION_ENDED = "remediation-ended"
    PROMOTION = "promotion"
    ROLLBACK = "rollback"
    EXPIRY = "expiry"
    FREEZE = "freeze"
    RESUME = "resume"
    WAIVER = "waiver"
    OVERRIDE = "override"
    REFUSAL = "refusal"
    POLICY = "policy"


class Actor(Model):
    """Who did it. Names can be changed by anyone; the forge's id and the key tell who acted."""

    name: Words
    """The name, for people."""
    email: Words
    """As in the person's commits."""
    forge_id: int | None = None
    """The numeric id at the forge."""
    kind: Literal["human", "agent", "program"] = "human"
    """What the actor is."""
    agent: Words | None = None
    """The agent's name, when it is one."""
    task: Words | None = None
    """What an agent was asked to do, by its own number."""


class Jump(Model):
    """An earlier record, so that any one is reached in few steps."""

    sequence: Count
    """Its number."""
    commit: Commit
    """Its commit."""


class Chain(Model):
    """Where a record stands. Whoever changes one record breaks every later one."""

    sequence: Count
    """How many came before it."""
    parent: Commit | None
    """The commit before it; null for the first."""
    previous: Digest | None
    """The digest of the document before it; null for the first, and after a break."""
    jump: Jump | None
    """An earlier record; null for the first."""


class Program(Model):
    """What wrote it."""

    name: Words
    """The program."""
    version: Words
    """Its version."""
    digest: Words
    """Of all its code."""


class PlanSummary(Model):
    """A plan in few words; the whole of it, masked, is in `plan.json`."""

    digest: Digest
    """The same for the same intent, and another for any other."""
    engine: Words
    """What made it."""
    create: Count
    """Resources to make."""
    update: Count
    """Resources to change."""
    replace: Count
    """Resources to make anew."""
    delete: Count
    """Resources to delete."""
    forget: Count
    """Resources to leave alone from now on."""
    imports: Count
    """Resources to take over."""
    move: Count
    """Resources with a new address."""
    loses_data: tuple[Words, ...]
    """Addresses of what holds data and would be deleted."""


class PlannedOtherwise(Model):
    """How a plan differs from the one that people agreed to, which is kept in `agreed.json`."""

    agreed: Digest
    """The digest of the plan that was agreed to."""
    more: tuple[Words, ...]
    """Addresses of what nothing was to happen to."""
    less: tuple[Words, ...]
    """Addresses of what nothing happens to any more."""
    otherwise: tuple[Words, ...]
    """Addresses of what something else happens to."""
    outputs: tuple[Words, ...]
    """Outputs that change otherwise."""


class GateAnswer(Model):
    """What one gate came to."""

    gate: Words
    """Which."""
    digest: Words
    """Of the gate's rules and what it looked at."""
    failure: Words
    """Why it could not say; empty when it could."""
    hint: Words
    """What to do about that."""
    findings: Count
    """How many it had."""


class _Loose(BaseModel):
    """The shape of a part that others define: fields that records rely on."""

    model_config = ConfigDict(extra="allow", frozen=True, strict=True)


class _Said(_Loose):
    name: str
    email: str | None
    forgeId: int | None  # noqa: N815  # as in the document
    at: Instant
    head: str
    plan: str | None
    policies: str | None


class _PassedOver(_Loose):
    approval: _Said
    why: str


class _Need(_Loose):
    count: Count
    teams: list[str]
    humansOnly: bool  # noqa: N815  # as in the document
    why: str


class _Found(_Loose):
    gate: str
    rule: str
    title: str
    severity: str
    category: str
    message: str
    path: str
    line: int
    commit: str | None
    resource: str | None
    fix: str
    link: str | None
    fingerprint: str
    waivedBy: str | None  # noqa: N815  # as in the document


class _Decided(_Loose):
    environment: str | None
    verdict: str
    reasons: list[str]
    approvals: list[_Need]
    agreed: list[_Said]
    disregarded: list[_PassedOver]
    findings: list[_Found]
    inputs: dict[str, str]


class _PersonGiven(_Loose):
    name: str
    email: str
    forgeId: int | None  # noqa: N815  # as in the document


class _Given(_Loose):
    authors: list[_PersonGiven] = []
    heads: list[str] = []
    plans: list[str] = []


@dataclass(frozen=True, slots=True)
class _Shaped:
    """A part that is kept as it is, and has at least the fields of a model."""

    model: type[_Loose]

    def __get_pydantic_core_schema__(  # pydantic's name
        self, source: Any, handler: GetCoreSchemaHandler
    ) -> core_schema.CoreSchema:
        return core_schema.no_info_after_validator_function(self._held, handler(source))

    def __get_pydantic_json_schema__(  # pydantic's name
        self, _schema: core_schema.CoreSchema, handler: GetJsonSchemaHandler
    ) -> dict[str, Any]:
        return handler(self.model.__pydantic_core_schema__)

    def _held(self, value: dict[str, Any]) -> dict[str, Any]:
        self.model.model_validate(value)
        return value


class DecisionBody(Model):
    """A decision, with everything that is needed to come to it again."""

    kind: Literal["decision"]
    """decision"""
    action: Literal["check", "apply", "destroy"]
    """What was asked for."""
    mode: Literal["change", "standing"]
    """Whether a change was judged, or a commit as it stands."""
    began: Commit | None
    """The commit that the change began at; null for a commit as it stands."""
    target: Commit
    """The commit whose policies, profiles and people judged."""
    head: Commit
    """The commit that was judged."""
    track: Words = ""
    """The environment's track, as judged; empty when it has none."""
    stage: Words = ""
    """Its stage."""
    owner: Words = ""
    """The team that it belongs to."""
    verdict: Literal["ALLOW", "NEEDS_APPROVAL", "INDETERMINATE", "DENY"]
    """What may happen."""
    risk: Literal["L0", "L1", "L2", "L3"]
    """How much could go wrong."""
    now: Instant
    """The time that it was judged by."""
    decision: Annotated[dict[str, Any], _Shaped(_Decided)]
    """The whole of it: findings, reasons, approvals, digests of all inputs."""
    given: Annotated[dict[str, Any], _Shaped(_Given)] = Field(default={})
    """What was said about it by people: authors, and the commits that an approval may name."""
    gates: tuple[GateAnswer, ...]
    """What each gate came to."""
    plan: PlanSummary | None
    """What Terraform would do, when it was asked."""
    otherwise: PlannedOtherwise | None = None
    """How that differs from the plan that people agreed to, where another one is kept."""


class ApplyStarted(Model):
    """The intent, written before the deed."""

    kind: Literal["apply-started"]
    """apply-started"""
    action: Literal["apply", "destroy"]
    """What begins."""
    decision: Count
    """The number of the record of the decision that allows it."""
    commit: Commit
    """What is applied."""
    plan: PlanSummary
    """What will be done."""
    fence: Count | None = None
    """How many records there were when the lease was taken; null: it was done without one."""
    holder: Words = ""
    """Who held the lease."""


class Diagnostic(Model):
    """What Terraform complained of, masked."""

    severity: Words
    """error or warning."""
    summary: Words
    """In short."""
    detail: Words
    """At length."""
    address: Words
    """The resource."""


class StateMark(Model):
    """Which state, and how far it has come."""

    lineage: Words
    """Which."""
    serial: Count
    """How far."""
    resources: Count
    """How much is in it."""


class ApplyEnded(Model):
    """What an apply came to."""

    kind: Literal["apply-ended"]
    """apply-ended"""
    action: Literal["apply", "destroy"]
    """What ended."""
    started: Count | None
    """The number of the record of its beginning; null when that was never written."""
    result: Literal["done", "failed", "interrupted"]
    """How it ended."""
    commit: Commit | None
    """What was applied."""
    files: Digest | None = None
    """The digest of what it renders to; null: nobody knows."""
    plan: Words
    """The digest of the plan."""
    engine: Words
    """What applied it."""
    counts: dict[str, Count]
    """What was done, by kind of change."""
    done: tuple[Words, ...]
    """Addresses that are as planned."""
    failed: tuple[Words, ...]
    """Addresses that failed."""
    left: tuple[Words, ...]
    """Addresses that were not begun."""
    unknown: tuple[Words, ...]
    """Addresses of which nobody knows; the next plan tells."""
    diagnostics: tuple[Diagnostic, ...]
    """What Terraform complained of."""
    state: StateMark | None
    """The state afterwards; null when there is none, or none that could be read."""


class Changed(Model):
    """One attribute that is not as it was left."""

    path: Words
    """Which."""
    want: Words
    """As it was left, as JSON; masked."""
    have: Words
    """As it is, as JSON; masked."""


class DriftedResource(Model):
    """One resource that is not as it was left."""

    address: Words
    """Which."""
    type: Words
    """Of which type."""
    what: Literal["changed", "gone"]
    """What happened to it."""
    identity: Words
    """The cloud's name for it."""
    attributes: tuple[Changed, ...]
    """What differs."""
    who: Words
    """Who did it, where the cloud tells; else empty."""
    mended: bool = True
    """Whether an apply puts it back; what the source does not speak of stays as it is."""


class DriftSeen(Model):
    """The cloud is not as it was left."""

    kind: Literal["drift-seen"]
    """drift-seen"""
    digest: Digest
    """The same drift has the same."""
    commit: Commit
    """What is declared."""
    engine: Words
    """What looked."""
    drifted: tuple[DriftedResource, ...]
    """What differs."""
    unmanaged: tuple[Words, ...]
    """ARNs of what carries our tags and is in no state."""
    imports: dict[Words, Words] = Field(default={})
    """Of these, by ARN: the address that the source has for it."""


class DriftGone(Model):
    """The cloud is as it was left, again."""

    kind: Literal["drift-gone"]
    """drift-gone"""
    digest: Digest
    """The drift that is gone."""
    since: Count
    """The number of the record that first saw it."""


class Remediation(Model):
    """Drift is to be mended, is being mended, or was mended."""

    kind: Literal["remediation-proposed", "remediation-started", "remediation-ended"]
    """How far it is."""
    mode: Literal["automated", "assisted", "advisory"]
    """By the profile."""
    drift: Digest
    """What is mended."""
    cause: Words
    """What the drift has in common over environments."""
    merge_request: Words
    """Where it is proposed; empty when nowhere."""
    result: Literal["", "done", "failed", "escalated", "withdrawn", "declined"]
    """How it ended; empty before. declined: a person closed what was proposed."""
    because: Words = ""
    """Why a human is asked; empty where the profile says so anyway."""
    marks: tuple[Words, ...] = ()
    """Names of the causes: the same cause has the same one."""


class Promotion(Model):
    """What runs in one environment is to run in the next."""

    kind: Literal["promotion"]
    """promotion"""
    source: Words
    """The environment that it comes from."""
    commit: Commit
    """What is promoted."""
    merge_request: Words
    """Where; empty when it needs none."""


class Rollback(Model):
    """Back to what was good."""

    kind: Literal["rollback"]
    """rollback"""
    bad: Commit
    """What is taken back."""
    good: Commit
    """What runs again."""
    because: Words
    """Why."""
    merge_request: Words
    """Where; empty when it needs none."""
    fast: bool = False
    """Whether it went to the target branch at once, and is agreed to afterwards."""


class Expiry(Model):
    """An environment comes to its end."""

    kind: Literal["expiry"]
    """expiry"""
    expires: Instant
    """When it ends, or ended."""
    step: Literal["warned", "extended", "kept", "ended", "destroyed"]
    """What was done; kept: it holds data, and a human has to end it; ended: its document is taken
    out, and nobody has to agree to that."""
    merge_request: Words
    """Where; empty when it needs none."""
    because: Words = ""
    """Why it was put off, or kept."""


class Stop(Model):
    """The emergency stop begins or ends."""

    kind: Literal["freeze", "resume"]
    """Which."""
    freeze: Words
    """The name of the document."""
    scope: Literal["everything", "track", "environment", "agent"]
    """What stands still."""
    subject: Words
    """The track, environment or agent; empty for everything."""
    because: Words
    """Why."""
    until: Instant | None
    """When it ends by itself."""
    commit: Commit | None
    """Where the document came or went."""


class WaiverUsed(Model):
    """A waiver excepts a finding for the first time."""

    kind: Literal["waiver"]
    """waiver"""
    waiver: Words
    """The document."""
    rule: Words
    """The rule."""
    owner: Words
    """The team that answers for it."""
    because: Words
    """Why."""
    expires: Instant
    """Until when."""
    fingerprints: tuple[Words, ...]
    """The findings."""
    decision: Count
    """The number of the record of the decision."""


class Override(Model):
    """A human takes something on."""

    kind: Literal["override"]
    """override"""
    what: Literal["chain", "state", "rule", "lease", "removal", "rollback"]
    """What is overridden."""
    subject: Words
    """Which one."""
    because: Words
    """Why."""
    until: Instant | None
    """Until when."""
    accepts: tuple[Words, ...]
    """What is accepted as it is: breaks of the chain by their names, or marks of a state."""


class Refusal(Model):
    """Somebody tried to get around a gate, and was stopped."""

    kind: Literal["refusal"]
    """refusal"""
    what: Words
    """What was tried."""
    why: Words
    """Why it was stopped."""
    commit: Commit | None
    """What should have run."""
    decision: Count | None
    """The number of the record of the decision, when there is one."""
    files: Digest | None = None
    """The digest of what should have run, where the target branch declares it; else null."""
    by: Words | None = None
    """Who brought it there, as its commit says."""
    passes: bool | None = None
    """Whether it may be let in later as it is; null: it is not declared."""


class PolicyTaken(Model):
    """From now on these rules and these people judge."""

    kind: Literal["policy"]
    """policy"""
    commit: Commit
    """The commit of the target branch."""
    policies: Words
    """Digest of the policies."""
    trees: dict[str, Words]
    """Object ids of everything that judges: policies, profiles, templates, settings."""


Body = Annotated[
    DecisionBody
    | ApplyStarted
    | ApplyEnded
    | DriftSeen
    | DriftGone
    | Remediation
    | Promotion
    | Rollback
    | Expiry
    | Stop
    | WaiverUsed
    | Override
    | Refusal
    | PolicyTaken,
    Field(discriminator="kind"),
]


class Record(Model):
    """One thing that happened."""

    # `schema` is taken by pydantic.
    version: Annotated[Literal["reconciler.records/v1"], Field(alias="schema")]
    """The version of the document's form."""
    id: Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{32}$")]
    """Its own, so that it is never written twice."""
    at: Instant
    """When, by the writer's clock."""
    environment: Name | None
    """What it is about; null: more than one environment."""
    simulated: bool
    """Whether it happened in the sandbox."""
    chain: Chain
    """Where it stands."""
    actor: Actor
    """Who."""
    program: Program
    """What wrote it."""
    run: Words | None
    """The run that it belongs to."""
    files: dict[str, Digest | None]
    """What it changes in the tree, by path; null: gone."""
    body: Body
    """What happened."""


@dataclass(frozen=True, slots=True)
class Draft:
    """A record that has no place in the chain yet."""

    id: str
    at: datetime
    environment: str
    """Empty: more than one environment."""
    actor: Actor
    program: Program
    body: Mapping[str, Any]
    """As in the document."""
    run: str = ""
    simulated: bool = False
    files: Mapping[str, bytes | None] = field(default_factory=dict)
    """What is now true, by path in the environment's folder (or in the root); None: no more.
    A path that ends in `/` with None: the whole folder goes first."""


@dataclass(frozen=True, slots=True)
class Elsewhere:
    """Another repository that has the branch of records, while this one has none of its own."""

    branch: str
    remote: str
    bring: str
    """The command that brings it here."""


@dataclass(frozen=True, slots=True)
class Stood:
    """What the target branch declares though a gate stopped it."""

    files: str
    """Digest of what it renders to."""
    by: str
    """Who brought it there, as its commit says."""
    passes: bool = False
    """Whether it may be let in later as it is."""


@dataclass(frozen=True, slots=True)
class Recorded:
    """A record with its place."""

    commit: str
    sequence: int
    digest: str
