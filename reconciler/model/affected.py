"""Affected: the environments that a range of commits touches, and why."""

from dataclasses import dataclass
from enum import StrEnum


class Effect(StrEnum):
    """What a range does to an environment."""

    ADDED = "added"
    REMOVED = "removed"
    CHANGED = "changed"
    """Its rendered files differ."""
    REJUDGED = "rejudged"
    """Same files, but what it is judged by differs: document, profile, team or blueprint."""
    REVERTED = "reverted"
    """Same files, and its document newly orders that drift is put back."""


@dataclass(frozen=True, slots=True, order=True)
class Affected:
    """One environment that a range touches. `broken` = it cannot be rendered at the range's end."""

    name: str
    path: str
    effect: Effect
    reasons: tuple[str, ...]
    broken: bool = False
    moved_from: str = ""
    """Where its document stood before, when it moved."""
