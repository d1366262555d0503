"""What is carried from one environment to the next, or taken back."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from reconciler.model.merge_request import MergeRequest


@dataclass(frozen=True, slots=True)
class Move:
    """One value of a document that changes."""

    path: str
    """`spec.blueprint.version`"""
    before: Any
    """None where nothing stood."""
    after: Any
    """None where nothing stands from now on."""


@dataclass(frozen=True, slots=True)
class Green:
    """Whether an environment does well, by what records tell."""

    commit: str
    """What runs in it; empty: nothing does."""
    record: int
    """The apply that brought it; -1: there was none."""
    since: datetime | None
    """Since when it does well; None: it does not."""
    why_not: tuple[str, ...] = ()
    """What is wrong with it."""


@dataclass(frozen=True, slots=True)
class Early:
    """What is brought to an environment before it did well in the one that it follows."""

    environment: str
    source: str
    """The one that it follows."""
    track: str
    asked: timedelta
    """How long it has to do well there."""
    brings: str
    """A digest of what is brought."""
    longest: timedelta | None = None
    """How long it did well there in a row; None: it never ran there."""
    since: datetime | None = None
    """Since when it does well there; None: it does not."""

    @property
    def due(self) -> datetime | None:
        """When it will have done well for long enough; None: nobody can tell."""
        return None if self.since is None else self.since + self.asked


@dataclass(frozen=True, slots=True)
class Promoted:
    """What runs in one environment, proposed for the next one."""

    source: str
    target: str
    stage: str
    """The target's."""
    green: Green
    moves: tuple[Move, ...]
    missing: tuple[str, ...] = ()
    """Parameters that the version asks for, and nobody gave a value for."""
    newer: bool = False
    """Whether the source declares something else by now, which does not run yet."""
    request: MergeRequest | None = None
    """Where it is proposed; None: there is nothing to propose."""


@dataclass(frozen=True, slots=True)
class Good:
    """What was applied, and did well."""

    commit: str
    record: int
    """The apply; -1: somebody named the commit."""


@dataclass(frozen=True, slots=True)
class RolledBack:
    """One environment goes back to an earlier document."""

    environment: str
    bad: str
    """The commit that is taken back."""
    good: Good
    because: str
    moves: tuple[Move, ...]
    evidence: tuple[str, ...] = ()
    beside: tuple[str, ...] = ()
    """What else is not as it was then, and stays as it is."""
    request: MergeRequest | None = None
    """Where it is proposed; None: it went to the target branch at once."""
    commit: str = ""
    """The commit of the target branch."""
