"""Waiver: an exception from one rule, for one subject, by somebody, until a day."""

from typing import Annotated, Literal

from pydantic import StringConstraints, model_validator

from reconciler.model.base import Document, End, Items, Model, Name, OwnedMetadata, Text, worded

RuleId = Annotated[
    str,
    worded(
        r"^[A-Za-z][A-Za-z0-9_.-]{1,79}$",
        "the id of a rule of ours, or of Checkov (CKV_AWS_117)",
        max_length=80,
    ),
]

Fingerprint = Annotated[
    str, worded(r"^[0-9a-f]{32,40}$", "a finding's fingerprint, whole", max_length=40)
]


class Subject(Model):
    """What the exception is for: it holds where every given field matches."""

    environments: Items[Name] = ()
    """Names of environments; empty = any."""
    tracks: Items[Name] = ()
    """Tracks; empty = any."""
    resources: Items[Text] = ()
    """Terraform addresses or paths; empty = any."""
    fingerprints: Items[Fingerprint] = ()
    """Single findings, by the fingerprint that reports show; empty = any."""

    @model_validator(mode="after")
    def _names_something(self) -> "Subject":
        if not (self.environments or self.tracks or self.fingerprints):
            msg = (
                "a waiver names `environments`, `tracks` or `fingerprints`;"
                " one for everything would be no rule"
            )
            raise ValueError(msg)
        return self


class WaiverSpec(Model):
    """What is excepted, why and until when."""

    rule: RuleId
    """The rule."""
    subject: Subject
    """What for."""
    reason: Annotated[Text, StringConstraints(min_length=15)]
    """Why, in words that an auditor understands."""
    expires: End
    """When it ends by itself."""


class Waiver(Document):
    """An exception from one rule, for one subject, by somebody, until a day."""

    kind: Literal["Waiver"]
    """Waiver"""
    metadata: OwnedMetadata
    """The owner answers for the exception."""
    spec: WaiverSpec
    """What is excepted, why and until when."""
