"""Life: what is done to an environment that comes to its end. No value here acts."""

from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from reconciler.model.merge_request import MergeRequest


@dataclass(frozen=True, slots=True)
class Expired:
    """One step on the way to its end."""

    environment: str
    step: Literal["warned", "kept", "ended", "extended", "destroyed"]
    expires: datetime
    """When it ends, or ended."""
    commit: str = ""
    """What took its document out, or put its end off; empty: nothing did, or did before."""
    proposed: MergeRequest | None = None
    """Where nobody lets us push: nothing is so before that is merged."""
    holds: tuple[str, ...] = ()
    """What holds data, by address, where that keeps it."""


@dataclass(frozen=True, slots=True)
class Waiting:
    """An environment that is there without a document, and whether it may be destroyed."""

    environment: str
    commit: str
    """What took its document out; empty: it cannot be told."""
    last: str
    """The last commit of the target branch that has its document."""
    path: str
    """Where it lay."""
    why: str = ""
    """Why it may not be destroyed; empty: it may."""


@dataclass(frozen=True, slots=True)
class Held:
    """An agent that was put in quarantine, or let go on."""

    agent: str
    verb: Literal["quarantine", "release"]
    because: str
    commit: str = ""
    """What did it; empty: it was so before, or it is only proposed."""
    proposed: MergeRequest | None = None
    """Where nobody lets us push: nothing is so before that is merged."""


@dataclass(frozen=True, slots=True)
class AgentStanding:
    """An agent, and how it did today."""

    name: str
    owner: str
    tracks: tuple[str, ...]
    stopped: str
    """Why it may do nothing; empty: it may."""
    denials: int
    rollbacks: int
    limits: tuple[int, int]
    """So many of each it may have within a day."""
