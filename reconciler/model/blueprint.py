"""Blueprint: templates of Terraform and of a pipeline, with a typed parameter schema."""

from datetime import timedelta
from functools import cached_property
from typing import Annotated, Any, Literal

from pydantic import Field, model_validator

from reconciler.model.base import (
    Document,
    Duration,
    Items,
    Model,
    OwnedMetadata,
    Strategy,
    Text,
    Version,
    worded,
)

ParameterName = Annotated[
    str, worded(r"^[a-z][a-z0-9_]*$", "lower-case words joined by `_`", max_length=48)
]
ScalarType = Literal["string", "integer", "number", "boolean"]
AttributePlace = Annotated[
    str,
    worded(
        r"^[a-z][a-z0-9_]*\.[A-Za-z_][A-Za-z0-9_-]*\.[a-z][a-z0-9_.\[\]]*$",
        "an attribute of a resource such as aws_lambda_function.api.timeout",
        max_length=200,
    ),
]
Format = Literal["cidr", "image", "instance-class"]


class Parameter(Model):
    """One parameter: its type and the values that it may take."""

    type: Literal["string", "integer", "number", "boolean", "list", "map"]
    """The type of the value."""
    items: ScalarType = "string"
    """For list and map: the type of each element."""
    description: Text
    """What it does, for the person who fills it in."""
    default: Any = None
    """The value when none is given; a parameter without a default is required."""
    enum: tuple[str | int | float, ...] = ()
    """The only values (of elements, for list and map)."""
    minimum: int | float | None = None
    """Smallest number."""
    maximum: int | float | None = None
    """Largest number."""
    min_length: int | None = Field(default=None, ge=0)
    """Fewest characters of a string, or elements of a list or map."""
    max_length: int | None = Field(default=None, ge=0)
    """Most characters of a string, or elements of a list or map."""
    pattern: str | None = None
    """A regular expression (Rust syntax: linear time) for a string or for each element."""
    format: Format | None = None
    """cidr, image (a container image's name), or instance-class (db.t4g.medium), for strings."""
    adopts: Items[AttributePlace] = ()
    """Attributes that have just this value, and change nothing else: drift of them can be taken
    over into an environment's document."""


class Engine(Model):
    """What the rendered source needs."""

    terraform: Annotated[
        str, worded(r"^[0-9.,<>=!~ ]+$", "versions such as >= 1.9, < 2", max_length=60)
    ]
    """A version constraint of Terraform or OpenTofu."""


OutputName = Annotated[
    str, worded(r"^[a-z][a-z0-9_]*$", "an output: lower-case words joined by `_`", max_length=64)
]


class AlarmsCheck(Model):
    """No CloudWatch alarm of the environment is in ALARM."""

    kind: Literal["alarms"]
    """alarms"""
    prefix: OutputName
    """The output that all names of its alarms begin with."""


class ServiceCheck(Model):
    """ECS runs as many tasks as it is to, and no deployment of it fails."""

    kind: Literal["service"]
    """service"""
    cluster: OutputName
    """The output with the cluster's name."""
    services: OutputName
    """The output with the services' names, a blank between them."""


class FunctionCheck(Model):
    """A Lambda function is there, and its last change came through; its errors are alarms."""

    kind: Literal["function"]
    """function"""
    function: OutputName
    """The output with the function's name."""


class HttpCheck(Model):
    """A URL of the environment answers."""

    kind: Literal["http"]
    """http"""
    url: OutputName
    """The output with the address; https, without a path."""
    path: Annotated[
        str, worded(r"^/[A-Za-z0-9/._~-]*$", "a path such as /healthz", max_length=200)
    ] = "/"
    """What is asked for below it."""
    status: Items[Annotated[int, Field(ge=200, le=499)]] = Field(default=(200,), min_length=1)
    """The answers that are good. A redirect is not followed."""


class HealthCheck(Model):
    """One thing that has to be so, and how soon after a change."""

    check: AlarmsCheck | ServiceCheck | FunctionCheck | HttpCheck = Field(discriminator="kind")
    """What is looked at."""
    patience: Duration = timedelta(minutes=5)
    """How long after a change it may be otherwise."""


class BlueprintSpec(Model):
    """What can be built, from which values."""

    version: Version
    """The folder's name below the blueprint's; a released version is not changed."""
    engine: Engine
    """What the rendered source needs."""
    rollouts: Items[Strategy] = Field(min_length=1)
    """The rollout strategies that it supports."""
    monthly_cost: dict[str, int] = Field(default={})
    """Estimated US dollars a month, by the value of the parameter `size`."""
    parameters: dict[ParameterName, Parameter] = Field(default={})
    """The values that it takes."""
    promotes: Items[ParameterName] = ()
    """Parameters that a promotion carries along with the version; the others belong to a stage."""

    @model_validator(mode="after")
    def _promotes_parameters(self) -> "BlueprintSpec":
        unknown = [name for name in self.promotes if name not in self.parameters]
        if unknown:
            msg = f"`promotes` names `{unknown[0]}`, which is no parameter"
            raise ValueError(msg)
        return self

    health: tuple[HealthCheck, ...] = Field(default=(), max_length=20)
    """How to tell that an environment does what it is for; empty = nobody looks."""

    @cached_property
    def machines(self) -> tuple[tuple[str, Parameter], ...]:
        """The parameters that name what it runs on, and how dear that is."""
        return tuple(
            (name, one) for name, one in self.parameters.items() if one.format == "instance-class"
        )


class Blueprint(Document):
    """Templates of Terraform and of a pipeline, with a typed parameter schema."""

    kind: Literal["Blueprint"]
    """Blueprint"""
    metadata: OwnedMetadata
    """The name is the folder's below `templates/`."""
    spec: BlueprintSpec
    """What can be built, from which values."""
