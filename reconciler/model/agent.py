"""Agent: a program that opens merge requests, and the limits of what it may do."""

from typing import Literal

from pydantic import Field

from reconciler.model.base import (
    Document,
    Items,
    Model,
    Name,
    OwnedMetadata,
    PathGlob,
    Risk,
    Start,
    Text,
)
from reconciler.model.team import Email, ForgeId, SshKey

Touchable = Literal["Environment", "Profile", "Blueprint", "Waiver", "Freeze", "Suppression"]


class Identity(Model):
    """How the agent is known."""

    email: Email
    """As in its commits."""
    forge_id: ForgeId | None = None
    """Its numeric user id at the forge."""
    keys: Items[SshKey] = ()
    """Public keys that it signs with."""


class Quarantine(Model):
    """The agent may do nothing until a human takes this out."""

    reason: Text
    """Why."""
    since: Start
    """Since when."""


class AgentSpec(Model):
    """What the agent is and may do."""

    identity: Identity
    """How it is known."""
    tracks: Items[Name] = Field(min_length=1)
    """Tracks whose environments it may change."""
    paths: Items[PathGlob] = Field(min_length=1)
    """Paths that it may change."""
    kinds: Items[Touchable] = ("Environment",)
    """Kinds of documents that it may change."""
    highest_risk: Risk
    """The highest risk tier of a change; the track's profile may allow less."""
    changes_per_day: int = Field(ge=0)
    """Changes in a day; the track's profile may allow fewer."""
    quarantine: Quarantine | None = None
    """Set when it misbehaved: it may do nothing."""


class Agent(Document):
    """A program that opens merge requests, and the limits of what it may do."""

    kind: Literal["Agent"]
    """Agent"""
    metadata: OwnedMetadata
    """The owner is the team that answers for what the agent does."""
    spec: AgentSpec
    """What the agent is and may do."""
