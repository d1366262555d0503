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
