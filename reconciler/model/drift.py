"""Drift: where the cloud is not as declared."""

from dataclasses import dataclass
from datetime import datetime

from reconciler.model.plan import Drifted


@dataclass(frozen=True, slots=True)
class Culprit:
    """Who changed something, as the cloud's own log tells."""

    who: str
    what: str
    when: datetime


@dataclass(frozen=True, slots=True)
class Unmanaged:
    """Something that carries our tags and that no state knows."""

    arn: str
    importing: str
    """An entry of `spec.imports` that takes it over, as YAML; empty where we cannot tell."""
    declared: str = ""
    """The address that the source has for it, and that an apply would try to make anew."""


@dataclass(frozen=True, slots=True)
class Unlooked:
    """An environment that could not be looked at, and why not."""

    environment: str
    reason: str
    message: str
    hint: str


@dataclass(frozen=True, slots=True)
class Drift:
    """What is not as declared, of one environment. The same drift twice has the same digest."""

    environment: str
    drifted: tuple[Drifted, ...]
    unmanaged: tuple[Unmanaged, ...]
    culprits: tuple[tuple[str, Culprit], ...]
    """By address."""
    pending: int
    """Changes that are declared and not applied: no drift, but not in sync either."""
    digest: str
    engine: str

    @property
    def in_sync(self) -> bool:
        """Whether nothing drifted."""
        return not self.drifted and not self.unmanaged
