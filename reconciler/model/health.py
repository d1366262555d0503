"""Health: whether an environment does what it is for."""

from dataclasses import dataclass
from datetime import datetime, timedelta


@dataclass(frozen=True, slots=True)
class Complaint:
    """One thing that is not as it should be."""

    what: str
    """In words that hold no secret."""
    patience: timedelta
    """How long after a change that is nothing bad."""
    since: datetime | None = None
    """Since when, where the cloud tells."""


@dataclass(frozen=True, slots=True)
class Well:
    """Nothing is wrong with it."""


@dataclass(frozen=True, slots=True)
class Unsettled:
    """It cannot be called well, and nobody can say that the change made it ill."""

    why: str
    until: datetime | None
    """When patience ends; None: it was so before the change, or nobody can tell."""


@dataclass(frozen=True, slots=True)
class Ill:
    """The change did not do it good."""

    why: str


State = Well | Unsettled | Ill
