"""Author: who made a commit, as far as the commit says."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, order=True)
class Author:
    """Anybody can write any name into a commit; signatures are checked where records are."""

    email: str
    name: str
