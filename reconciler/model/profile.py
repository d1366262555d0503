"""Profile: what a track allows, asks for and does by itself."""

import re
from datetime import time
from typing import Annotated, Any, Literal

from pydantic import (
    BeforeValidator,
    Field,
    PlainSerializer,
    WithJsonSchema,
    model_validator,
)

from reconciler.model.base import (
    STAGES,
    Account,
    Document,
    DriftMode,
    Duration,
    GateLevel,
    Isolation,
    Items,
    Label,
    LabelKey,
    Lifetime,
    Model,
    Name,
    OwnedMetadata,
    Region,
    Risk,
    Stage,
    Strategy,
    Text,
    Version,
    worded,
)

Override = Literal["drift.mode", "drift.interval", "rollout"]
ScannerName = Literal["checkov"]
Weekday = Literal["mon", "tue", "wed", "thu", "fri", "sat", "sun"]


_CLOCK = re.compile(r"[0-9]{2}:[0-9]{2}")


def _clock_time(value: object) -> time:
    if isinstance(value, time):
        return value
    if isinstance(value, str) and _CLOCK.fullmatch(value):
        try:
            return time.fromisoformat(value)
        except ValueError:
            pass
    msg = 'expected a time of day such as "08:30"'
    raise ValueError(msg)


ClockTime = Annotated[
    time,
    BeforeValidator(_clock_time),
    PlainSerializer(lambda value: value.strftime("%H:%M"), return_type=str),
    WithJsonSchema(
        {"type": "string", "pattern": r"^([01]\d|2[0-3]):[0-5]\d$", "examples": ["08:30"]}
    ),
]


class RolloutStep(Model):
    """One step of a canary."""

    traffic: int = Field(ge=1, le=100)
    """Percent of the traffic that goes to the new version."""
    wait: Duration
    """How long to watch before the next step."""


class Rollout(Model):
    """How a change reaches users."""

    strategy: Strategy
    """rolling, blue-green or canary."""
    steps: tuple[RolloutStep, ...] = Field(default=(), max_length=10)
    """For canary: rising shares of traffic, the last one 100."""

    @model_validator(mode="after")
    def _steps_fit_strategy(self) -> "Rollout":
        if self.strategy != "canary":
            if self.steps:
                msg = f"`steps` go with canary; the strategy is {self.strategy}"
                raise ValueError(msg)
            return self
        shares = [step.traffic for step in self.steps]
        if not shares or shares[-1] != 100 or shares != sorted(set(shares)):  # noqa: PLR2004  # per cent
            msg = "a canary wants `steps` whose `traffic` rises and ends at 100"
            raise ValueError(msg)
        return self


class HealthRules(Model):
    """How far a look at an environment's health may go."""

    inside_addresses: bool = False
    """Whether checks by HTTP may go to private addresses; never to the machine that asks."""


class Defaults(Model):
    """What an environment has when its document says nothing."""

    region: Region | None = None
    """The region."""
    account: Account | None = None
    """What `reconciler new` writes into a new environment."""
    blueprint: Name | None = None
    """What `reconciler new` takes when no blueprint is named."""
    parameters: dict[str, Any] = Field(default={})
    """Values for blueprint parameters of these names, where the blueprint has them."""
    labels: dict[LabelKey, Label] = Field(default={})
    """Labels that every environment of the track gets."""


class Allowed(Model):
    """The choices an environment has."""

    regions: Items[Region] = Field(min_length=1)
    """Regions."""
    blueprints: Items[Name] = Field(min_length=1)
    """Blueprints."""
    stages: Items[Stage] = Field(min_length=1)
    """Stages."""
    sizes: Items[str] = ()
    """Values of a blueprint's `size` parameter; empty = any that the blueprint knows."""
    instance_families: Items[
        Annotated[
            str, worded(r"^[a-z][a-z0-9-]*$", "an instance family such as t4g", max_length=20)
        ]
    ] = ()
    """Families (t4g, m7g, r7g) of parameters with `format: instance-class`; empty = any."""


class Budget(Model):
    """Monthly limits in US dollars, held against the blueprints' cost estimates."""

    per_environment: int | None = Field(default=None, ge=0)
    """For one environment."""
    per_team: int | None = Field(default=None, ge=0)
    """For all environments of a team on this track."""


class Quotas(Model):
    """How much of it."""

    environments_per_team: int | None = Field(default=None, ge=0)
    """Environments that a team may have on this track."""
    monthly_budget: Budget = Budget()
    """Monthly limits in US dollars."""


class GateLevels(Model):
    """What a finding of each category does: advisory tells, soft asks for approval, hard denies."""

    security: GateLevel = "hard"
    """Security findings."""
    cost: GateLevel = "hard"
    """Cost findings."""
    compliance: GateLevel = "hard"
    """Compliance findings."""
    operational: GateLevel = "hard"
    """Operational findings."""
    pipeline: GateLevel = "hard"
    """Findings in pipelines."""
    authority: GateLevel = "hard"
    """Somebody changed what is not theirs to change."""


class Gates(Model):
    """Levels by stage. What is not named is hard."""

    dev: GateLevels = GateLevels()
    """Levels at the stage dev."""
    staging: GateLevels = GateLevels()
    """Levels at the stage staging."""
    production: GateLevels = GateLevels()
    """Levels at the stage production."""


class Scanners(Model):
    """Scanners that have to answer, by stage. What is not named is not asked."""

    dev: Items[ScannerName] = ("checkov",)
    """At the stage dev."""
    staging: Items[ScannerName] = ("checkov",)
    """At the stage staging."""
    production: Items[ScannerName] = ("checkov",)
    """At the stage production."""


class ApprovalRule(Model):
    """Who has to agree, for which changes. All rules that match a change must be met."""

    stages: Items[Stage] = Field(min_length=1)
    """Stages that the rule is for."""
    risks: Items[Risk] = Field(min_length=1)
    """Risk tiers that the rule is for: L0 changes nothing in the cloud ... L3 destroys data."""
    count: int = Field(ge=1, le=10)
    """How many people."""
    teams: Items[Name] = ()
    """Teams that they must be of; empty = the owner's team."""
    humans_only: bool = True
    """Whether only people count, and no agents."""


class AutoMerge(Model):
    """Which merge requests are merged without anybody doing it, once everything is allowed."""

    stages: Items[Stage] = ()
    """Stages of which changes are merged by themselves when they are allowed; empty = none."""


class AutomatedDrift(Model):
    """What of drift is mended without anybody; a human is asked about the rest."""

    highest_risk: Risk = "L1"
    """The highest risk tier of what mends it. L3, what holds data, is never mended by itself."""
    per_hour: int = Field(default=6, ge=0, le=1000)
    """Environments of the track that are mended by themselves within an hour."""
    resources: int = Field(default=10, ge=0, le=1000)
    """Resources of one environment that are mended at once."""
    removals: int = Field(default=0, ge=0, le=100)
    """Of what is unmanaged, so many that hold nothing are removed at once; 0: a human does it."""


class Drift(Model):
    """What happens when the cloud is not as declared."""

    mode: DriftMode
    """automated mends, assisted opens a merge request, advisory tells."""
    interval: Duration
    """How often to look."""
    automated: AutomatedDrift = AutomatedDrift()
    """For the mode automated: what is mended without anybody."""


class Ttl(Model):
    """How long environments of the track live."""

    default: Lifetime
    """When the environment's document says nothing."""
    maximum: Lifetime
    """The longest that a document may ask for."""
    warn_before: Duration | None = None
    """How long before its end it is announced; absent = a tenth of its life, at most a day."""
    data: Literal["keep", "snapshot", "destroy"] = "keep"
    """What becomes of data at the end: keep = what holds data is not ended by itself; snapshot =
    it is ended when all that holds data has a snapshot; destroy = it goes with the rest."""

    @model_validator(mode="after")
    def _default_fits(self) -> "Ttl":
        if self.default > self.maximum:
            msg = "`default` is longer than `maximum`"
            raise ValueError(msg)
        return self


class ChangeWindow(Model):
    """When changes may be applied."""

    days: Items[Weekday] = Field(min_length=1)
    """Days of the week."""
    start: ClockTime
    """From this time of day, UTC."""
    end: ClockTime
    """Until this time of day, UTC."""

    @model_validator(mode="after")
    def _ends_after_start(self) -> "ChangeWindow":
        if self.end <= self.start:
            msg = "`end` must be later than `start`; a window ends on the day it starts"
            raise ValueError(msg)
        return self


class Promotion(Model):
    """When an environment may be promoted to the next stage."""

    green_for: Duration | None = None
    """How long the step before has to do well: applied, and neither failed nor drifted since."""


class FastRollback(Model):
    """Where an incident need not wait for anybody."""

    stages: Items[Stage] = ()
    """Stages at which a rollback may go to the target branch at once; empty = none."""
    highest_risk: Risk = "L2"
    """The highest risk tier that is applied before anybody agreed."""


class Rollback(Model):
    """How an environment goes back to what was good."""

    fast: FastRollback = FastRollback()
    """Where it is agreed to afterwards."""


class QuarantineAfter(Model):
    """What an agent may get wrong within a day; beyond it, it waits for a human."""

    denials: int = Field(default=20, ge=0)
    """Changes that were denied, and orders that were refused."""
    rollbacks: int = Field(default=3, ge=0)
    """Changes of its that were rolled back."""


class AgentLimits(Model):
    """What agents may do on the track; an Agent's own limits can only be lower."""

    highest_risk: Risk
    """The highest risk tier of a change."""
    changes_per_day: int = Field(ge=0)
    """Changes of one agent in a day; 0 = none."""
    quarantine_after: QuarantineAfter = QuarantineAfter()
    """How much may go wrong within a day before it is put in quarantine."""


class ProviderPin(Model):
    """One provider in one version."""

    source: Annotated[
        str, worded(r"^[a-z0-9-]+/[a-z0-9-]+$", "a source such as hashicorp/aws", max_length=100)
    ]
    """Where it comes from, as `required_providers` names it."""
    version: Version
    """The only version that is allowed."""


class RuleParameters(Model):
    """What the policies ask for on this track. Where nothing is said, the strict choice holds."""

    required_tags: Items[LabelKey] = (
        "environment",
        "owner",
        "stage",
        "track",
        "cost-centre",
        "managed-by",
    )
    """Tags that resources carry."""
    providers: tuple[ProviderPin, ...] = ()
    """Terraform providers that may be used; empty = none."""
    modules: Items[Text] = ()
    """Module sources that may be used, `*` within a folder; empty = none."""
    data_sources: Items[Text] = ()
    """Types of data sources that may be used, with `*`; empty = none."""
    provisioners: Items[Text] = ()
    """Provisioners that may be used; empty = none."""
    file_functions: Items[Text] = ()
    """Terraform functions that may read files of the blueprint itself; empty = none."""
    customer_keys: bool = True
    """Whether data is encrypted with KMS keys of the environment."""
    admin_ports: Items[Annotated[int, Field(ge=1, le=65535)]] = (
        22,
        1433,
        1521,
        3306,
        3389,
        5432,
        6379,
        9200,
        11211,
        27017,
    )
    """Ports that must not be open to the internet."""
    backup_days: int = Field(default=7, ge=0, le=35)
    """How long backups are kept at least; 0 = none are asked for."""
    log_days: int = Field(default=30, ge=1, le=3653)
    """How long logs are kept at least."""
    multi_az: bool = True
    """Whether databases, caches and load balancers stand in several zones."""
    protected_stages: Items[Stage] = STAGES
    """Stages at which what holds data cannot be deleted by one command."""
    pinned_image_stages: Items[Stage] = STAGES
    """Stages at which pipelines name images by digest."""


class ProfileSpec(Model):
    """The law of a track."""

    defaults: Defaults = Defaults()
    """What an environment has when its document says nothing."""
    allowed: Allowed
    """The choices an environment has."""
    quotas: Quotas = Quotas()
    """How much of it."""
    gates: Gates = Gates()
    """What findings do, by stage and category."""
    scanners: Scanners = Scanners()
    """Scanners that have to answer beside the policies, by stage."""
    approvals: tuple[ApprovalRule, ...] = ()
    """Who has to agree to what."""
    auto_merge: AutoMerge = AutoMerge()
    """What is merged by itself when it is allowed; absent = nothing."""
    drift: Drift
    """What happens when the cloud is not as declared."""
    ttl: Ttl | None = None
    """How long environments live; absent = for ever."""
    rollout: Rollout
    """How a change reaches users."""
    health: HealthRules = HealthRules()
    """How its health is looked at."""
    isolation: Isolation
    """shared, dedicated-vpc or dedicated-account."""
    change_windows: tuple[ChangeWindow, ...] = ()
    """When changes to production may be applied; empty = always."""
    promotion_required: bool = False
    """Whether production must be promoted from a staging environment."""
    promotion: Promotion = Promotion()
    """When an environment may be promoted to the next stage."""
    rollback: Rollback = Rollback()
    """How an environment goes back to what was good."""
    agents: AgentLimits
    """What agents may do."""
    rules: RuleParameters = RuleParameters()
    """What the policies ask for."""
    allowed_overrides: Items[Override] = ()
    """What of this an environment may change for itself."""


class Profile(Document):
    """What a track allows, asks for and does by itself."""

    kind: Literal["Profile"]
    """Profile"""
    metadata: OwnedMetadata
    """The name is the track's."""
    spec: ProfileSpec
    """The law of the track."""
