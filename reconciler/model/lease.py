"""Lease: whoever holds it works on an environment, and nobody else does meanwhile."""

from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True, slots=True)
class Lease:
    """A lock on an environment, as it stands in a ref. It ends by itself."""

    environment: str
    holder: str
    """Which program on which machine; the same one for as long as it runs."""
    reason: str
    """What it is held for, in words."""
    since: datetime
    """When it was taken."""
    beat: datetime
    """When its holder last said that it is there."""
    expires: datetime
    """When it ends, unless the holder says so again."""
    fence: int
    """Which taking of this environment's lease it is: each is one more than the last."""
