"""What verifying and replaying records comes to."""

from dataclasses import dataclass
from hashlib import sha256
from typing import Final

_ONCE: Final = frozenset(
    {
        *("actor", "approval", "clock", "freeze", "future", "hole", "merge", "not-a-record"),
        *("override", "plan", "signature", "simulated", "twice", "unknown-key", "unsigned"),
        "waiver",
    }
)
"""Codes that a commit has once at most, so that the commit says which break is meant."""


@dataclass(frozen=True, slots=True)
class Break:
    """One thing that is not as it must be."""

    sequence: int | None
    """The record's number, or the number that it should have; None: nobody knows it."""
    commit: str
    """Empty: about no one commit."""
    code: str
    why: str
    follows: bool = False
    """Whether it says no more than a break before it: a record that is lost takes others along."""
    known_by: str = ""
    """The name, where only that is known any more."""

    @property
    def name(self) -> str:
        """By which somebody answers for it, and for no other one."""
        plain = f"{self.code}@{self.commit[:12] or 'branch'}"
        mark = (
            ""
            if self.code in _ONCE
            else f"-{sha256(self.why.encode('utf-8', 'surrogatepass')).hexdigest()[:8]}"
        )
        return self.known_by or plain + mark


@dataclass(frozen=True, slots=True)
class Anchor:
    """A tag that says how far the history had come."""

    name: str
    commit: str
    sequence: int
    key: str
    """Whose signature it has; empty when it is not signed."""


@dataclass(frozen=True, slots=True)
class Verified:
    """What verifying came to."""

    branch: str
    tip: str
    records: int
    signed: int
    """So many have a good signature of a key that was known then."""
    breaks: tuple[Break, ...]
    acknowledged: tuple[tuple[str, str], ...]
    """Names of breaks that somebody answered for, and who and why."""
    anchors: tuple[Anchor, ...]
    """Those that the history reaches, oldest first."""
    unsettled: tuple[tuple[str, int], ...]
    """Environments with an apply that has begun and not ended, and its record."""
    notes: tuple[str, ...]
    """What could not be looked at, or only in part."""

    @property
    def open_breaks(self) -> tuple[Break, ...]:
        """Those that nobody answered for."""
        known = {name for name, _ in self.acknowledged}
        return tuple(one for one in self.breaks if one.name not in known)

    @property
    def whole(self) -> bool:
        """Whether nothing is broken."""
        return not self.breaks


@dataclass(frozen=True, slots=True)
class Replayed:
    """One decision, then and now."""

    sequence: int
    commit: str
    environment: str
    then: str
    """The verdict that was recorded."""
    now: str
    """The verdict that is come to again; empty: none."""
    same: bool
    """Whether it is the same to the byte."""
    engines: tuple[tuple[str, str, str], ...]
    """Programs that are others now: name, then, now."""
    differences: tuple[str, ...]
    """What is not the same, but for the engines' names."""
    taken: tuple[str, ...]
    """Gates that could not be asked again, and whose recorded word was taken."""

    @property
    def agrees(self) -> bool:
        """Whether it is the same, but for what other programs are called."""
        return self.same or not self.differences
