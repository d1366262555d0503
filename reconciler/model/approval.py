"""Approval: who agreed to what exactly, and what became of it."""

from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True, slots=True)
class Person:
    """Somebody as a forge or a commit tells; only the id was checked by anybody."""

    name: str
    email: str
    """Empty: not told."""
    forge_id: int | None = None
    """The numeric id at the forge, as the forge itself told it."""


@dataclass(frozen=True, slots=True)
class Approval:
    """An agreement to one commit, one plan and one set of policies, and to nothing else."""

    by: Person
    at: datetime
    head: str
    """The commit that was looked at."""
    plan: str
    """The digest of the plan that was looked at; empty: there was none."""
    policies: str
    """The digest of the policies that had judged it."""
    reference: str = ""
    """Where it was said: the forge's id of it, or a commit."""
    signed_by: str = ""
    """The fingerprint of the SSH key that signed it (`SHA256:...`); whoever gives it has verified
    the signature."""


@dataclass(frozen=True, slots=True)
class Disregarded:
    """An approval that does not count."""

    approval: Approval
    why: str
    """Why, and what to do."""


@dataclass(frozen=True, slots=True)
class Given:
    """What was said about one environment, or about the change itself."""

    approvals: tuple[Approval, ...] = ()
    authors: tuple[Person, ...] = ()
    """Who made it, beside the commits' authors: whoever opened it, with the id at the forge."""
    heads: frozenset[str] = frozenset()
    """Commits that an approval may name because they have what is judged, such as the change's
    last commit where its merge is judged. Empty: only the commit that is judged."""
    plans: frozenset[str] = frozenset()
    """Digests of plans that an approval may name beside the one that is judged, because that is a
    step of what was agreed to with them."""
