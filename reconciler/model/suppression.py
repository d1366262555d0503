"""Suppression: drift that is let be, for one subject, by somebody, until a day."""

from typing import Annotated, Literal

from pydantic import Field, StringConstraints, model_validator

from reconciler.model.base import Document, End, Items, Model, Name, OwnedMetadata, Text, worded

ResourceType = Annotated[
    str, worded(r"^[a-z][a-z0-9_]*$", "a type of resource such as aws_ecs_service", max_length=100)
]


class DriftSubject(Model):
    """Which drift is let be: it holds where every given field matches."""

    environments: Items[Name] = ()
    """Names of environments; empty = any."""
    tracks: Items[Name] = ()
    """Tracks; empty = any."""
    type: ResourceType
    """The type of the resource."""
    resources: Items[Text] = ()
    """Terraform addresses, or ARNs of what is unmanaged; empty = any."""
    what: Literal["changed", "gone", "unmanaged"] = "changed"
    """Whether it is changed, gone, or managed by nobody."""
    attributes: Items[Text] = Field(default=(), max_length=50)
    """Of what is changed: paths of attributes, `*` for any text, such as `tags.*`."""

    @model_validator(mode="after")
    def _names_something(self) -> "DriftSubject":
        if not (self.environments or self.tracks):
            msg = "a suppression names `environments` or `tracks`; one for everything blinds"
            raise ValueError(msg)
        if (self.what == "changed") != bool(self.attributes):
            msg = "`attributes` go with `what: changed`, and there they have to be named"
            raise ValueError(msg)
        return self


class SuppressionSpec(Model):
    """What is let be, why and until when."""

    subject: DriftSubject
    """Which drift."""
    reason: Annotated[Text, StringConstraints(min_length=15)]
    """Why, in words that an auditor understands."""
    expires: End
    """When it ends by itself."""


class Suppression(Document):
    """Drift that is let be, for one subject, by somebody, until a day."""

    kind: Literal["Suppression"]
    """Suppression"""
    metadata: OwnedMetadata
    """The owner answers for it."""
    spec: SuppressionSpec
    """What is let be, why and until when."""
