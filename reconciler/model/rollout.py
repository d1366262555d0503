"""Rollout: what is to be done next with a change that reaches users step by step."""

from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True, slots=True)
class Wait:
    """Nothing, for now."""

    until: datetime | None
    """When to look again; None: when something changed, or at the next look."""
    why: str


@dataclass(frozen=True, slots=True)
class Advance:
    """On to a step of the trial."""

    step: int


@dataclass(frozen=True, slots=True)
class Finish:
    """What was on trial is for everybody."""


@dataclass(frozen=True, slots=True)
class Back:
    """Back to what was good."""

    why: str


@dataclass(frozen=True, slots=True)
class Done:
    """Nothing any more."""

    why: str


Move = Wait | Advance | Finish | Back | Done
