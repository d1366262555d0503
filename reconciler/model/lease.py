"""Lease: whoever holds it works on an environment, and nobody else does meanwhile."""

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final

from reconciler.model.base import format_timestamp

END: Final = datetime.max.replace(tzinfo=UTC)
"""When one ends of which nothing is known but that it is there."""


@dataclass(frozen=True, slots=True)
class Lease:
    """A lock on an environment, as it stands in a ref. It ends by itself."""

    environment: str
    holder: str
    """Which program on which machine; the same one for as long as it works."""
    reason: str
    """What it is held for, in words: "apply 5d1b0f4e2c11"."""
    since: datetime
    """When it was taken."""
    beat: datetime
    """When its holder last said that it is there."""
    expires: datetime
    """When it ends, unless the holder says so again."""
    fence: int
    """How many records there were when it was taken. An apply that began later, and is not this
    holder's, was faster: the holder may not begin one any more."""

    @property
    def readable(self) -> bool:
        """Whether it says who holds it."""
        return self.expires != END

    @property
    def told(self) -> str:
        """Who holds it, for a person."""
        if not self.readable:
            return f"{self.environment} is held by {self.holder}"
        return (
            f"{self.environment} is held by {self.holder} ({self.reason}), since"
            f" {format_timestamp(self.since)}, until {format_timestamp(self.expires)} at least"
        )
