"""State: what Terraform knows of an environment, without values, which may be secret."""

from dataclasses import dataclass
from typing import Any

from reconciler.model.run import StateMark


@dataclass(frozen=True, slots=True)
class Resource:
    """One resource that a state knows."""

    address: str
    type: str
    identity: str
    managed: bool = True
    """Whether Terraform made it; data is only read."""


@dataclass(frozen=True, slots=True)
class State:
    """What a state knows."""

    mark: StateMark
    resources: tuple[Resource, ...]
    names: frozenset[str]
    """Every name that the cloud may have for what is in it: ARNs and ids."""
    outputs: tuple[tuple[str, Any], ...] = ()
    """By name; what is sensitive, or looks like a secret, is masked."""
