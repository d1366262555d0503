"""Freeze: the emergency stop."""

from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, Literal

from pydantic import StringConstraints, model_validator

from reconciler.model.base import Document, End, Model, Name, OwnedMetadata, Start, Text
from reconciler.model.merge_request import MergeRequest


class Scope(Model):
    """What stands still: exactly one of these."""

    everything: bool | None = None
    """true = all environments."""
    track: Name | None = None
    """All environments of a track."""
    environment: Name | None = None
    """One environment."""
    agent: Name | None = None
    """Everything that one agent asks for."""

    @model_validator(mode="after")
    def _exactly_one(self) -> "Scope":
        given = [self.everything, self.track, self.environment, self.agent]
        if sum(value is not None for value in given) != 1 or self.everything is False:
            msg = "give exactly one of `everything: true`, `track`, `environment`, `agent`"
            raise ValueError(msg)
        return self


class FreezeSpec(Model):
    """What stands still, why and how long."""

    scope: Scope
    """What stands still."""
    reason: Annotated[Text, StringConstraints(min_length=5)]
    """Why."""
    since: Start
    """From when."""
    expires: End | None = None
    """When it ends by itself; absent = when somebody takes it out."""

    @model_validator(mode="after")
    def _expires_after_since(self) -> "FreezeSpec":
        if self.expires is not None and self.expires <= self.since:
            msg = "`expires` must be later than `since`"
            raise ValueError(msg)
        return self


class Freeze(Document):
    """The emergency stop."""

    kind: Literal["Freeze"]
    """Freeze"""
    metadata: OwnedMetadata
    """The owner is the team that stopped it."""
    spec: FreezeSpec
    """What stands still, why and how long."""


@dataclass(frozen=True, slots=True)
class Frozen:
    """A freeze in few words."""

    name: str
    kind: str
    """everything, track, environment or agent."""
    subject: str
    """Which one; empty for everything."""
    since: datetime
    until: datetime | None
    """When it ends by itself."""


@dataclass(frozen=True, slots=True)
class Stopped:
    """What came of stopping something, or of letting it move again."""

    verb: Literal["freeze", "unfreeze"]
    freezes: tuple[Frozen, ...]
    because: str
    branch: str
    """The target branch."""
    commit: str = ""
    """What did it; empty: it was so before, or it is only proposed."""
    proposed: MergeRequest | None = None
    """Where nobody lets us push: nothing is so before that is merged."""
    kept_out: str = ""
    """What keeps us from the branch."""
    hint: str = ""
    """What would let us through."""
