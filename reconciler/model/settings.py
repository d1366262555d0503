"""Settings (`reconciler.yaml`): how this repository is watched, judged and applied."""

from datetime import timedelta
from typing import Annotated, Final, Literal

from pydantic import Field, field_validator, model_validator

from reconciler.model.base import (
    Document,
    Duration,
    Items,
    Model,
    Name,
    OwnedMetadata,
    Region,
    Text,
    worded,
)
from reconciler.model.team import Email, ForgeId, SshKey

BranchName = Annotated[
    str, worded(r"^[A-Za-z0-9][A-Za-z0-9._/-]*$", "a branch name such as main", max_length=200)
]
EnvVar = Annotated[
    str,
    worded(
        r"^[A-Z][A-Z0-9_]*$",
        "the name of an environment variable, such as GITLAB_TOKEN; secrets never stand in git",
        max_length=80,
    ),
]
HttpUrl = Annotated[
    str, worded(r"^https?://[^\s@]+$", "an address such as https://gitlab.com", max_length=500)
]
HttpsUrl = Annotated[
    str, worded(r"^https://[^\s@]+$", "an address that starts with https://", max_length=500)
]
STATE_ADDRESS: Final = (
    r"^(https://[^\s@]+|http://(localhost|127(\.[0-9]{1,3}){3}|\[::1\])(:[0-9]{1,5})?(/[^\s@]*)?)$"
)
StateUrl = Annotated[
    str,
    worded(
        STATE_ADDRESS,
        "an address that starts with https://, since a token is sent there;"
        " http:// only for this machine (localhost)",
        max_length=500,
    ),
]
TopicArn = Annotated[
    str,
    worded(
        r"^arn:aws[a-z-]*:sns:[a-z0-9-]+:[0-9]{12}:[A-Za-z0-9_-]+$",
        "the ARN of an SNS topic",
        max_length=300,
    ),
]


class Branches(Model):
    """The branches that matter."""

    target: BranchName = "main"
    """What is judged by and applied from."""
    records: BranchName = "records"
    """Where records are written."""

    def records_of(self, *, simulated: bool) -> str:
        """The branch of records; what happens in the sandbox has one of its own."""
        return f"{self.records}-sandbox" if simulated else self.records


class LocalForge(Model):
    """Merge requests as refs and documents in a bare repository: no server."""

    kind: Literal["local"]
    """local"""


class GitLabForge(Model):
    """Merge requests on GitLab."""

    kind: Literal["gitlab"]
    """gitlab"""
    url: HttpUrl = "https://gitlab.com"
    """The server."""
    project: Text
    """The project's full path or numeric id."""
    token_from: EnvVar = "GITLAB_TOKEN"  # noqa: S105  # a variable's name
    """The environment variable that holds the token."""
    webhook_secret_from: EnvVar | None = None
    """The environment variable that holds what webhooks prove themselves with; absent: none is
    listened for."""
    accounts: Items[ForgeId] = ()
    """The ids of all accounts that speak for this program, where it is more than one: what their
    notes show is believed, and there is one note of all of them."""


class LocalState(Model):
    """Terraform state on this machine; for trying things out."""

    backend: Literal["local"]
    """local"""


class S3State(Model):
    """Terraform state in S3, with its native lock file."""

    backend: Literal["s3"]
    """s3"""
    bucket: Text
    """The bucket."""
    region: Region
    """The bucket's region."""
    prefix: Text = "reconciler"
    """The keys' first part."""
    kms_key: Text | None = None
    """The key to encrypt with; the bucket's default when absent."""


class HttpState(Model):
    """Terraform state that GitLab manages."""

    backend: Literal["http"]
    """http"""
    address: StateUrl
    """The address below which each environment has its state; http:// only on this machine."""


class PgState(Model):
    """Terraform state in PostgreSQL."""

    backend: Literal["pg"]
    """pg"""
    connection_from: EnvVar
    """The environment variable that holds the connection string."""


RoleName = Annotated[
    str, worded(r"^[A-Za-z0-9+=,.@_/-]+$", "the name of an IAM role", max_length=64)
]


class AwsAccess(Model):
    """How an environment's own account is entered: for a short time, for one purpose."""

    plan_role: RoleName = "reconciler-plan"
    """The role for planning and looking, in every account; it only reads."""
    apply_role: RoleName = "reconciler-apply"
    """The role for applying, in every account."""
    session: Duration = timedelta(hours=1)
    """How long credentials hold, 15 minutes at least."""
    web_identity_from: EnvVar | None = None
    """The variable with a token of the pipeline (GitLab's `id_tokens`); absent: the credentials
    that this process has."""
    external_id_from: EnvVar | None = None
    """The variable with the external id that the roles ask for."""


class PolicyEngine(Model):
    """What evaluates Rego."""

    engine: Literal["auto", "embedded", "opa"] = "auto"
    """auto takes the embedded engine and says so."""
    url: HttpUrl | None = None
    """For opa: the server; absent = an `opa` from PATH, started privately."""
    timeout: Duration = timedelta(seconds=10)
    """How long one evaluation may take."""

    @model_validator(mode="after")
    def _url_goes_with_opa(self) -> "PolicyEngine":
        if self.url is not None and self.engine != "opa":
            msg = f"`url` goes with `engine: opa`; the engine is {self.engine}"
            raise ValueError(msg)
        return self


RemoteName = Annotated[
    str,
    worded(r"^[A-Za-z0-9][A-Za-z0-9._-]*$", "the name of a remote such as origin", max_length=80),
]


class RecordWriter(Model):
    """A program that writes records: a controller, or a pipeline's job."""

    name: Text
    """What it is called."""
    email: Email
    """As it commits."""
    keys: Items[SshKey] = Field(min_length=1)
    """Public keys that it signs with."""
    forge_id: ForgeId | None = None
    """Its numeric user id at the forge, where it opens merge requests."""


class RecordKeeping(Model):
    """How records are kept."""

    remote: RemoteName | None = None
    """The remote that has them, and to which each is pushed before it counts; absent: they stay
    in the repository that they are written in."""
    signed: bool = False
    """Whether a record without a good signature is a broken one."""
    writers: Items[RecordWriter] = ()
    """Who may sign any record. A person may sign what that person did, with the keys of the team's
    document."""
    anchor: RemoteName | None = None
    """A second remote, which gets anchors, so that a rewritten history is noticed."""


class Intervals(Model):
    """How often to look."""

    poll: Duration = timedelta(minutes=1)
    """At the repository, when no webhook came."""
    retry: Duration = timedelta(minutes=5)
    """At an environment that failed, at most."""


class LeaseSettings(Model):
    """How several controllers keep out of each other's way."""

    lasts: Duration = timedelta(seconds=90)
    """How long an environment stays with a controller that says nothing more, 15s to 1h: so long it
    waits after a machine has died."""

    @field_validator("lasts")
    @classmethod
    def _neither_a_moment_nor_for_ever(cls, value: timedelta) -> timedelta:
        if not timedelta(seconds=15) <= value <= timedelta(hours=1):
            msg = "expected 15s to 1h"
            raise ValueError(msg)
        return value


class ControllerSettings(Model):
    """How the controller works."""

    leases: LeaseSettings = LeaseSettings()
    """How several controllers keep out of each other's way."""
    concurrency: int = Field(default=4, ge=1, le=64)
    """How many environments one controller works on at once."""
    removal_limit: int = Field(default=3, ge=0, le=1000)
    """At most so many environments are destroyed within a day, since their documents were removed,
    without a human; 0: none."""


class SlackTarget(Model):
    """A Slack-compatible incoming webhook."""

    kind: Literal["slack"]
    """slack"""
    url_from: EnvVar
    """The environment variable that holds the address."""


class WebhookTarget(Model):
    """A signed webhook."""

    kind: Literal["webhook"]
    """webhook"""
    url: HttpsUrl
    """The address."""
    secret_from: EnvVar
    """The environment variable that holds the signing secret."""


class SnsTarget(Model):
    """An SNS topic."""

    kind: Literal["sns"]
    """sns"""
    topic: TopicArn
    """The topic's ARN."""


class EmailTarget(Model):
    """Mail."""

    kind: Literal["email"]
    """email"""
    to: Items[Email] = Field(min_length=1)
    """The receivers."""


Event = Literal[
    "denied",
    "approval-needed",
    "applied",
    "failed",
    "drift",
    "expiring",
    "frozen",
    "bypass",
    "quarantined",
]


class Notification(Model):
    """Who hears what."""

    name: Name
    """The rule's name."""
    events: Items[Event] = Field(min_length=1)
    """What to tell."""
    tracks: Items[Name] = ()
    """Of which tracks; empty = all."""
    teams: Items[Name] = ()
    """Of environments of which teams; empty = all."""
    target: SlackTarget | WebhookTarget | SnsTarget | EmailTarget = Field(discriminator="kind")
    """Where to."""


class SettingsSpec(Model):
    """How this repository is watched, judged and applied."""

    branches: Branches = Branches()
    """The branches that matter."""
    forge: LocalForge | GitLabForge = Field(discriminator="kind")
    """Where merge requests live."""
    state: LocalState | S3State | HttpState | PgState = Field(discriminator="backend")
    """Where Terraform keeps its state."""
    aws: AwsAccess | None = None
    """How accounts are entered; absent: with the credentials that this process has."""
    records: RecordKeeping = RecordKeeping()
    """How records are kept."""
    policy: PolicyEngine = PolicyEngine()
    """What evaluates Rego."""
    intervals: Intervals = Intervals()
    """How often to look."""
    controller: ControllerSettings = ControllerSettings()
    """How the controller works."""
    notifications: tuple[Notification, ...] = ()
    """Who hears what."""


class Settings(Document):
    """How this repository is watched, judged and applied."""

    kind: Literal["Settings"]
    """Settings"""
    metadata: OwnedMetadata
    """The owner may change how everything works."""
    spec: SettingsSpec
    """How this repository is watched, judged and applied."""
