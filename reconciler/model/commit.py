"""Commit: what a commit says of itself."""

from dataclasses import dataclass
from datetime import datetime

from reconciler.model.author import Author


@dataclass(frozen=True, slots=True)
class Commit:
    """Who made it, when and why, as far as it says; anybody can write any name and date."""

    id: str
    parents: tuple[str, ...]
    """Also those that a shallow clone lacks."""
    author: Author
    authored: datetime
    committed: datetime
    message: str

    @property
    def subject(self) -> str:
        """The first line of its message."""
        return self.message.strip().partition("\n")[0]
