"""Blueprint: templates of Terraform and of a pipeline, with a typed parameter schema."""

from typing import Annotated, Any, Literal

from pydantic import Field

from reconciler.model.base import (
    Document,
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


class Blueprint(Document):
    """Templates of Terraform and of a pipeline, with a typed parameter schema."""

    kind: Literal["Blueprint"]
    """Blueprint"""
    metadata: OwnedMetadata
    """The name is the folder's below `templates/`."""
    spec: BlueprintSpec
    """What can be built, from which values."""
