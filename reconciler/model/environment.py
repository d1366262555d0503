"""Environment: one deployable thing of one owner on one track, at one stage."""

from typing import Annotated, Any, Final, Literal

from pydantic import AfterValidator, Field

from reconciler.model.base import (
    Account,
    Document,
    DriftMode,
    Duration,
    Items,
    Lifetime,
    Model,
    Name,
    OwnedMetadata,
    Region,
    Stage,
    Version,
    worded,
)
from reconciler.model.blueprint import ParameterName
from reconciler.model.profile import Rollout

IMPORTS: Final = 50
"""So many things are taken over at once."""


class BlueprintRef(Model):
    """Which blueprint, in which released version."""

    name: Name
    """A folder of `templates/`."""
    version: Version
    """A version of that blueprint; promotion carries it from stage to stage."""


class DriftOverride(Model):
    """What of the profile's drift handling this environment changes."""

    mode: DriftMode | None = None
    """Who mends drift."""
    interval: Duration | None = None
    """How often to look for drift."""


class Overrides(Model):
    """Departures from the profile, each only where the profile's `allowedOverrides` names it."""

    drift: DriftOverride | None = None
    """`drift.mode`, `drift.interval`"""
    rollout: Rollout | None = None
    """`rollout`"""


class Revert(Model):
    """An order to put drift back. It holds for that drift, that one time, and for no other."""

    drift: Annotated[
        str, worded(r"^sha256:[0-9a-f]{64}$", "the digest of a drift, whole", max_length=71)
    ]
    """The digest of the drift."""
    record: int = Field(ge=0)
    """The number of the record that saw it."""


class Import(Model):
    """Something that is there already, and becomes the environment's."""

    to: Annotated[
        str,
        worded(
            r"^[a-z][a-z0-9_]*\.[A-Za-z_][A-Za-z0-9_-]*"
            r"(\[([0-9]{1,4}|\"[A-Za-z0-9_.:/@ -]{1,64}\")\])?$",
            'the address of a resource of the blueprint, such as aws_sns_topic.alarms or a.b["c"]',
            max_length=200,
        ),
    ]
    """The resource of the blueprint that it becomes."""
    id: Annotated[
        str,
        worded(
            r"^[A-Za-z0-9_./][A-Za-z0-9_.:/,;@+=#|* -]*$",
            "what the provider calls it, without quotes and braces",
            max_length=1024,
        ),
    ]
    """What the provider calls it."""


class Taken(Model):
    """A value that another environment puts out."""

    environment: Name
    """The environment that has it."""
    output: Annotated[
        str, worded(r"^[A-Za-z_][A-Za-z0-9_-]*$", "the name of an output", max_length=100)
    ]
    """The output's name; one that is sensitive is not handed on."""


def _once(value: tuple[Import, ...]) -> tuple[Import, ...]:
    """Each resource becomes one thing, and each thing one resource of a type."""
    places = [one.to for one in value]
    things = [f"{one.id} of {one.to.partition('.')[0]}" for one in value]
    for found, words in ((places, "the address"), (things, "the id")):
        twice = next((one for one in found if found.count(one) > 1), None)
        if twice is not None:
            msg = f"expected {words} only once: {twice}"
            raise ValueError(msg)
    return value


class EnvironmentSpec(Model):
    """What is wanted."""

    track: Name
    """The profile to live by: demo, customer, platform."""
    stage: Stage
    """dev, staging or production."""
    promoted_from: Name | None = None
    """The environment of the stage before, which this one follows."""
    blueprint: BlueprintRef
    """What is built."""
    region: Region | None = None
    """The AWS region; the profile's default when absent."""
    account: Account
    """The AWS account that it is built in."""
    parameters: dict[str, Any] = Field(default={})
    """Values for the blueprint's parameters, checked against its schema."""
    after: Items[Name] = ()
    """Environments that have to be there first; they are destroyed after this one."""
    takes: dict[ParameterName, Taken] = Field(default={}, max_length=20)
    """Parameters that follow what other environments put out: the controller writes a new value
    into `parameters`, and it is judged as any change."""
    ttl: Lifetime | None = None
    """How long it lives after its first apply; the profile's default when absent."""
    overrides: Overrides | None = None
    """Departures from the profile, where the profile allows them."""
    revert: Revert | None = None
    """Drift that is to be put back. What drifted is told by the record; it is spent once it is
    gone, and may stay here or be taken out."""
    imports: Annotated[Items[Import], AfterValidator(_once)] = Field(default=(), max_length=IMPORTS)
    """What is there already, is tagged as this environment's, and is to be taken over. An entry is
    spent once it is applied, and may stay here or be taken out."""

    @property
    def needs(self) -> tuple[str, ...]:
        """Environments that have to be there first, each once."""
        others = (one.environment for one in self.takes.values())
        return tuple(dict.fromkeys((*self.after, *others)))


class Environment(Document):
    """One deployable thing of one owner on one track, at one stage."""

    kind: Literal["Environment"]
    """Environment"""
    metadata: OwnedMetadata
    """Name, owner, description and labels."""
    spec: EnvironmentSpec
    """What is wanted."""
