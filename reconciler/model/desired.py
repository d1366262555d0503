"""Desired: what one commit wants, as typed documents."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from pydantic import BaseModel

from reconciler.model.agent import Agent
from reconciler.model.base import Document
from reconciler.model.blueprint import Blueprint
from reconciler.model.environment import Environment
from reconciler.model.freeze import Freeze
from reconciler.model.profile import Profile, Rollout
from reconciler.model.settings import Settings
from reconciler.model.suppression import Suppression
from reconciler.model.team import Team
from reconciler.model.tree import Entry
from reconciler.model.waiver import Waiver

D = TypeVar("D", bound=Document)


@dataclass(frozen=True, slots=True)
class Loaded(Generic[D]):
    """A document, and the file that it stands in."""

    path: str
    oid: str
    document: D
    whole: bool = True
    """False: broken fields were left out, and it serves for finding more problems only."""


@dataclass(frozen=True, slots=True)
class BlueprintFolder:
    """One released version of a blueprint with its files."""

    path: str
    loaded: Loaded[Blueprint]
    files: tuple[Entry, ...]
    parameters: type[BaseModel]
    """Checks the values that an environment gives."""
    defaults: Mapping[str, Any]
    """The values that the blueprint gives by itself."""

    @property
    def document(self) -> Blueprint:
        """The blueprint's document."""
        return self.loaded.document


@dataclass(frozen=True, slots=True)
class Shared:
    """Everything that environments have in common."""

    settings: Loaded[Settings] | None
    profiles: Mapping[str, Loaded[Profile]]
    teams: Mapping[str, Loaded[Team]]
    agents: Mapping[str, Loaded[Agent]]
    waivers: Mapping[str, Loaded[Waiver]]
    freezes: Mapping[str, Loaded[Freeze]]
    suppressions: Mapping[str, Loaded[Suppression]]
    blueprints: Mapping[tuple[str, str], BlueprintFolder]
    includes: tuple[Entry, ...]


@dataclass(frozen=True, slots=True)
class Desired:
    """What one commit wants. Documents that could not be read are not in it; Problems name them."""

    environments: tuple[Loaded[Environment], ...]
    shared: Shared
    complete: tuple["Effective", ...]
    """Those of the environments that have everything they need, filled in."""


@dataclass(frozen=True, slots=True)
class Effective:
    """One environment with everything that applies to it filled in."""

    environment: Loaded[Environment]
    profile: Loaded[Profile]
    team: Loaded[Team]
    blueprint: BlueprintFolder
    region: str
    parameters: Mapping[str, Any]
    rollout: Rollout
    ttl_hours: int | None

    @property
    def monthly_cost(self) -> int | None:
        """The blueprint's estimate in US dollars, when it gives one."""
        size = self.parameters.get("size")
        return (
            self.blueprint.document.spec.monthly_cost.get(size) if isinstance(size, str) else None
        )
